//! Floor 2: picture -> preprocess -> network -> [`DepthMap`](crate::depth::DepthMap).

pub mod boost;
mod boosting;
pub mod device;
mod estimator;
pub mod guided;
pub mod preprocess;
pub mod zoedepth;

pub use boosting::MergeNetwork;
pub use device::{DeviceChoice, Precision};
pub use estimator::{Estimator, Settings};
