//! Floor 4: depth -> left and right eyes, fills, layouts, anaglyphs.
//!
//! ```
//! use ndarray::{Array2, Array3};
//! use rilievo::Monitor;
//! use rilievo::stereo::{Mode, StereoOptions, compose, eyes};
//!
//! let image = Array3::<u8>::zeros((4, 6, 3));
//! let depth = Array2::from_shape_fn((4, 6), |(_, x)| x as u16);
//! let eyes = eyes(image.view(), depth.view(), &StereoOptions::default(), &Monitor::silent())?;
//! assert_eq!(compose(&eyes, Mode::LeftRight)?.dim(), (4, 12, 3));
//! assert_eq!(compose(&eyes, "half-left-right".parse()?)?.dim(), (4, 6, 3));
//! # Ok::<(), rilievo::Error>(())
//! ```

// Loops over the channels of a pixel walk several arrays side by side: an index reads best.
#![allow(clippy::needless_range_loop)]

mod anaglyph;
mod compose;
mod eyes;
mod fill;
mod inpaint;
mod mode;
mod nearness;
mod options;
mod polylines;
mod rows;
mod scatter;
mod warp;

pub use compose::compose;
pub use eyes::{Eyes, eyes, pictures};
pub use fill::Fill;
pub use mode::{Mode, ModeKind};
pub use nearness::DepthSample;
pub use options::StereoOptions;
