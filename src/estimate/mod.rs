//! Floor 2: picture -> preprocess -> network -> [`DepthMap`](crate::depth::DepthMap).

pub mod device;
pub mod guided;
pub mod preprocess;
