//! Floor 0: typed planes, decoding and encoding, resampling and filters.
//!
//! A plane is an [`ndarray::Array2`] in rows and columns (`[H, W]`), a colour
//! picture an [`ndarray::Array3`] with the channels last (`[H, W, C]`).

pub mod resize;
mod simd;
mod size;

pub use size::{Raster, Size};
