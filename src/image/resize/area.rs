//! `cv2.resize(interpolation=INTER_AREA)`.

use std::ops::AddAssign;

use ndarray::{Array, ArrayView};

use super::engine::{Arithmetic, separable};
use super::float::Float;
use super::opencv::{self, FixedLinear, fixed};
use super::taps::Taps;
use crate::Result;
use crate::image::size::{Raster, Size, checked_len};

/// A pixel's end that covers less of an output pixel than this is left out.
const SLIVER: f64 = 1e-3;

/// The pixel types of [`opencv_area`].
pub trait AreaSample: sealed::Area {}

impl AreaSample for u8 {}
impl AreaSample for f32 {}
impl AreaSample for f64 {}

/// Resizes as `cv2.resize(interpolation=INTER_AREA)` does.
///
/// If no side grows, each output pixel is the mean of the input area it
/// covers, pixels at its ends weighted by the share that is covered. If a side
/// grows, OpenCV means something else, and so does this: linear interpolation
/// with the steps between input pixels as narrow as one output pixel.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn opencv_area<T: AreaSample, D: Raster>(input: ArrayView<'_, T, D>, size: Size) -> Result<Array<T, D>> {
    let shape = input.raw_dim();
    let source = shape.picture_size();
    checked_len(source, shape.channels())?;
    checked_len(size, shape.channels())?;
    if source.width < size.width || source.height < size.height {
        T::grow(input, size)
    } else if source.width.is_multiple_of(size.width) && source.height.is_multiple_of(size.height) {
        T::shrink_evenly(
            input,
            size,
            [source.width / size.width, source.height / size.height],
        )
    } else {
        T::shrink(input, size)
    }
}

/// The samples under each output sample, and the share of it that each fills.
fn shrinking<W: From<f32>>(output: usize, inputs: usize, outputs: usize, weights: &mut Vec<W>) -> isize {
    let scale = opencv::scale(inputs, outputs);
    let (start, end) = (output as f64 * scale, (output + 1) as f64 * scale);
    let width = scale.min(inputs as f64 - start);
    let last_whole = end.floor().min((inputs - 1) as f64);
    let first_whole = start.ceil().min(last_whole);
    let mut first = first_whole;
    if first_whole - start > SLIVER {
        first -= 1.0;
        weights.push((((first_whole - start) / width) as f32).into());
    }
    weights.extend((first_whole as usize..last_whole as usize).map(|_| W::from((1.0 / width) as f32)));
    if end - last_whole > SLIVER {
        weights.push((((end - last_whole).min(1.0).min(width) / width) as f32).into());
    }
    first as isize
}

/// The lower sample of the pair around an output sample, and how far past it that lies.
fn growing(output: usize, inputs: usize, outputs: usize) -> (isize, f32) {
    let floor = (output as f64 * opencv::scale(inputs, outputs)).floor();
    let past = ((output + 1) as f64 - (floor + 1.0) * (outputs as f64 / inputs as f64)) as f32;
    (
        floor as isize,
        if past <= 0.0 { 0.0 } else { past - past.floor() },
    )
}

fn shrinking_taps<W>(inputs: usize, outputs: usize) -> Taps<W>
where
    W: Copy + Default + AddAssign + From<f32>,
{
    let longest = inputs.div_ceil(outputs) + 2;
    Taps::new(inputs, outputs, longest, |output, weights| {
        shrinking(output, inputs, outputs, weights)
    })
}

fn growing_taps<W: Copy + Default + AddAssign>(
    weight: impl Fn(f32) -> W,
) -> impl Fn(usize, usize) -> Taps<W> {
    move |inputs, outputs| {
        Taps::new(inputs, outputs, 2, |output, weights| {
            let (floor, past) = growing(output, inputs, outputs);
            weights.extend([weight(1.0 - past), weight(past)]);
            floor
        })
    }
}

/// Every sample under an output sample counts once.
fn even_taps<W: Copy + Default + AddAssign>(one: W) -> impl Fn(usize, usize) -> Taps<W> {
    move |inputs, outputs| {
        let ratio = inputs / outputs;
        Taps::new(inputs, outputs, ratio, |output, weights| {
            weights.extend(std::iter::repeat_n(one, ratio));
            (output * ratio) as isize
        })
    }
}

mod sealed {
    use super::*;

