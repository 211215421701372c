//! `PIL.Image.resize`: antialiased, the kernel widened when shrinking.

use std::f64::consts::PI;
use std::marker::PhantomData;
use std::ops::AddAssign;

use ndarray::{Array, ArrayView};

use super::engine::{Arithmetic, separable};
use super::taps::Taps;
use crate::Result;
use crate::image::size::{Raster, Size};

/// Pillow's parameter of the cubic kernel, not that of OpenCV and PyTorch.
const A: f64 = -0.5;
/// Bits of a fixed-point weight for 8-bit samples.
const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// The pixel types of the Pillow conventions: `u8` (modes L, RGB, RGBA),
/// `u16` (I;16), `f32` (F) and `f64` (which Pillow lacks, done like F).
pub trait PillowSample: sealed::Pillow {}

impl PillowSample for u8 {}
impl PillowSample for u16 {}
impl PillowSample for f32 {}
impl PillowSample for f64 {}

/// Resizes as Pillow's `resize(resample=LANCZOS)` does: sinc windowed by
/// sinc, 3 lobes each side.
///
/// When shrinking, the kernel is widened by the ratio, so nothing aliases.
/// Windows end at the border and are scaled back to one. The columns come
/// first, then the rows, rounded (and for integers clamped to the type)
/// after both; `u8` weights are 22-bit fixed point, the others f64.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn pillow_lanczos<T: PillowSample, D: Raster>(
    input: ArrayView<'_, T, D>,
    size: Size,
) -> Result<Array<T, D>> {
    T::resize(input, size, 3.0, |x| {
        if x.abs() < 3.0 {
            sinc(x) * sinc(x / 3.0)
        } else {
            0.0
        }
    })
}

/// Resizes as Pillow's `resize(resample=BICUBIC)` does: Keys's cubic with
/// a = -0.5; else as [`pillow_lanczos`].
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn pillow_bicubic<T: PillowSample, D: Raster>(
    input: ArrayView<'_, T, D>,
    size: Size,
) -> Result<Array<T, D>> {
    T::resize(input, size, 2.0, |x| match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    })
}

/// Resizes as Pillow's `resize(resample=BILINEAR)` does: a triangle; else as
/// [`pillow_lanczos`].
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn pillow_bilinear<T: PillowSample, D: Raster>(
    input: ArrayView<'_, T, D>,
    size: Size,
) -> Result<Array<T, D>> {
    T::resize(input, size, 1.0, |x| (1.0 - x.abs()).max(0.0))
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// Windows of `kernel`, which is zero past `support`, over a line.
fn windows<W>(
    inputs: usize,
    outputs: usize,
    support: f64,
    kernel: impl Fn(f64) -> f64,
    weight: impl Fn(f64) -> W,
) -> Taps<W>
where
    W: Copy + Default + AddAssign,
{
    if inputs == outputs {
        // Pillow skips a pass that changes nothing; the kernels are only nearly zero at whole places.
        return Taps::identity(inputs, weight(1.0));
    }
    let scale = inputs as f64 / outputs as f64;
    let stretch = scale.max(1.0);
    let reach = support * stretch;
    let mut raw = Vec::new();
    Taps::new(
        inputs,
        outputs,
        reach.ceil() as usize * 2 + 1,
        |output, weights| {
            let center = (output as f64 + 0.5) * scale;
            let first = (center - reach + 0.5).max(0.0) as usize;
            let end = ((center + reach + 0.5) as usize).min(inputs);
            raw.clear();
            raw.extend((first..end).map(|input| kernel((input as f64 - center + 0.5) * (1.0 / stretch))));
            let total: f64 = raw.iter().sum();
            weights.extend(
                raw.iter()
                    .map(|&value| weight(if total == 0.0 { value } else { value / total })),
            );
            first as isize
        },
    )
}

/// A fixed-point weight, halves away from zero.
fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << WEIGHT_BITS)).round() as i32
}

mod sealed {
    use super::*;

