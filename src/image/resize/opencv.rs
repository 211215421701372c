//! `cv2.resize`: cubic, linear and nearest.

use std::ops::{AddAssign, Range};

use ndarray::{Array, Array2, ArrayView, ArrayView2};

use super::cubic;
use super::engine::{Arithmetic, separable, separable_rows};
use super::float::Float;
use super::taps::Taps;
use crate::Result;
use crate::image::size::{Raster, Size, array, checked_len};

/// OpenCV's parameter of the cubic kernel.
const A: f32 = -0.75;
/// Bits of a fixed-point weight.
const WEIGHT_BITS: u32 = 11;

/// The pixel types the OpenCV conventions are written for: `u8`, `f32`, `f64`.
///
/// OpenCV does different arithmetic for each; see the functions.
pub trait OpenCvSample: Copy + Default + Send + Sync + sealed::OpenCv {}

impl OpenCvSample for u8 {}
impl OpenCvSample for f32 {}
impl OpenCvSample for f64 {}

/// Resizes as `cv2.resize(interpolation=INTER_CUBIC)` does.
///
/// Pixel edges of input and output lie on each other, Keys's cubic with
/// a = -0.75, replicated borders, no smoothing when shrinking. Weights are
/// 11-bit fixed point for `u8` (results can differ from OpenCV's by one level,
/// as OpenCV's own code paths do), f64 for `f32`, and f32 for `f64`. Floating
/// point results can leave the range of the input.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn opencv_cubic<T: OpenCvSample, D: Raster>(
    input: ArrayView<'_, T, D>,
    size: Size,
) -> Result<Array<T, D>> {
    T::cubic(input, size)
}

/// Some `rows` of what [`opencv_cubic`] makes of a plane.
pub(crate) fn opencv_cubic_rows(
    plane: ArrayView2<'_, f64>,
    size: Size,
    rows: Range<usize>,
) -> Result<Array2<f64>> {
    separable_rows(&Float::NEW, plane, size, rows, cubic_taps(weights_of_f64))
}

/// The cubic weights for 64-bit floats.
fn weights_of_f64(output: usize, scale: f64) -> (isize, [f64; 4]) {
    let (floor, past) = place_f32(output, scale);
    (floor, cubic::weights_f32(past, A).map(f64::from))
}

/// Resizes as `cv2.resize(interpolation=INTER_LINEAR)` does.
///
/// Pixel edges of input and output lie on each other, replicated borders, no
/// smoothing when shrinking. For `u8` in OpenCV's 11-bit fixed point, exactly.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn opencv_linear<T: OpenCvSample, D: Raster>(
    input: ArrayView<'_, T, D>,
    size: Size,
) -> Result<Array<T, D>> {
    T::linear(input, size)
}

/// Resizes as `cv2.resize(interpolation=INTER_NEAREST)` does: output pixel `x`
/// is input pixel `floor(x * input side / output side)`, for any type.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn opencv_nearest<T: Copy, D: Raster>(input: ArrayView<'_, T, D>, size: Size) -> Result<Array<T, D>> {
    let shape = input.raw_dim();
    let (source, channels) = (shape.picture_size(), shape.channels());
    checked_len(source, channels)?;
    let length = checked_len(size, channels)?;
    let columns: Vec<usize> = (0..size.width)
        .map(|x| nearest(x, source.width, size.width) * channels)
        .collect();
    let input = input.as_standard_layout();
    let values = input.as_slice().unwrap_or(&[]);
    let mut output = Vec::with_capacity(length);
    for y in 0..size.height {
        let line = &values[nearest(y, source.height, size.height) * source.width * channels..];
        for &start in &columns {
            output.extend_from_slice(&line[start..start + channels]);
        }
    }
    array(shape.resized(size), output)
}

fn nearest(output: usize, inputs: usize, outputs: usize) -> usize {
    ((output as f64 * scale(inputs, outputs)) as usize).min(inputs - 1)
}

/// Input pixels per output pixel: a reciprocal of a reciprocal, which shows in the last bit.
pub(super) fn scale(inputs: usize, outputs: usize) -> f64 {
    1.0 / (outputs as f64 / inputs as f64)
}

/// Where an output pixel lies among the input pixels: the one below, and how far past it.
fn place(output: usize, scale: f64) -> (isize, f64) {
    let place = (output as f64 + 0.5) * scale - 0.5;
    (place.floor() as isize, place - place.floor())
}

/// The same in f32, which OpenCV takes for everything but its fast `f32` path.
fn place_f32(output: usize, scale: f64) -> (isize, f32) {
    let place = ((output as f64 + 0.5) * scale - 0.5) as f32;
    (place.floor() as isize, place - place.floor())
}

/// A fixed-point weight.
pub(super) fn fixed(weight: f32) -> i32 {
    (weight * (1 << WEIGHT_BITS) as f32).round_ties_even() as i32
}

fn cubic_taps<W: Copy + Default + AddAssign>(
    weights_at: impl Fn(usize, f64) -> (isize, [W; 4]),
) -> impl Fn(usize, usize) -> Taps<W> {
    move |inputs, outputs| {
        let scale = scale(inputs, outputs);
        Taps::new(inputs, outputs, 4, |output, weights| {
            let (floor, four) = weights_at(output, scale);
            weights.extend(four);
            floor - 1
        })
    }
}