    pub trait Area: Sized {
        fn grow<D: Raster>(input: ArrayView<'_, Self, D>, size: Size) -> Result<Array<Self, D>>;
        fn shrink<D: Raster>(input: ArrayView<'_, Self, D>, size: Size) -> Result<Array<Self, D>>;
        fn shrink_evenly<D: Raster>(
            input: ArrayView<'_, Self, D>,
            size: Size,
            ratio: [usize; 2],
        ) -> Result<Array<Self, D>>;
    }

    macro_rules! float_area {
        ($float:ty) => {
            impl Area for $float {
                fn grow<D: Raster>(input: ArrayView<'_, Self, D>, size: Size) -> Result<Array<Self, D>> {
                    separable(&Float::NEW, input, size, growing_taps(<$float>::from))
                }

                fn shrink<D: Raster>(input: ArrayView<'_, Self, D>, size: Size) -> Result<Array<Self, D>> {
                    separable(&Float::NEW, input, size, shrinking_taps)
                }

                fn shrink_evenly<D: Raster>(
                    input: ArrayView<'_, Self, D>,
                    size: Size,
                    ratio: [usize; 2],
                ) -> Result<Array<Self, D>> {
                    let share = (1.0 / (ratio[0] * ratio[1]) as f64) as $float;
                    let sums = separable(&Float::NEW, input, size, even_taps(1.0))?;
                    Ok(sums.mapv_into(|sum| sum * share))
                }
            }
        };
    }

    float_area!(f32);
    float_area!(f64);

    impl Area for u8 {
        fn grow<D: Raster>(input: ArrayView<'_, u8, D>, size: Size) -> Result<Array<u8, D>> {
            separable(&FixedLinear, input, size, growing_taps(fixed))
        }

        fn shrink<D: Raster>(input: ArrayView<'_, u8, D>, size: Size) -> Result<Array<u8, D>> {
            separable(&Mean, input, size, shrinking_taps)
        }

        fn shrink_evenly<D: Raster>(
            input: ArrayView<'_, u8, D>,
            size: Size,
            ratio: [usize; 2],
        ) -> Result<Array<u8, D>> {
            separable(&EvenMean { ratio }, input, size, even_taps(1))
        }
    }
}

/// `u8` summed in f32, halves rounded to even.
struct Mean;

impl Arithmetic for Mean {
    type Sample = u8;
    type Weight = f32;
    type Mid = f32;
    type Sum = f32;

    #[inline(always)]
    fn zero_across(&self) -> f32 {
        0.0
    }
    #[inline(always)]
    fn add_across(&self, sum: f32, weight: f32, sample: u8) -> f32 {
        sum + weight * f32::from(sample)
    }
    #[inline(always)]
    fn finish_across(&self, sum: f32) -> f32 {
        sum
    }
    #[inline(always)]
    fn zero_down(&self) -> f32 {
        0.0
    }
    #[inline(always)]
    fn add_down(&self, sum: f32, weight: f32, mid: f32) -> f32 {
        sum + weight * mid
    }
    #[inline(always)]
    fn finish_down(&self, sum: f32) -> u8 {
        sum.round_ties_even() as u8
    }
}

/// `u8` summed in whole numbers, for whole ratios; halves are rounded up for
/// two by two samples and to even else.
struct EvenMean {
    ratio: [usize; 2],
}

impl Arithmetic for EvenMean {
    type Sample = u8;
    type Weight = u32;
    type Mid = u32;
    type Sum = u32;

    #[inline(always)]
    fn zero_across(&self) -> u32 {
        0
    }
    #[inline(always)]
    fn add_across(&self, sum: u32, _one: u32, sample: u8) -> u32 {
        sum + u32::from(sample)
    }
    #[inline(always)]
    fn finish_across(&self, sum: u32) -> u32 {
        sum
    }
    #[inline(always)]
    fn zero_down(&self) -> u32 {
        0
    }
    #[inline(always)]
    fn add_down(&self, sum: u32, _one: u32, mid: u32) -> u32 {
        sum + mid
    }
    #[inline(always)]
    fn finish_down(&self, sum: u32) -> u8 {
        if self.ratio == [2, 2] {
            ((sum + 2) >> 2) as u8
        } else {
            (sum as f32 * (1.0 / (self.ratio[0] * self.ratio[1]) as f64) as f32).round_ties_even() as u8
        }
    }
}