    pub trait Pillow: Sized {
        fn resize<D: Raster>(
            input: ArrayView<'_, Self, D>,
            size: Size,
            support: f64,
            kernel: impl Fn(f64) -> f64,
        ) -> Result<Array<Self, D>>;
    }

    impl Pillow for u8 {
        fn resize<D: Raster>(
            input: ArrayView<'_, u8, D>,
            size: Size,
            support: f64,
            kernel: impl Fn(f64) -> f64,
        ) -> Result<Array<u8, D>> {
            separable(&Fixed, input, size, |inputs, outputs| {
                windows(inputs, outputs, support, &kernel, fixed)
            })
        }
    }

    macro_rules! wide {
        ($sample:ty) => {
            impl Pillow for $sample {
                fn resize<D: Raster>(
                    input: ArrayView<'_, $sample, D>,
                    size: Size,
                    support: f64,
                    kernel: impl Fn(f64) -> f64,
                ) -> Result<Array<$sample, D>> {
                    separable(
                        &Wide::<$sample>(PhantomData),
                        input,
                        size,
                        |inputs, outputs| windows(inputs, outputs, support, &kernel, |weight| weight),
                    )
                }
            }
        };
    }

    wide!(u16);
    wide!(f32);
    wide!(f64);
}

/// `u8` in fixed point, rounded and clamped after each pass.
struct Fixed;

impl Arithmetic for Fixed {
    type Sample = u8;
    type Weight = i32;
    type Mid = u8;
    type Sum = i32;

    #[inline(always)]
    fn zero_across(&self) -> i32 {
        1 << (WEIGHT_BITS - 1)
    }
    #[inline(always)]
    fn add_across(&self, sum: i32, weight: i32, sample: u8) -> i32 {
        sum + weight * i32::from(sample)
    }
    #[inline(always)]
    fn finish_across(&self, sum: i32) -> u8 {
        (sum >> WEIGHT_BITS).clamp(0, 255) as u8
    }
    #[inline(always)]
    fn zero_down(&self) -> i32 {
        self.zero_across()
    }
    #[inline(always)]
    fn add_down(&self, sum: i32, weight: i32, mid: u8) -> i32 {
        self.add_across(sum, weight, mid)
    }
    #[inline(always)]
    fn finish_down(&self, sum: i32) -> u8 {
        self.finish_across(sum)
    }
}

/// Other types summed in f64, rounded to the type after each pass.
struct Wide<T>(PhantomData<T>);

/// Back from f64.
trait FromSum {
    fn from_sum(sum: f64) -> Self;
}

impl FromSum for u16 {
    #[inline(always)]
    fn from_sum(sum: f64) -> u16 {
        // The cast clamps to the type, where Pillow before 11 wrapped around.
        (sum + 0.5) as u16
    }
}

impl FromSum for f32 {
    #[inline(always)]
    fn from_sum(sum: f64) -> f32 {
        sum as f32
    }
}

impl FromSum for f64 {
    #[inline(always)]
    fn from_sum(sum: f64) -> f64 {
        sum
    }
}

impl<T: Copy + Default + Send + Sync + Into<f64> + FromSum> Arithmetic for Wide<T> {
    type Sample = T;
    type Weight = f64;
    type Mid = T;
    type Sum = f64;

    #[inline(always)]
    fn zero_across(&self) -> f64 {
        0.0
    }
    #[inline(always)]
    fn add_across(&self, sum: f64, weight: f64, sample: T) -> f64 {
        sum + weight * sample.into()
    }
    #[inline(always)]
    fn finish_across(&self, sum: f64) -> T {
        T::from_sum(sum)
    }
    #[inline(always)]
    fn zero_down(&self) -> f64 {
        0.0
    }
    #[inline(always)]
    fn add_down(&self, sum: f64, weight: f64, mid: T) -> f64 {
        self.add_across(sum, weight, mid)
    }
    #[inline(always)]
    fn finish_down(&self, sum: f64) -> T {
        T::from_sum(sum)
    }
}
