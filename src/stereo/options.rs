//! What the two eyes look like, checked once and turned into pixel shifts.

use super::Fill;
use crate::options::options;

options! {
    /// How a picture and its depth become two eyes.
    #[derive(Copy)]
    pub struct StereoOptions("stereo", "stereo_") {
        /// Largest shift between the eyes in percent of the width.
        ///
        /// The parallax between the farthest and the nearest point, both eyes
        /// taken together. Negative turns the relief inside out.
        divergence: f64 = 2.5, least(-100.0), most(100.0);
        /// Constant shift in percent of the width.
        ///
        /// Positive moves the whole scene away from the viewer.
        separation: f64 = 0.0, least(-100.0), most(100.0);
        /// How areas only one eye sees are filled.
        fill as "stereo_fill_algo": Fill = Fill::PolylinesSharp;
        /// Shift = nearness to this power.
        ///
        /// Above 1 flattens the background, below 1 the foreground.
        offset_exponent: f64 = 1.0, above(0.0), most(10.0);
        /// -1: only the right eye moves; 1: only the left one.
        balance: f64 = 0.0, least(-1.0), most(1.0);
        /// Which nearness lies in the plane of the screen: 0 the farthest point, 1 the nearest.
        ///
        /// What is nearer stands out in front of the screen.
        convergence: f64 = 0.0, least(0.0), most(1.0);
    }
    and {
        /// Whether the masks of the openings are wanted too.
        holes: bool = false;
    }
}

impl StereoOptions {
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
