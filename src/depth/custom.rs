//! Depth pictures from elsewhere.

use ndarray::{Array2, ArrayView2};

use super::number::Number;
use crate::Result;
use crate::image::Size;
use crate::image::map::{fold, map};
use crate::image::resize::{PillowSample, pillow_lanczos};
use crate::image::size::Raster;

/// Floating-point values up to this are fractions that overshoot, beyond it they are a count of levels.
const MAX_FRACTION: f64 = 2.0;

/// The number types of depth pictures: `u8`, `u16`, `u32`, `i32`, `f32`, `f64`.
pub trait DepthSample: sealed::Sample {}

impl DepthSample for u8 {}
impl DepthSample for u16 {}
impl DepthSample for u32 {}
impl DepthSample for i32 {}
impl DepthSample for f32 {}
impl DepthSample for f64 {}

/// A depth picture (`[H, W]`, near = bright) as numbers in 0..1 at `size`.
///
/// Nothing is stretched: 8-bit v becomes v / 256, 16-bit v becomes v / 65536,
/// whatever the largest value is. Integers of 32 bits are containers of fewer
/// more often than not: they count as 8 bits if all are below 256, as 16 if
/// all are below 65536, else as 32. Floating-point values are taken as they
/// are if none is above 2 and counted like 32-bit integers else; outside 0..1
/// they are clamped, and undefined ones (NaN) are the farthest, 0.
///
/// A picture of another size is resized by [`pillow_lanczos`] before anything
/// else that rounds, and cannot overshoot its range.
///
/// Differences from the reference, on purpose: the bit depth of 8- and 16-bit
/// pictures is their own instead of a guess from the largest value, floating
/// point in 0..1 is not divided by 256, and resizing never turns a nearly
/// white map black.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the picture or `size` has no pixels.
pub fn from_picture<T: DepthSample>(values: ArrayView2<'_, T>, size: Size) -> Result<Array2<T::Unit>> {
    T::from_picture(values, size)
}

/// Divided by `scale`, brought into 0..1 and resized.
fn divided<T, U>(values: ArrayView2<'_, T>, scale: f64, size: Size) -> Result<Array2<U>>
where
    T: Copy + Send + Sync + Into<f64>,
    U: Number + PillowSample,
{
    // NaN is not above zero either.
    let unit = move |value: f64| {
        U::nearest(if value > 0.0 {
            (value / scale).min(1.0)
        } else {
            0.0
        })
    };
    let values = map(values, move |value| unit(value.into()))?;
    if values.raw_dim().picture_size() == size {
        return Ok(values);
    }
    Ok(pillow_lanczos(values.view(), size)?.mapv_into(|value| {
        let overshot: f64 = value.into();
        U::nearest(overshot.clamp(0.0, 1.0))
    }))
}

/// The scale of numbers whose bit depth is not known.
fn scale_of<T: Copy + Send + Sync + Into<f64>>(values: ArrayView2<'_, T>, fractions: bool) -> f64 {
    let larger = |largest: f64, value: f64| {
        if value.is_finite() {
            largest.max(value)
        } else {
            largest
        }
    };
    match fold(
        values,
        0.0,
        |largest, value: T| larger(largest, value.into()),
        f64::max,
    ) {
        largest if fractions && largest <= MAX_FRACTION => 1.0,
        largest if largest < 256.0 => 256.0,
        largest if largest < 65536.0 => 65536.0,
        _ => 4_294_967_296.0,
    }
}

mod sealed {
    use super::*;

    pub trait Sample: Sized {
        /// What fractions of it are exact in.
        type Unit: Number;
        fn from_picture(values: ArrayView2<'_, Self>, size: Size) -> Result<Array2<Self::Unit>>;
    }

    macro_rules! known_depth {
        ($sample:ty, $scale:expr) => {
            impl Sample for $sample {
                type Unit = f32;
                fn from_picture(values: ArrayView2<'_, $sample>, size: Size) -> Result<Array2<f32>> {
                    if values.raw_dim().picture_size() == size {
                        return map(values, |value| f32::from(value) / $scale);
                    }
                    let resized = pillow_lanczos(values, size)?;
                    map(resized.view(), |value| f32::from(value) / $scale)
                }
            }
        };
    }

    known_depth!(u8, 256.0);
    known_depth!(u16, 65536.0);

    macro_rules! guessed_depth {
        ($sample:ty, $unit:ty, $fractions:expr) => {
            impl Sample for $sample {
                type Unit = $unit;
                fn from_picture(values: ArrayView2<'_, $sample>, size: Size) -> Result<Array2<$unit>> {
                    divided(values, scale_of(values, $fractions), size)
                }
            }
        };
    }

    guessed_depth!(u32, f64, false);
    guessed_depth!(i32, f64, false);
    guessed_depth!(f32, f32, true);
    guessed_depth!(f64, f64, true);
}
