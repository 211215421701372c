//! From numbers of any scale to 0..1 and to 16 bits.

use ndarray::{Array2, ArrayView2};

use super::clip::{ClipMode, ClipOptions};
use super::number::Number;
use super::percentile::percentiles;
use crate::image::map::{fold, map};
use crate::networks::DepthKind;
use crate::{Error, Result};

/// A map whose values span no more than this is flat: the resolution of f64 at 1.
const FLAT: f64 = f64::EPSILON;

/// `values` (`[H, W]`, meaning `kind`) stretched to 0..1, near = 1; all 0 if they are all equal.
///
/// # Errors
/// [`Error::Invalid`] if there are no values or some are not finite.
pub fn nearness<T: Number>(values: ArrayView2<'_, T>, kind: DepthKind) -> Result<Array2<T>> {
    let bounds = Bounds::of(values, kind)?;
    if bounds.flat() {
        return map(values, |_| T::default());
    }
    map(values, move |value| bounds.stretch(value))
}

/// `values` (`[H, W]`, meaning `kind`) as a 16-bit depth map, near = bright,
/// stretched to the full range; all 0 if they are all equal.
///
/// With [`ClipMode::Outliers`] the arithmetic goes on in f64, as it does in the
/// reference with numpy 2.
///
/// # Errors
/// [`Error::Invalid`] if there are no values, some are not finite, or the
/// ends of `clip` make no sense.
pub fn to_u16<T: Number>(
    values: ArrayView2<'_, T>,
    kind: DepthKind,
    clip: Option<ClipOptions>,
) -> Result<Array2<u16>> {
    let bounds = Bounds::of(values, kind)?;
    if bounds.flat() {
        return map(values, |_| 0);
    }
    let stretched = move |value| bounds.stretch(value);
    let Some(clip) = clip else {
        return map(values, move |value| stretched(value).to_u16());
    };
    clip.check()?;
    let ClipOptions { mode, far, near } = clip;
    match mode {
        ClipMode::Range => {
            let (far, near) = (T::nearest(far), T::nearest(near));
            if far == near {
                return mask(values, far, far <= T::default(), stretched);
            }
            map(values, move |value| {
                let value = clamp(stretched(value), far, near);
                ((value - far) / (near - far)).to_u16()
            })
        }
        ClipMode::Outliers => {
            let signed = map(values, move |value| bounds.signed(value))?;
            let Some([far, near]) = percentiles(signed.view(), [far * 100.0, near * 100.0]) else {
                return Err(nothing());
            };
            if far == near {
                return mask(values, far, far <= bounds.low.into(), move |value| {
                    bounds.signed(value).into()
                });
            }
            map(values, move |value| {
                let value = clamp(bounds.signed(value).into(), far, near);
                ((value - far) / (near - far)).to_u16()
            })
        }
    }
}

/// Depth pictures that are in 0..1 already (near = 1), in 16 bits; what lies
/// outside is clamped, nothing is stretched.
///
/// # Errors
/// [`Error::Invalid`] if there are no values or some are undefined (NaN).
pub fn unit_to_u16<T: Number>(values: ArrayView2<'_, T>) -> Result<Array2<u16>> {
    let undefined = count(values, |value: T| value.partial_cmp(&value).is_none());
    if undefined > 0 {
        return Err(not_finite(undefined));
    }
    map(values, T::to_u16)
}

/// How many values are like this.
fn count<T: Number>(values: ArrayView2<'_, T>, like: impl Fn(T) -> bool + Copy + Sync) -> usize {
    let step = |count, value| count + u32::from(like(value));
    // No part has more values than a picture may have, which is less than a u32 counts.
    fold(values, 0_u32, step, |a, b| a.saturating_add(b)) as usize
}

/// White from `threshold` on; if that would be everything, white above it.
fn mask<T: Number, U: PartialOrd + Copy + Send + Sync>(
    values: ArrayView2<'_, T>,
    threshold: U,
    all: bool,
    of: impl Fn(T) -> U + Copy + Sync,
) -> Result<Array2<u16>> {
    map(values, move |value| {
        let value = of(value);
        if value > threshold || (!all && value == threshold) {
            u16::MAX
        } else {
            0
        }
    })
}

/// The smallest and the largest value, near being large.
#[derive(Clone, Copy)]
struct Bounds<T> {
    low: T,
    high: T,
    negate: bool,
}

impl<T: Number> Bounds<T> {
    fn of(values: ArrayView2<'_, T>, kind: DepthKind) -> Result<Self> {
        let &first = values.first().ok_or_else(nothing)?;
        let smaller = |a, b| if b < a { b } else { a };
        let larger = |a, b| if b > a { b } else { a };
        let low = fold(values, first, smaller, smaller);
        let high = fold(values, first, larger, larger);
        let wrong = count(values, |value: T| !value.is_finite());
        if wrong > 0 {
            return Err(not_finite(wrong));
        }
        Ok(if kind == DepthKind::Inverse {
            Self {
                low,
                high,
                negate: false,
            }
        } else {
            Self {
                low: -high,
                high: -low,
                negate: true,
            }
        })
    }

    fn flat(self) -> bool {
        (self.high - self.low).into() <= FLAT
    }

    #[inline(always)]
    fn signed(self, value: T) -> T {
        if self.negate { -value } else { value }
    }

    #[inline(always)]
    fn stretch(self, value: T) -> T {
        (self.signed(value) - self.low) / (self.high - self.low)
    }
}

#[inline(always)]
fn clamp<T: PartialOrd>(value: T, low: T, high: T) -> T {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

fn nothing() -> Error {
    Error::invalid("the depth map has no pixels; every side must be at least 1")
}

fn not_finite(count: usize) -> Error {
    Error::invalid(format!(
        "{count} values of the depth map are no finite numbers (NaN or infinity); replace them first"
    ))
}
