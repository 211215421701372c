//! Runs of pixels that are all cut alike: the common case, written so that the
//! compiler draws several pixels at once.

use super::HALF_WIDTH;
use super::pen::{HALF, along, mix, piece};
use crate::simd::{self, Kernel, leading};

/// How many of the joints between neighbouring pixels, from the first on, run
/// to the right.
pub(super) fn forward_joints<const SHARP: bool>(places: &[f64]) -> usize {
    simd::run(ForwardJoints::<SHARP>(places))
}

struct ForwardJoints<'a, const SHARP: bool>(&'a [f64]);

impl<const SHARP: bool> Kernel for ForwardJoints<'_, SHARP> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let (places, nexts, half_width) = (self.0, &self.0[1..], half_width::<SHARP>());
        leading(places, nexts, |_, here, next| {
            next - half_width > here + half_width
        })
    }
}

/// How many source pixels, from the first on, have `border`, `border + 1`, ...
/// on their plateaus.
pub(super) fn borders_on_plateaus(places: &[f64], border: f64) -> usize {
    simd::run(BordersOnPlateaus { places, border })
}

struct BordersOnPlateaus<'a> {
    places: &'a [f64],
    border: f64,
}

impl Kernel for BordersOnPlateaus<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { places, border } = self;
        leading(places, places, |x, here, _| {
            let border = border + to_f64(x);
            (here - HALF_WIDTH < border) & (border <= here + HALF_WIDTH)
        })
    }
}

/// How many source pixels, from the first on, have `border`, `border + 1`, ...
/// between their own plateau (or point) and that of the next pixel.
pub(super) fn borders_on_joints<const SHARP: bool>(places: &[f64], border: f64) -> usize {
    simd::run(BordersOnJoints::<SHARP> { places, border })
}

struct BordersOnJoints<'a, const SHARP: bool> {
    places: &'a [f64],
    border: f64,
}

impl<const SHARP: bool> Kernel for BordersOnJoints<'_, SHARP> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { places, border } = self;
        let (nexts, half_width) = (&places[1..], half_width::<SHARP>());
        leading(places, nexts, |x, here, next| {
            let border = border + to_f64(x);
            (here + half_width < border) & (border <= next - half_width)
        })
    }
}

/// Pixels whose borders lie on consecutive plateaus: each is what is left of
/// one plateau, a joint, the beginning of the next plateau. Running it draws
/// them and says whether every piece's middle lay inside its segment.
pub(super) struct OnPlateaus<'a, const C: usize> {
    /// The centres of the plateaus, one more than there are pixels.
    pub places: &'a [f64],
    /// The colours of the plateaus, a plane a channel.
    pub colours: [&'a [f64]; C],
    /// The left border of the first pixel.
    pub border: f64,
    pub out: &'a mut [[u8; C]],
}

impl<const C: usize> Kernel for OnPlateaus<'_, C> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self {
            places,
            colours,
            border,
            out,
        } = self;
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

/// Pixels whose borders lie on consecutive joints: each is the end of one
/// joint, a plateau (if `SHARP`), the beginning of the next joint. Running it
/// draws them and says whether every piece's middle lay inside its segment.
pub(super) struct OnJoints<'a, const SHARP: bool, const C: usize> {
    /// The centres of the pixels the joints join, two more than there are
    /// pixels to draw.
    pub places: &'a [f64],
    /// The colours of those pixels, a plane a channel.
    pub colours: [&'a [f64]; C],
    /// The left border of the first pixel.
    pub border: f64,
    pub out: &'a mut [[u8; C]],
}

impl<const SHARP: bool, const C: usize> Kernel for OnJoints<'_, SHARP, C> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self {
            places,
            colours,
            border,
            out,
        } = self;
        let (count, half_width) = (out.len(), half_width::<SHARP>());
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

/// A column as a double, the way that has an instruction of its own. Pictures
/// are far narrower than 2^31.
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

/// Half the length of a pixel's plateau, if there are plateaus.
#[inline(always)]
pub(super) fn half_width<const SHARP: bool>() -> f64 {
    if SHARP { HALF_WIDTH } else { 0.0 }
}
