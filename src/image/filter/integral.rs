//! Integral images.

use ndarray::{Array2, ArrayView2};

use crate::Result;
use crate::image::size::{Raster, checked_len};

/// The integral image, as `cv2.integral` gives it: `[H + 1, W + 1]`, entry
/// `(y, x)` the sum of all values above row `y` and left of column `x`.
///
/// The sum over a rectangle is then two differences of differences (Crow,
/// "Summed-area tables for texture mapping", 1984).
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if there are no pixels.
pub fn integral<T: Copy + Into<f64>>(input: ArrayView2<'_, T>) -> Result<Array2<f64>> {
    let (height, width) = input.dim();
    checked_len(input.raw_dim().picture_size(), 1)?;
    let mut sums = Array2::zeros((height + 1, width + 1));
    for (y, line) in input.rows().into_iter().enumerate() {
        let (above, mut below) = sums.multi_slice_mut((ndarray::s![y, 1..], ndarray::s![y + 1, 1..]));
        let mut total = 0.0;
        for ((sum, &above), &value) in below.iter_mut().zip(&above).zip(line) {
            total += value.into();
            *sum = above + total;
        }
    }
    Ok(sums)
}
