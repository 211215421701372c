//! Sobel derivatives.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::convolve::Real;
use super::gradient::{Gradient, Sobel};
use super::kernel;
use super::lines::Stored;
use crate::Result;
use crate::image::size::{Raster, array, checked_len};
use crate::simd;

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
                gradient: Sobel::new(Stored::new(values, width), &derive, &smooth),
                first: index * band,
                width,
                across,
                down,
            });
        });
    Ok((array(shape, across)?, array(shape, down)?))
}

struct Band<'a, G: Gradient> {
    gradient: G,
    first: usize,
    width: usize,
    across: &'a mut [G::Value],
    down: &'a mut [G::Value],
}

impl<G: Gradient> simd::Kernel for Band<'_, G> {
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
