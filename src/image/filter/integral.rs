//! Integral images.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use crate::Result;
use crate::image::size::{Raster, checked_len};

/// Columns that are summed downwards at a time.
const COLUMNS: usize = 512;

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
    let mut inside = sums.slice_mut(s![1.., 1..]);
    inside.zip_mut_with(&input, |sum, &value| *sum = value.into());
    integrate(inside, |value| value);
    Ok(sums)
}

/// Makes every entry the sum of what `value` makes of itself and of all entries above and left of it.
pub(crate) fn integrate(mut values: ArrayViewMut2<'_, f64>, value: impl Fn(f64) -> f64 + Sync) {
    values.axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut row| {
        let mut total = 0.0;
        for entry in &mut row {
            total += value(*entry);
            *entry = total;
        }
    });
    values
        .axis_chunks_iter_mut(Axis(1), COLUMNS)
        .into_par_iter()
        .for_each(|mut columns| {
            for y in 1..columns.nrows() {
                let (above, mut below) = columns.multi_slice_mut((s![y - 1, ..], s![y, ..]));
                below += &above;
            }
        });
}
