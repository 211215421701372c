//! Sobel derivatives.

use ndarray::{Array2, ArrayView2};

use super::convolve::{Kernel, Real};
use super::kernel;
use super::lines::{Lines, Ring, Stored, pad, reflect, touched};
use crate::Result;
use crate::image::simd;
use crate::image::size::{Raster, array, checked_len};
use rayon::prelude::*;

/// The derivatives across and down, as `cv2.Sobel` gives them for `ksize =
/// size`: not divided by the sum of the weights, so a slope of 1 gives 8 for
/// size 3, 128 for size 5, ever more for larger ones. Size 1 is the
/// difference of the two neighbours. Reflected borders.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) unless `size` is odd and at most
/// 31 and there are pixels.
pub fn sobel<T: Real>(input: ArrayView2<'_, T>, size: usize) -> Result<(Array2<T>, Array2<T>)> {
    let (derive, smooth) = kernel::sobel(size)?;
    let shape = input.raw_dim();
    let length = checked_len(shape.picture_size(), 1)?;
    let width = shape.picture_size().width;
    let input = input.as_standard_layout();
    let values = input.as_slice().unwrap_or(&[]);
    let (mut across, mut down) = (vec![T::default(); length], vec![T::default(); length]);
    let band = (4 * size).max(32);
    across
        .par_chunks_mut(width * band)
        .zip(down.par_chunks_mut(width * band))
        .enumerate()
        .for_each(|(index, (across, down))| {
            simd::run(Band {
                gradient: Gradient::sobel(Stored::new(values, width), &derive, &smooth),
                first: index * band,
                width,
                across,
                down,
            });
        });
    Ok((array(shape, across)?, array(shape, down)?))
}

struct Band<'a, L: Lines> {
    gradient: Gradient<L>,
    first: usize,
    width: usize,
    across: &'a mut [L::Value],
    down: &'a mut [L::Value],
}

impl<L: Lines<Value: Real>> simd::Kernel for Band<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let across = self.across.chunks_exact_mut(self.width);
        let down = self.down.chunks_exact_mut(self.width);
        for (row, (across, down)) in across.zip(down).enumerate() {
            self.gradient.line(self.first + row, across, down);
        }
    }
}

/// The derivatives of a source of single-channel lines.
pub(crate) struct Gradient<L: Lines> {
    source: L,
    derive: Kernel<L::Value>,
    smooth: Kernel<L::Value>,
    derived: Ring<L::Value>,
    smoothed: Ring<L::Value>,
    raw: Vec<L::Value>,
    padded: Vec<L::Value>,
}

impl<L: Lines<Value: Real>> Gradient<L> {
    /// By the kernels of [`kernel::sobel`].
    pub(crate) fn sobel(source: L, derive: &[f64], smooth: &[f64]) -> Self {
        let (width, slots) = (source.width(), derive.len());
        Self {
            derive: Kernel::odd(derive),
            smooth: Kernel::even(smooth),
            derived: Ring::new(slots, width),
            smoothed: Ring::new(slots, width),
            raw: vec![L::Value::default(); width],
            padded: vec![L::Value::default(); width + slots - 1],
            source,
        }
    }

    /// The derivatives across and down in line `y`.
    #[inline(always)]
    pub(crate) fn line(&mut self, y: usize, across: &mut [L::Value], down: &mut [L::Value]) {
        let (height, width) = (self.source.height(), self.source.width());
        let radius = self.derive.radius();
        for needed in touched(y, radius, height) {
            if let (Some(derived), Some(smoothed)) =
                (self.derived.missing(needed), self.smoothed.missing(needed))
            {
                self.source.line(needed, &mut self.raw);
                pad(&self.raw, radius, 1, &mut self.padded);
                let padded = &self.padded;
                let shifted = |distance: isize| &padded[(radius as isize + distance) as usize..][..width];
                self.derive.apply(derived, shifted);
                self.smooth.apply(smoothed, shifted);
            }
        }
        let row = |distance: isize| reflect(y as isize + distance, height);
        let (derived, smoothed) = (&self.derived, &self.smoothed);
        self.smooth.apply(across, |distance| derived.get(row(distance)));
        self.derive.apply(down, |distance| smoothed.get(row(distance)));
    }
}
