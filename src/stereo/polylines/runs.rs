//! Runs of pixels that are all cut alike: the common case, written so that the
//! compiler draws several pixels at once.

use super::super::widened::widened;
use super::HALF_WIDTH;
use super::pen::{HALF, along, mix, piece};

widened! {
    /// How many source pixels from the first on have `border`, `border + 1`, ...
    /// on their plateaus.
    fn borders_on_plateaus [] [] (places: &[f64], border: f64) -> usize {
        leading(places.len(), |x| {
            let border = border + to_f64(x);
            (places[x] - HALF_WIDTH < border) & (border <= places[x] + HALF_WIDTH)
        })
    }
}

widened! {
    /// How many source pixels from the first on have `border`, `border + 1`, ...
    /// between their own plateau (or point) and that of the next pixel.
    fn borders_on_joints [const SHARP: bool] [SHARP] (places: &[f64], border: f64) -> usize {
        let half_width = if SHARP { HALF_WIDTH } else { 0.0 };
        let nexts = places.get(1..).unwrap_or_default();
        let places = &places[..nexts.len()];
        leading(nexts.len(), |x| {
            let border = border + to_f64(x);
            (places[x] + half_width < border) & (border <= nexts[x] - half_width)
        })
    }
}

widened! {
    /// How many of the joints between neighbouring pixels, from the first on,
    /// run to the right.
    fn forward_joints[][](places: &[f64], half_width: f64) -> usize {
        let nexts = places.get(1..).unwrap_or_default();
        let places = &places[..nexts.len()];
        leading(nexts.len(), |x| nexts[x] - half_width > places[x] + half_width)
    }
}

/// A column as a double, the way that has an instruction of its own. Pictures
/// are narrower than 2^31.
#[inline(always)]
pub(super) fn to_f64(x: usize) -> f64 {
    f64::from(x as i32)
}

/// Cuts off a sum that is known to be small and finite. Unlike `as u8` it does
/// not guard against other ones, which would keep the loops from being widened.
#[inline(always)]
fn to_byte(sum: f64) -> u8 {
    // SAFETY: a sum is at most 255.5 times a few picture widths, far below
    // 2^31: places are finite, and no joint of a run has the length zero.
    let whole: i32 = unsafe { sum.to_int_unchecked() };
    whole as u8
}

/// The length of the longest prefix of `0..count` for which `holds`.
#[inline(always)]
fn leading(count: usize, holds: impl Fn(usize) -> bool) -> usize {
    const BLOCK: usize = 16;
    let mut at = 0;
    while at + BLOCK <= count && (at..at + BLOCK).fold(true, |all, x| all & holds(x)) {
        at += BLOCK;
    }
    let rest = (at..count.min(at + BLOCK)).position(|x| !holds(x));
    at + rest.unwrap_or(count.min(at + BLOCK) - at)
}

widened! {
    /// Draws pixels whose borders lie on consecutive plateaus: what is left of one
    /// plateau, a joint, the beginning of the next plateau. Says whether every
    /// piece's middle lay inside its segment.
    fn draw_plateaus [const C: usize] [C] (
        places: &[f64],
        colours: [&[f64]; C],
        border: f64,
        out: &mut [[u8; C]],
    ) -> bool {
        let count = out.len();
        let (here, next) = (&places[..count], &places[1..][..count]);
        let colours_here = colours.map(|plane| &plane[..count]);
        let colours_next = colours.map(|plane| &plane[1..][..count]);
        let mut sound = true;
        for x in 0..count {
            let left = border + to_f64(x);
            let start = here[x] + HALF_WIDTH;
            let stop = next[x] - HALF_WIDTH;
            let (weight_here, middle_here) = piece(left, start);
            let (weight_joint, middle_joint) = piece(start, stop);
            let (weight_next, middle_next) = piece(stop, left + 1.0);
            sound &= (here[x] - HALF_WIDTH < middle_here) & (middle_here <= start);
            sound &= (start < middle_joint) & (middle_joint <= stop);
            sound &= (stop < middle_next) & (middle_next <= next[x] + HALF_WIDTH);
            let k = along(start, stop, middle_joint);
            for c in 0..C {
                let (here, next) = (colours_here[c][x], colours_next[c][x]);
                let sum = HALF + here * weight_here + mix(here, next, k) * weight_joint + next * weight_next;
                out[x][c] = to_byte(sum);
            }
        }
        sound
    }
}

widened! {
    /// Draws pixels whose borders lie on consecutive joints: the end of one joint,
    /// a plateau (if `SHARP`), the beginning of the next joint. Says whether every
    /// piece's middle lay inside its segment.
    fn draw_joints [const SHARP: bool, const C: usize] [SHARP, C] (
        places: &[f64],
        colours: [&[f64]; C],
        border: f64,
        out: &mut [[u8; C]],
    ) -> bool {
        let count = out.len();
        let half_width = if SHARP { HALF_WIDTH } else { 0.0 };
        let (last, here, next) = (&places[..count], &places[1..][..count], &places[2..][..count]);
        let colours_last = colours.map(|plane| &plane[..count]);
        let colours_here = colours.map(|plane| &plane[1..][..count]);
        let colours_next = colours.map(|plane| &plane[2..][..count]);
        let mut sound = true;
        for x in 0..count {
            let left = border + to_f64(x);
            let before = last[x] + half_width;
            let start = here[x] - half_width;
            let stop = here[x] + half_width;
            let after = next[x] - half_width;
            let (weight_last, middle_last) = piece(left, start);
            let (weight_here, middle_here) = piece(start, stop);
            let (weight_next, middle_next) = piece(stop, left + 1.0);
            sound &= (before < middle_last) & (middle_last <= start);
            sound &= !SHARP | (start < middle_here) & (middle_here <= stop);
            sound &= (stop < middle_next) & (middle_next <= after);
            let k_last = along(before, start, middle_last);
            let k_next = along(stop, after, middle_next);
            for c in 0..C {
                let (last, here, next) = (colours_last[c][x], colours_here[c][x], colours_next[c][x]);
                let mut sum = HALF + mix(last, here, k_last) * weight_last;
                if SHARP {
                    sum += here * weight_here;
                }
                sum += mix(here, next, k_next) * weight_next;
                out[x][c] = to_byte(sum);
            }
        }
        sound
    }
}
