//! The polylines fills, bit for bit.
//!
//! A row of the picture becomes a polyline along the row of the eye. It starts
//! at `-width`, passes every pixel's shifted centre (`polylines_soft`) or runs
//! level for 0.45 pixels to either side of it (`polylines_sharp`), and ends at
//! `2 * width`. Cut at its points and at the pixel borders it gives pieces; a
//! pixel is the sum of its pieces' colours, weighted by their lengths. Where the
//! line folds back over itself the nearest segment is seen.
//!
//! Almost everywhere a row does not fold: what is seen there is the very
//! segment that made the piece, and a plain walk along the line does. Only
//! inside folds are points sorted and segments compared. Both evaluate the same
//! expressions in the same order, in doubles, so that the bytes are the same as
//! if every row had been sorted as a whole.

mod line;
mod pen;
mod runs;
mod sweep;

use line::{Fold, Line};
use pen::Pen;
use sweep::Sweep;

use super::options::Shift;
use crate::simd::{self, Kernel};

/// Half the length of a pixel's plateau.
const HALF_WIDTH: f64 = 0.45;

/// What a thread keeps from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    places: Vec<f64>,
    folds: Vec<Fold>,
    sweep: Sweep,
}

/// Draws one row of an eye. `nearness` holds a value a pixel, `colours` a plane
/// a channel.
pub(super) fn draw_row<const SHARP: bool, const C: usize>(
    nearness: &[f64],
    colours: [&[f64]; C],
    shift: Shift,
    scratch: &mut Scratch,
    out: &mut [[u8; C]],
) {
    let Scratch { places, folds, sweep } = scratch;
    places.resize(nearness.len(), 0.0);
    simd::run(ShiftCentres {
        nearness,
        shift,
        places,
    });
    let line = Line::<SHARP, C> {
        places,
        nearness,
        colours,
        divergence: shift.divergence,
    };
    line.find_folds(folds);
    let mut pen = Pen::new(out);
    line.draw(folds, sweep, &mut pen);
    if !pen.is_sound() {
        // A piece so short that rounding put its middle outside its segment.
        let mut pen = Pen::new(out);
        let whole = Fold {
            from: -f64::INFINITY,
            to: f64::INFINITY,
            first: 0,
            last: line.last_point(),
        };
        sweep.draw(&line, whole, &mut pen);
    }
}

/// Finds where the centres of a row's pixels come to lie.
struct ShiftCentres<'a> {
    nearness: &'a [f64],
    shift: Shift,
    places: &'a mut [f64],
}

impl Kernel for ShiftCentres<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Shift {
            divergence,
            separation,
        } = self.shift;
        for (x, (place, nearness)) in self.places.iter_mut().zip(self.nearness).enumerate() {
            *place = runs::to_f64(x) + 0.5 + nearness * divergence + separation;
        }
    }
}
