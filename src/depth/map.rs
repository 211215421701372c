//! Numbers per pixel, and what they mean.

use ndarray::Array2;

use super::clip::ClipOptions;
use super::stretch::{nearness, to_u16};
use crate::Result;
use crate::networks::DepthKind;

/// A network's own numbers at image size, and what they mean.
///
/// ```
/// use ndarray::array;
/// use rilievo::depth::{DepthKind, DepthMap};
///
/// let metres = DepthMap::new(array![[1.0, 2.0, 5.0]], DepthKind::Metric);
/// assert_eq!(metres.nearness()?, array![[1.0, 0.75, 0.0]]);
/// assert_eq!(metres.to_u16(None)?, array![[65535, 49152, 0]]);
/// # Ok::<(), rilievo::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DepthMap {
    values: Array2<f32>,
    kind: DepthKind,
}

impl DepthMap {
    /// Wraps `values` (`[H, W]`), which mean `kind`.
    pub fn new(values: Array2<f32>, kind: DepthKind) -> Self {
        Self { values, kind }
    }

    /// The numbers, `[H, W]`.
    pub fn values(&self) -> &Array2<f32> {
        &self.values
    }

    /// What they mean.
    pub fn kind(&self) -> DepthKind {
        self.kind
    }

    /// The values stretched to 0..1, near = 1; see [`nearness`].
    ///
    /// # Errors
    /// As [`nearness`].
    pub fn nearness(&self) -> Result<Array2<f32>> {
        nearness(self.values.view(), self.kind)
    }

    /// The 16-bit depth map, near = bright; see [`to_u16`].
    ///
    /// # Errors
    /// As [`to_u16`].
    pub fn to_u16(&self, clip: Option<ClipOptions>) -> Result<Array2<u16>> {
        to_u16(self.values.view(), self.kind, clip)
    }
}
