//! The inverse warp of a scanline: where every pixel of an eye comes from, with
//! surfaces torn apart at depth edges instead of stretched across them.

use super::options::Shift;

/// Where neighbouring pixels come to lie farther apart than this, the polylines
/// fills show something made up.
pub(super) const TEAR: f64 = 1.5;

/// A row of an eye.
#[derive(Default)]
pub(super) struct WarpedRow {
    /// The place in the row of the picture that a pixel's centre shows, in
    /// columns (0 = the centre of the first pixel); [`OPENING`] where no
    /// surface covers it.
    pub columns: Vec<f32>,
    /// The nearness of that place; -1 where no surface covers it.
    pub nearness: Vec<f32>,
}

/// The column of a pixel that shows no surface.
pub(super) const OPENING: f32 = -1.0;

impl WarpedRow {
    /// Warps a row. Where surfaces cover each other the nearest one is seen;
    /// neighbours that come to lie farther apart than `tear` are not of one surface.
    pub fn warp(&mut self, nearness: &[f64], shift: Shift, tear: f64) {
        let width = nearness.len();
        self.columns.clear();
        self.columns.resize(width, OPENING);
        self.nearness.clear();
        self.nearness.resize(width, -1.0);
        let place = |x: usize| x as f64 + 0.5 + nearness[x] * shift.divergence + shift.separation;
        let joined = |gap: f64| gap > 0.0 && gap <= tear;
        let mut next = place(0);
        let mut joined_before = false;
        for x in 0..width {
            let here = next;
            next = if x + 1 < width {
                place(x + 1)
            } else {
                f64::INFINITY
            };
            let joined_after = joined(next - here);
            let n = nearness[x];
            if !joined_before {
                self.cover(here - 0.5, here, |_| (x as f64, n));
            }
            if joined_after {
                self.cover(here, next, |at| {
                    let k = (at - here) / (next - here);
                    (x as f64 + k, n + (nearness[x + 1] - n) * k)
                });
            } else {
                self.cover(here, here + 0.5, |_| (x as f64, n));
            }
            joined_before = joined_after;
        }
    }

    /// Shows a surface in the pixels whose centres lie in `from..to`.
    #[inline(always)]
    fn cover(&mut self, from: f64, to: f64, surface: impl Fn(f64) -> (f64, f64)) {
        let width = self.columns.len() as f64;
        let first = (from - 0.5).ceil().max(0.0);
        let end = (to - 0.5).ceil().min(width);
        let mut x = first;
        while x < end {
            let (column, nearness) = surface(x + 0.5);
            let i = x as usize;
            if nearness as f32 > self.nearness[i] {
                self.columns[i] = column as f32;
                self.nearness[i] = nearness as f32;
            }
            x += 1.0;
        }
    }
}
