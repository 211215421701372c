//! Floor 3: depth -> left and right eyes, fills, layouts, anaglyphs.

mod eyes;
mod fill;
mod nearness;
mod options;
mod polylines;
mod scatter;
mod widened;

pub use eyes::{Eyes, eyes};
pub use fill::Fill;
pub use nearness::DepthSample;
pub use options::StereoOptions;
