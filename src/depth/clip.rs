//! Cutting off what is too far and too near.

use crate::{Error, Result};

/// Which part of the depth is stretched over the whole range; what lies
/// beyond becomes black or white.
///
/// If `far` equals `near` the result is a mask: white from there on, black
/// beyond. (The reference promised that but gave a black picture.)
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// From the fraction `far` to the fraction `near` of the range of values.
    Range {
        /// Far end, 0..1, 0 the farthest value.
        far: f64,
        /// Near end, 0..1, 1 the nearest value.
        near: f64,
    },
    /// From the `far` to the `near` quantile of the pixels.
    Outliers {
        /// Far end, 0..1: the fraction of pixels that are farther.
        far: f64,
        /// Near end, 0..1: the fraction of pixels that are not nearer.
        near: f64,
    },
}

impl Clip {
    /// The mode of this name, `Range` or `Outliers`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other name, and as [`check`](Self::check).
    pub fn named(mode: &str, far: f64, near: f64) -> Result<Self> {
        let clip = match mode {
            "Range" => Self::Range { far, near },
            "Outliers" => Self::Outliers { far, near },
            _ => {
                return Err(Error::invalid(format!(
                    "the clip mode {mode:?} is unknown; use \"Range\" or \"Outliers\""
                )));
            }
        };
        clip.check()?;
        Ok(clip)
    }

    /// The far and the near end.
    pub fn ends(self) -> (f64, f64) {
        match self {
            Self::Range { far, near } | Self::Outliers { far, near } => (far, near),
        }
    }

    /// Whether the ends make sense.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless 0 <= far <= near <= 1.
    pub fn check(self) -> Result<()> {
        let (far, near) = self.ends();
        for (name, value) in [("far", far), ("near", near)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::invalid(format!(
                    "the {name} end of the clip is {value}; it must lie in 0..1"
                )));
            }
        }
        if far > near {
            return Err(Error::invalid(format!(
                "the far end of the clip, {far}, is above the near end, {near}; swap them, or invert the result"
            )));
        }
        Ok(())
    }
}