fn linear_taps<W: Copy + Default + AddAssign>(
    weights_at: impl Fn(usize, f64) -> (isize, [W; 2]),
) -> impl Fn(usize, usize) -> Taps<W> {
    move |inputs, outputs| {
        let scale = scale(inputs, outputs);
        Taps::new(inputs, outputs, 2, |output, weights| {
            let (floor, two) = weights_at(output, scale);
            weights.extend(two);
            floor
        })
    }
}

mod sealed {
    use super::*;

    pub trait OpenCv: Sized {
        fn cubic<D: Raster>(input: ArrayView<'_, Self, D>, size: Size) -> Result<Array<Self, D>>;
        fn linear<D: Raster>(input: ArrayView<'_, Self, D>, size: Size) -> Result<Array<Self, D>>;
    }

    impl OpenCv for f32 {
        fn cubic<D: Raster>(input: ArrayView<'_, f32, D>, size: Size) -> Result<Array<f32, D>> {
            let taps = cubic_taps(|output, scale| {
                let (floor, past) = place(output, scale);
                (
                    floor,
                    cubic::weights_f64(past, f64::from(A)).map(|weight| weight as f32),
                )
            });
            separable(&Float::NEW, input, size, taps)
        }

        fn linear<D: Raster>(input: ArrayView<'_, f32, D>, size: Size) -> Result<Array<f32, D>> {
            let taps = linear_taps(|output, scale| {
                let (floor, past) = place(output, scale);
                (floor, [(1.0 - past) as f32, past as f32])
            });
            separable(&Float::NEW, input, size, taps)
        }
    }

    impl OpenCv for f64 {
        fn cubic<D: Raster>(input: ArrayView<'_, f64, D>, size: Size) -> Result<Array<f64, D>> {
            separable(&Float::NEW, input, size, cubic_taps(weights_of_f64))
        }

        fn linear<D: Raster>(input: ArrayView<'_, f64, D>, size: Size) -> Result<Array<f64, D>> {
            let taps = linear_taps(|output, scale| {
                let (floor, past) = place(output, scale);
                (floor, [1.0 - past, past])
            });
            separable(&Float::NEW, input, size, taps)
        }
    }

    impl OpenCv for u8 {
        fn cubic<D: Raster>(input: ArrayView<'_, u8, D>, size: Size) -> Result<Array<u8, D>> {
            let taps = cubic_taps(|output, scale| {
                let (floor, past) = place_f32(output, scale);
                (floor, cubic::weights_f32(past, A).map(fixed))
            });
            separable(&FixedCubic, input, size, taps)
        }

        fn linear<D: Raster>(input: ArrayView<'_, u8, D>, size: Size) -> Result<Array<u8, D>> {
            let taps = linear_taps(|output, scale| {
                let (floor, past) = place_f32(output, scale);
                (floor, [fixed(1.0 - past), fixed(past)])
            });
            separable(&FixedLinear, input, size, taps)
        }
    }
}

/// `u8` in fixed point, rounded once at the end.
struct FixedCubic;

impl Arithmetic for FixedCubic {
    type Sample = u8;
    type Weight = i32;
    type Mid = i32;
    type Sum = i32;

    #[inline(always)]
    fn zero_across(&self) -> i32 {
        0
    }
    #[inline(always)]
    fn add_across(&self, sum: i32, weight: i32, sample: u8) -> i32 {
        sum + weight * i32::from(sample)
    }
    #[inline(always)]
    fn finish_across(&self, sum: i32) -> i32 {
        sum
    }
    #[inline(always)]
    fn zero_down(&self) -> i32 {
        1 << (2 * WEIGHT_BITS - 1)
    }
    #[inline(always)]
    fn add_down(&self, sum: i32, weight: i32, mid: i32) -> i32 {
        sum + weight * mid
    }
    #[inline(always)]
    fn finish_down(&self, sum: i32) -> u8 {
        (sum >> (2 * WEIGHT_BITS)).clamp(0, 255) as u8
    }
}

/// `u8` in fixed point, cut to 16 bits on the way: each line's share loses its
/// last 4 bits, then its last 16, and the last 2 are rounded.
pub(super) struct FixedLinear;

impl Arithmetic for FixedLinear {
    type Sample = u8;
    type Weight = i32;
    type Mid = i32;
    type Sum = i32;

    #[inline(always)]
    fn zero_across(&self) -> i32 {
        0
    }
    #[inline(always)]
    fn add_across(&self, sum: i32, weight: i32, sample: u8) -> i32 {
        sum + weight * i32::from(sample)
    }
    #[inline(always)]
    fn finish_across(&self, sum: i32) -> i32 {
        sum >> 4
    }
    #[inline(always)]
    fn zero_down(&self) -> i32 {
        2
    }
    #[inline(always)]
    fn add_down(&self, sum: i32, weight: i32, mid: i32) -> i32 {
        sum + ((weight * mid) >> 16)
    }
    #[inline(always)]
    fn finish_down(&self, sum: i32) -> u8 {
        (sum >> 2).clamp(0, 255) as u8
    }
}
