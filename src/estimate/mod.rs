//! Floor 2: picture -> preprocess -> network -> [`DepthMap`](crate::depth::DepthMap).
