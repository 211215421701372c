//! Forward warping of scanlines, the whole-pixel fills: `none`, `naive` and
//! `naive_interpolating`.

use super::options::Shift;
use crate::simd::{self, Kernel};

/// Runs shorter than this are moved pixel by pixel.
const LONG_RUN: usize = 8;

/// By how many whole pixels every pixel of a row moves: its shift, cut off
/// toward zero. `ends` is where runs of equal shifts end.
pub(super) fn whole_shifts(nearness: &[f64], shift: Shift, out: &mut [i32], ends: &mut Vec<usize>) {
    simd::run(WholeShifts {
        nearness,
        shift,
        out,
        ends,
    });
}

struct WholeShifts<'a> {
    nearness: &'a [f64],
    shift: Shift,
    out: &'a mut [i32],
    ends: &'a mut Vec<usize>,
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
        self.ends.clear();
        let (here, next) = (&*self.out, self.out.get(1..).unwrap_or_default());
        let (here_blocks, next_blocks) = (here.as_chunks::<64>().0, next.as_chunks::<64>().0);
        let mut at = 0;
        for (here, next) in here_blocks.iter().zip(next_blocks) {
            let mut changes = 0u64;
            for i in 0..64 {
                changes |= u64::from(here[i] != next[i]) << i;
            }
            while changes != 0 {
                self.ends.push(at + changes.trailing_zeros() as usize + 1);
                changes &= changes - 1;
            }
            at += 64;
        }
        let rest = here.iter().zip(next).enumerate().skip(at);
        self.ends
            .extend(rest.filter(|(_, (here, next))| here != next).map(|(x, _)| x + 1));
        self.ends.push(here.len());
    }
}

/// The [shifts](whole_shifts) of a row, and where runs of equal ones end.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a> {
    pub shifts: &'a [i32],
    pub ends: &'a [usize],
}

/// Which pixels of a row something landed on: a bit a pixel.
#[derive(Default)]
pub(super) struct Coverage {
    words: Vec<u64>,
    width: usize,
}

impl Coverage {
    fn clear(&mut self, width: usize) {
        self.words.clear();
        self.words.resize(width.div_ceil(64), 0);
        self.width = width;
    }

    fn get(&self, x: usize) -> bool {
        self.words[x / 64] >> (x % 64) & 1 == 1
    }

    /// Sets `from..to`, which is not empty.
    fn set(&mut self, from: usize, to: usize) {
        let (first, last) = (from / 64, (to - 1) / 64);
        let (head, tail) = (u64::MAX << (from % 64), u64::MAX >> (63 - (to - 1) % 64));
        if first == last {
            self.words[first] |= head & tail;
        } else {
            self.words[first] |= head;
            self.words[first + 1..last].fill(u64::MAX);
            self.words[last] |= tail;
        }
    }

    /// The first pixel from `x` on that something landed on, or nothing did;
    /// the width of the row if there is none.
    fn next(&self, x: usize, covered: bool) -> usize {
        let flip = if covered { 0 } else { u64::MAX };
        let mut words = self.words.iter().enumerate().skip(x / 64);
        let mut keep = u64::MAX << (x % 64);
        words
            .find_map(|(index, word)| {
                let found = (word ^ flip) & keep;
                keep = u64::MAX;
                (found != 0).then(|| 64 * index + found.trailing_zeros() as usize)
            })
            .map_or(self.width, |x| x.min(self.width))
    }

    /// Runs of pixels that nothing landed on, as `from..to`.
    pub fn openings(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let from = self.next(at, false);
            at = self.next(from, true);
            (from < at).then_some((from, at))
        })
    }
}

/// Moves every pixel of a row by its shift. Nearer pixels come later and cover
/// what is there. Fills `out` and `coverage` completely: what nothing landed on is
/// black and not set.
pub(super) fn scatter<const C: usize>(
    Runs { shifts, ends }: Runs,
    leftward: bool,
    row: &[[u8; C]],
    out: &mut [[u8; C]],
    coverage: &mut Coverage,
) {
    out.fill([0; C]);
    coverage.clear(row.len());
    let width = row.len() as i64;
    let mut land = |from: usize, end: usize| {
        // The part of the run that comes to lie inside the row.
        let shift = i64::from(shifts[from]);
        let first = (-shift).max(from as i64);
        let end = (width - shift).min(end as i64);
        if first >= end {
            return;
        }
        let (first, end) = (first as usize, end as usize);
        let to = (first as i64 + shift) as usize;
        let (source, target) = (&row[first..end], to..to + (end - first));
        coverage.set(target.start, target.end);
        if source.len() < LONG_RUN {
            for (out, pixel) in out[target].iter_mut().zip(source) {
                *out = *pixel;
            }
        } else {
            out[target].copy_from_slice(source);
        }
    };
    let start = |run: usize| if run == 0 { 0 } else { ends[run - 1] };
    if leftward {
        for (run, &end) in ends.iter().enumerate() {
            land(start(run), end);
        }
    } else {
        for (run, &end) in ends.iter().enumerate().rev() {
            land(start(run), end);
        }
    }
}

/// Repeats the nearest pixel that something landed on, the right one if both
/// are equally near, as far as the greatest possible shift plus one. Farther
/// pixels stay black.
pub(super) fn repeat_nearest<const C: usize>(shift: Shift, out: &mut [[u8; C]], coverage: &Coverage) {
    let reach = shift.divergence.abs() as usize + 1;
    for (from, to) in coverage.openings() {
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

/// Draws a ramp across every opening, between the pixel to its left and the
/// next pixel to its right that something landed on and that is not black. A
/// black border counts as missing; the other one is repeated then.
pub(super) fn interpolate<const C: usize>(out: &mut [[u8; C]], coverage: &Coverage) {
    let is_black = |pixel: &[u8; C]| *pixel == [0; C];
    let mut x = 0;
    loop {
        x = coverage.next(x, false);
        if x == out.len() {
            return;
        }
        if !out.get(x).is_some_and(is_black) {
            x += 1;
            continue;
        }
        let end = (x + 1..out.len())
            .find(|&x| coverage.get(x) && !is_black(&out[x]))
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
