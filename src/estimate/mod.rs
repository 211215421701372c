//! Floor 3: picture -> preprocess -> network -> [`DepthMap`](crate::depth::DepthMap).

pub mod boost;
mod estimator;
pub mod guided_upsampling;
mod input;
pub mod mirror;
pub mod preprocess;
#[cfg(test)]
mod stub;
pub mod tiling;

pub use estimator::{EstimateOptions, Estimator};
