//! Floor 2: picture -> preprocess -> network -> [`DepthMap`](crate::depth::DepthMap).

pub mod boost;
pub mod device;
mod estimator;
pub mod guided;
mod look;
mod memory;
pub mod preprocess;
mod runner;
pub mod tiling;
pub mod zoedepth;

pub use device::{DeviceChoice, Precision, devices};
pub use estimator::{EstimateOptions, Estimator};
