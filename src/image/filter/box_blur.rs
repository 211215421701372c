//! The mean of a square.

use ndarray::{Array, ArrayView};

use super::convolve::{Kernel, Real, Separable};
use super::lines::{Lines, Stored, collect};
use crate::image::size::{Raster, array, checked_len};
use crate::{Error, Result};

/// The pixel types of [`box_blur`]: `u8`, `f32` and `f64`.
pub trait BoxSample: Copy + Default + Send + Sync {
    /// What the sums are formed in.
    type Sum: Real;
    /// The sample as a summand.
    fn widen(self) -> Self::Sum;
    /// The mean as a sample, rounded if need be.
    fn narrow(mean: Self::Sum) -> Self;
}

impl BoxSample for u8 {
    type Sum = f32;
    fn widen(self) -> f32 {
        f32::from(self)
    }
    fn narrow(mean: f32) -> u8 {
        mean.round() as u8
    }
}

impl BoxSample for f32 {
    type Sum = f32;
    fn widen(self) -> f32 {
        self
    }
    fn narrow(mean: f32) -> f32 {
        mean
    }
}

impl BoxSample for f64 {
    type Sum = f64;
    fn widen(self) -> f64 {
        self
    }
    fn narrow(mean: f64) -> f64 {
        mean
    }
}

/// The mean of the `size` x `size` square (odd) around each pixel, as
/// `cv2.blur` gives it; all channels alike, reflected borders, `u8` rounded.
///
/// # Errors
/// [`Error::Invalid`] unless `size` is odd and there are pixels.
pub fn box_blur<T: BoxSample, D: Raster>(input: ArrayView<'_, T, D>, size: usize) -> Result<Array<T, D>> {
    if size.is_multiple_of(2) {
        return Err(Error::invalid(format!(
            "the box is {size} wide; it must be an odd number from 1 up"
        )));
    }
    let shape = input.raw_dim();
    let channels = shape.channels();
    let length = checked_len(shape.picture_size(), channels)?;
    let width = shape.picture_size().width * channels;
    let input = input.as_standard_layout();
    let values = input.as_slice().unwrap_or(&[]);
    let ones = Kernel::even(&vec![1.0; size]);
    let mut output = vec![T::default(); length];
    collect(&mut output, size, || Mean {
        sums: Separable::new(
            Widened(Stored::new(values, width), vec![T::default(); width]),
            channels,
            ones.clone(),
            ones.clone(),
        ),
        share: T::Sum::nearest(1.0 / (size as f64 * size as f64)),
        line: vec![T::Sum::default(); width],
    });
    array(shape, output)
}

/// Lines of samples as lines of summands.
struct Widened<'a, T>(Stored<'a, T>, Vec<T>);

impl<T: BoxSample> Lines for Widened<'_, T> {
    type Value = T::Sum;

    fn height(&self) -> usize {
        self.0.height()
    }
    fn width(&self) -> usize {
        self.0.width()
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [T::Sum]) {
        self.0.line(y, &mut self.1);
        for (wide, sample) in output.iter_mut().zip(&self.1) {
            *wide = sample.widen();
        }
    }
}

/// Lines of sums as lines of means.
struct Mean<'a, T: BoxSample> {
    sums: Separable<Widened<'a, T>>,
    share: T::Sum,
    line: Vec<T::Sum>,
}

impl<T: BoxSample> Lines for Mean<'_, T> {
    type Value = T;

    fn height(&self) -> usize {
        self.sums.height()
    }
    fn width(&self) -> usize {
        self.sums.width()
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [T]) {
        self.sums.line(y, &mut self.line);
        for (sample, &sum) in output.iter_mut().zip(&self.line) {
            *sample = T::narrow(sum * self.share);
        }
    }
}
