//! The whole-pixel fills: `none`, `naive` and `naive_interpolating`.

use super::options::Shift;
use crate::image::simd::{self, Kernel, leading};

/// Runs shorter than this are moved pixel by pixel.
const LONG_RUN: usize = 8;

/// By how many whole pixels every pixel of a row moves: its shift, cut off
/// toward zero.
pub(super) fn whole_shifts(nearness: &[f64], shift: Shift, out: &mut [i32]) {
    simd::run(WholeShifts { nearness, shift, out });
}

struct WholeShifts<'a> {
    nearness: &'a [f64],
    shift: Shift,
    out: &'a mut [i32],
}

impl Kernel for WholeShifts<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, nearness) in self.out.iter_mut().zip(self.nearness) {
            let shift = nearness * self.shift.divergence + self.shift.separation;
            // SAFETY: nearness is between 0 and 1, the sum at most three times the width of
            // a picture, and that is below 2^28.
            *out = unsafe { shift.to_int_unchecked() };
        }
    }
}

/// Moves every pixel of a row by its [shift](whole_shifts). Nearer pixels come
/// later and cover what is there. Fills `out` and `landed` completely: what
/// nothing landed on is black and `false`.
pub(super) fn scatter<const C: usize>(
    shifts: &[i32],
    leftward: bool,
    row: &[[u8; C]],
    out: &mut [[u8; C]],
    landed: &mut [bool],
) {
    out.fill([0; C]);
    landed.fill(false);
    let width = row.len() as i64;
    let mut land = |from: usize, run: &[i32]| {
        // The part of the run that comes to lie inside the row.
        let shift = i64::from(run[0]);
        let first = (-shift).max(from as i64);
        let end = (width - shift).min((from + run.len()) as i64);
        if first >= end {
            return;
        }
        let (first, end) = (first as usize, end as usize);
        let to = (first as i64 + shift) as usize;
        let (source, target) = (&row[first..end], to..to + (end - first));
        if source.len() < LONG_RUN {
            let target = out[target.clone()].iter_mut().zip(&mut landed[target]);
            for ((out, landed), pixel) in target.zip(source) {
                *out = *pixel;
                *landed = true;
            }
        } else {
            out[target.clone()].copy_from_slice(source);
            landed[target].fill(true);
        }
    };
    let runs = shifts.chunk_by(|a, b| a == b);
    if leftward {
        let mut from = 0;
        for run in runs {
            land(from, run);
            from += run.len();
        }
    } else {
        let mut end = shifts.len();
        for run in runs.rev() {
            end -= run.len();
            land(end, run);
        }
    }
}

/// Repeats the nearest pixel that something landed on, the right one if both
/// are equally near, as far as the greatest possible shift plus one. Farther
/// pixels stay black.
pub(super) fn repeat_nearest<const C: usize>(shift: Shift, out: &mut [[u8; C]], landed: &[bool]) {
    let reach = shift.divergence.abs() as usize + 1;
    for (from, to) in openings(landed) {
        let left = from.checked_sub(1).and_then(|x| out.get(x)).copied();
        let right = out.get(to).copied();
        for (x, pixel) in out.iter_mut().enumerate().take(to).skip(from) {
            let (to_left, to_right) = (x + 1 - from, to - x);
            let right = right.filter(|_| to_right <= reach);
            let left = left.filter(|_| to_left <= reach);
            let nearest = if to_right <= to_left {
                right.or(left)
            } else {
                left.or(right)
            };
            *pixel = nearest.unwrap_or(*pixel);
        }
    }
}

/// Runs of pixels that nothing landed on, as `from..to`.
fn openings(landed: &[bool]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = at + leading(landed.len() - at, |x| landed[at + x]);
        at = from + leading(landed.len() - from, |x| !landed[from + x]);
        (from < at).then_some((from, at))
    })
}

/// Draws a ramp across every opening, between the pixel to its left and the
/// next pixel to its right that something landed on and that is not black. A
/// black border counts as missing; the other one is repeated then.
pub(super) fn interpolate<const C: usize>(out: &mut [[u8; C]], landed: &[bool]) {
    let is_black = |pixel: &[u8; C]| *pixel == [0; C];
    let mut x = 0;
    loop {
        x += leading(landed.len() - x, |next| landed[x + next]);
        if x == landed.len() {
            return;
        }
        if !out.get(x).is_some_and(is_black) {
            x += 1;
            continue;
        }
        let end = (x + 1..out.len())
            .find(|&x| landed[x] && !is_black(&out[x]))
            .unwrap_or(out.len());
        let border = |x: Option<usize>| x.and_then(|x| out.get(x)).filter(|pixel| !is_black(pixel));
        let (left, right) = (border(x.checked_sub(1)), border(Some(end)));
        let left_or_right = left.or(right).copied().unwrap_or([0; C]).map(f64::from);
        let right_or_left = right.or(left).copied().unwrap_or([0; C]).map(f64::from);
        let steps = (end - x + 1) as f64;
        for (k, pixel) in out[x..end].iter_mut().enumerate() {
            *pixel = std::array::from_fn(|c| {
                let step = (right_or_left[c] - left_or_right[c]) / steps;
                (left_or_right[c] as i32 + (step * (k + 1) as f64) as i32) as u8
            });
        }
        x = end;
    }
}
