//! Numbers per pixel, and what they mean.

use std::borrow::Cow;

use ndarray::{Array2, Zip};

use super::camera::Camera;
use super::clip::ClipOptions;
use super::stretch::{nearness, to_u16};
use crate::image::map::fold;
use crate::networks::DepthKind;
use crate::{Error, Monitor, Result};

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

/// How many values there are, how many of them are NaN or infinite, the smallest, the largest.
type Summary = (usize, usize, f32, f32);

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
            let measured = self.measured_values();
            match self.kind {
                DepthKind::Inverse => measured.fold(f32::INFINITY, f32::min),
                DepthKind::Depth | DepthKind::Metric => measured.fold(f32::NEG_INFINITY, f32::max),
            }
        })
    }

    /// The numbers that were measured.
    fn measured_values(&self) -> impl Iterator<Item = f32> {
        let mut valid = self.valid.iter().flatten();
        let values = self.values.iter().copied();
        values.filter(move |_| *valid.next().unwrap_or(&true))
    }

    /// What a network predicted, if that says anything. A map that is the same
    /// wherever it was measured is a [`warning`](Monitor::warn).
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when all measured numbers are zero, or one of them
    /// is NaN or infinite: weights that are damaged, all zero or NaN.
    pub fn checked(self, monitor: &Monitor<'_>) -> Result<Self> {
        let nothing = |what: String| {
            Error::Checkpoint(format!(
                "the network gave nothing: {what}; its file is probably damaged, so delete it and fetch it again, or \
                 choose another network"
            ))
        };
        let step = |(count, infinite, least, most): Summary, value: f32| {
            let infinite = infinite + usize::from(!value.is_finite());
            (count + 1, infinite, least.min(value), most.max(value))
        };
        let none: Summary = (0, 0, f32::INFINITY, f32::NEG_INFINITY);
        let (count, infinite, least, most) = match self.valid {
            None => fold(self.values.view(), none, step, |a, b| {
                (a.0 + b.0, a.1 + b.1, a.2.min(b.2), a.3.max(b.3))
            }),
            Some(_) => self.measured_values().fold(none, step),
        };
        if infinite > 0 {
            return Err(nothing(format!(
                "{infinite} of {count} values are NaN or infinite"
            )));
        }
        if self.valid.is_some() && count == 0 {
            monitor.warn("the network could measure nothing in this picture");
        } else if count == 0 || (least == 0.0 && most == 0.0) {
            return Err(nothing("every value is zero".into()));
        } else if least == most && count > 1 {
            monitor.warn(&format!(
                "the depth map is flat: every value is {least}; is the picture of one colour, or the network's file damaged?"
            ));
        }
        Ok(self)
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ndarray::{Array2, array};

    use super::*;

    /// What becomes of these values, and what is said on the way.
    fn checked(values: Array2<f32>, valid: Option<Array2<bool>>) -> (Result<DepthMap>, Vec<String>) {
        let said = Mutex::new(Vec::new());
        let warn = |sentence: &str| said.lock().unwrap().push(sentence.to_owned());
        let monitor = Monitor::silent().with_warnings(&warn);
        let map = DepthMap::new(values, DepthKind::Inverse).with_valid(valid);
        let map = map.checked(&monitor);
        (map, said.into_inner().unwrap())
    }

    #[test]
    fn a_network_that_gives_nothing_is_an_error() {
        for values in [
            array![[f32::NAN, f32::NAN]],
            array![[1.0, f32::NAN]],
            array![[1.0, f32::INFINITY]],
            array![[0.0, -0.0]],
            Array2::zeros((0, 3)),
        ] {
            let error = checked(values.clone(), None).0.unwrap_err().to_string();
            assert!(error.contains("the network gave nothing"), "{values}: {error}");
        }
    }

    #[test]
    fn a_flat_map_is_a_warning_and_any_other_is_silent() {
        let (map, said) = checked(array![[2.5, 2.5]], None);
        assert_eq!(map.unwrap().values(), array![[2.5, 2.5]]);
        assert!(said.len() == 1 && said[0].contains("2.5"), "{said:?}");
        for values in [array![[0.0, 1.0]], array![[7.0]], array![[-1.0, 1e-9]]] {
            let (map, said) = checked(values, None);
            assert!(map.is_ok() && said.is_empty(), "{said:?}");
        }
    }

    #[test]
    fn only_what_was_measured_is_checked() {
        let (map, said) = checked(array![[f32::NAN, 1.0, 2.0]], Some(array![[false, true, true]]));
        assert!(map.is_ok() && said.is_empty(), "{said:?}");
        let (map, _) = checked(array![[1.0, 0.0, 0.0]], Some(array![[false, true, true]]));
        assert!(map.unwrap_err().to_string().contains("every value is zero"));
        let (map, said) = checked(array![[1.0, 2.0]], Some(array![[false, false]]));
        assert!(
            map.is_ok() && said[0].contains("nothing in this picture"),
            "{said:?}"
        );
    }
}
