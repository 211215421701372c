//! Numbers per pixel, and what they mean.

use std::borrow::Cow;

use ndarray::{Array2, Zip};

use super::camera::Camera;
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
    valid: Option<Array2<bool>>,
    camera: Option<Camera>,
}

impl DepthMap {
    /// Wraps `values` (`[H, W]`), which mean `kind`, all of them measured by an unknown camera.
    pub fn new(values: Array2<f32>, kind: DepthKind) -> Self {
        Self {
            values,
            kind,
            valid: None,
            camera: None,
        }
    }

    /// The same, measured only where `valid` (`[H, W]`) says so; `None` is everywhere.
    pub fn with_valid(self, valid: Option<Array2<bool>>) -> Self {
        Self { valid, ..self }
    }

    /// The same, seen by this camera.
    pub fn with_camera(self, camera: Option<Camera>) -> Self {
        Self { camera, ..self }
    }

    /// Where it was measured, `[H, W]`; `None` is everywhere.
    pub fn valid(&self) -> Option<&Array2<bool>> {
        self.valid.as_ref()
    }

    /// The camera that saw it, where it is known.
    pub fn camera(&self) -> Option<Camera> {
        self.camera
    }

    /// The numbers, NaN where nothing was measured.
    pub fn measured(&self) -> Cow<'_, Array2<f32>> {
        self.with_unmeasured(|| f32::NAN)
    }

    /// The numbers, as far as any where nothing was measured.
    fn filled(&self) -> Cow<'_, Array2<f32>> {
        self.with_unmeasured(|| {
            let measured = self.values.iter().zip(self.valid.iter().flatten());
            let measured = measured.filter_map(|(value, valid)| valid.then_some(*value));
            match self.kind {
                DepthKind::Inverse => measured.fold(f32::INFINITY, f32::min),
                DepthKind::Depth | DepthKind::Metric => measured.fold(f32::NEG_INFINITY, f32::max),
            }
        })
    }

    fn with_unmeasured(&self, number: impl FnOnce() -> f32) -> Cow<'_, Array2<f32>> {
        let Some(valid) = &self.valid else {
            return Cow::Borrowed(&self.values);
        };
        let number = number();
        let values = Zip::from(&self.values).and(valid);
        Cow::Owned(values.map_collect(|value, valid| if *valid { *value } else { number }))
    }

    /// The network's numbers, `[H, W]`, wherever it could measure or not.
    pub fn values(&self) -> &Array2<f32> {
        &self.values
    }

    /// What they mean.
    pub fn kind(&self) -> DepthKind {
        self.kind
    }

    /// The values stretched to 0..1, near = 1; see [`nearness`]. What was not measured is far.
    ///
    /// # Errors
    /// As [`nearness`].
    pub fn nearness(&self) -> Result<Array2<f32>> {
        nearness(self.filled().view(), self.kind)
    }

    /// The 16-bit depth map, near = bright; see [`to_u16`].
    ///
    /// # Errors
    /// As [`to_u16`].
    pub fn to_u16(&self, clip: Option<ClipOptions>) -> Result<Array2<u16>> {
        to_u16(self.filled().view(), self.kind, clip)
    }
}
