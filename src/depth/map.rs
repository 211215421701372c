//! Numbers per pixel, and what they mean.

use ndarray::Array2;

use super::clip::Clip;
use super::stretch::{nearness, to_u16};
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
}

impl DepthMap {
    /// Wraps `values` (`[H, W]`), which mean `kind`.
    pub fn new(values: Array2<f32>, kind: DepthKind) -> Self {
        Self { values, kind }
    }

    /// What a network predicted, if that says anything. A map that is the same
    /// everywhere is a [`warning`](Monitor::warn).
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the values are zero everywhere, or one of
    /// them is NaN or infinite: weights that are damaged, all zero or NaN.
    pub fn predicted(values: Array2<f32>, kind: DepthKind, monitor: &Monitor<'_>) -> Result<Self> {
        let unmeasured = values.iter().filter(|value| !value.is_finite()).count();
        let nothing = |what: String| {
            Error::Checkpoint(format!(
                "the network gave nothing: {what}; its file is probably damaged, so delete it and fetch it again, or \
                 choose another network"
            ))
        };
        if unmeasured > 0 {
            let all = values.len();
            return Err(nothing(format!(
                "{unmeasured} of {all} values are NaN or infinite"
            )));
        }
        let first = values.first().copied().unwrap_or_default();
        if values.iter().all(|&value| value == first) {
            if first == 0.0 {
                return Err(nothing("every value is zero".into()));
            }
            if values.len() > 1 {
                monitor.warn(&format!(
                    "the depth map is flat: every value is {first}; is the picture of one colour, or the network's file damaged?"
                ));
            }
        }
        Ok(Self::new(values, kind))
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
    pub fn to_u16(&self, clip: Option<Clip>) -> Result<Array2<u16>> {
        to_u16(self.values.view(), self.kind, clip)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ndarray::{Array2, array};

    use super::*;

    /// What becomes of these values, and what is said on the way.
    fn predicted(values: Array2<f32>) -> (Result<DepthMap>, Vec<String>) {
        let said = Mutex::new(Vec::new());
        let warn = |sentence: &str| said.lock().unwrap().push(sentence.to_owned());
        let monitor = Monitor::silent().with_warnings(&warn);
        let map = DepthMap::predicted(values, DepthKind::Inverse, &monitor);
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
            let error = predicted(values.clone()).0.unwrap_err().to_string();
            assert!(error.contains("the network gave nothing"), "{values}: {error}");
        }
    }

    #[test]
    fn a_flat_map_is_a_warning_and_any_other_is_silent() {
        let (map, said) = predicted(array![[2.5, 2.5]]);
        assert_eq!(map.unwrap().values(), array![[2.5, 2.5]]);
        assert!(said.len() == 1 && said[0].contains("2.5"), "{said:?}");
        for values in [array![[0.0, 1.0]], array![[7.0]], array![[-1.0, 1e-9]]] {
            let (map, said) = predicted(values);
            assert!(map.is_ok() && said.is_empty(), "{said:?}");
        }
    }
}
