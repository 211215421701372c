//! What the two eyes look like, checked once and turned into pixel shifts.

use super::Fill;
use crate::{Error, Result};

/// How a picture and its depth become two eyes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StereoOptions {
    /// Parallax between the farthest and the nearest point, both eyes taken
    /// together, in percent of the picture's width (-100 to 100). Negative
    /// turns the relief inside out.
    pub divergence: f64,
    /// Extra parallax for everything, in percent of the width (-100 to 100).
    /// Positive moves the whole scene away from the viewer.
    pub separation: f64,
    /// Which eye does the moving: -1 leaves the left eye as it is, 1 the right
    /// one, 0 shares.
    pub balance: f64,
    /// Nearness is raised to this power (above 0, up to 10): above 1 flattens
    /// the background, below 1 the foreground.
    pub offset_exponent: f64,
    /// How openings are filled.
    pub fill: Fill,
    /// The nearness (0 = farthest point, 1 = nearest point) that lies in the
    /// plane of the screen; what is nearer stands out in front of it.
    pub convergence: f64,
    /// Whether the masks of the openings are wanted too.
    pub holes: bool,
}

impl Default for StereoOptions {
    /// Divergence 2.5, nothing else moved, `polylines_sharp`, no masks.
    fn default() -> Self {
        Self {
            divergence: 2.5,
            separation: 0.0,
            balance: 0.0,
            offset_exponent: 1.0,
            fill: Fill::default(),
            convergence: 0.0,
            holes: false,
        }
    }
}

impl StereoOptions {
    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the first option outside its range.
    pub fn validate(&self) -> Result<()> {
        let ranges = [
            ("divergence", self.divergence, -100.0, 100.0),
            ("separation", self.separation, -100.0, 100.0),
            ("balance", self.balance, -1.0, 1.0),
            ("convergence", self.convergence, 0.0, 1.0),
            ("offset exponent", self.offset_exponent, f64::MIN_POSITIVE, 10.0),
        ];
        for (name, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                let low = if low == f64::MIN_POSITIVE {
                    "more than 0".into()
                } else {
                    low.to_string()
                };
                return Err(Error::invalid(format!(
                    "the stereo {name} is {value}; give a number from {low} to {high}"
                )));
            }
        }
        Ok(())
    }

    /// The shifts of the left and the right eye of a picture `width` pixels
    /// wide; `None` is an eye that stays the untouched picture.
    pub(super) fn shifts(&self, width: usize) -> [Option<Shift>; 2] {
        let left_share = (self.balance + 1.0) / 2.0;
        let shift = |divergence: f64, separation: f64| {
            let divergence = divergence / 100.0 * width as f64;
            let mut separation = separation / 100.0 * width as f64;
            if self.convergence > 0.0 {
                separation -= raise(self.convergence, self.offset_exponent) * divergence;
            }
            Shift {
                divergence,
                separation,
            }
        };
        [
            (left_share >= 0.001).then(|| shift(self.divergence * left_share, -self.separation)),
            (left_share <= 0.999).then(|| shift(-self.divergence * (1.0 - left_share), self.separation)),
        ]
    }
}

/// How far an eye moves a pixel: `nearness * divergence + separation` pixels
/// to the right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    /// Pixels between nearness 0 and nearness 1.
    pub divergence: f64,
    /// Pixels for everything.
    pub separation: f64,
}

/// `base` to the power `exponent`. The powers of the user interface are
/// multiplied out: the library function differs between platforms in the last
/// bit.
pub(super) fn raise(base: f64, exponent: f64) -> f64 {
    if exponent == 1.0 {
        base
    } else if exponent == 2.0 {
        base * base
    } else {
        base.powf(exponent)
    }
}
