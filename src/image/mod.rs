//! Floor 0: typed planes, decoding and encoding, resampling and filters.
//!
//! A plane is an [`ndarray::Array2`] in rows and columns (`[H, W]`), a colour
//! picture an [`ndarray::Array3`] with the channels last (`[H, W, C]`).

mod animation;
mod decode;
mod depth_files;
mod encode;
pub mod filter;
pub(crate) mod light;
pub(crate) mod map;
mod picture;
mod plane;
pub mod resize;
pub(crate) mod size;

pub use animation::{AnimationFormat, AnimationWriter};
pub use decode::{Limits, read_picture};
pub use depth_files::{DepthValues, read_plane, save_depth};
pub use encode::{PngSample, write_png};
pub use picture::Picture;
pub use plane::Plane;
pub use size::{Raster, Size};
