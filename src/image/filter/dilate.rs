//! Dilation by a square.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::image::size::{Raster, array, checked_len};
use crate::{Error, Result};

/// The largest value of the `size` x `size` square around each pixel, as
/// `cv2.dilate` gives it with a kernel of ones; outside the plane there is
/// nothing. An even square reaches one pixel further to the left and top.
///
/// # Errors
/// [`Error::Invalid`] if `size` is 0 or there are no pixels.
pub fn dilate<T: Copy + PartialOrd + Send + Sync>(
    input: ArrayView2<'_, T>,
    size: usize,
) -> Result<Array2<T>> {
    if size == 0 {
        return Err(Error::invalid(
            "a square of 0 pixels dilates nothing; it must be at least 1",
        ));
    }
    let shape = input.raw_dim();
    checked_len(shape.picture_size(), 1)?;
    let (height, width) = (shape[0], shape[1]);
    let input = input.as_standard_layout();
    let source = input.as_slice().unwrap_or(&[]);

    let mut across = source.to_vec();
    across
        .par_chunks_mut(width)
        .zip(source.par_chunks(width))
        .for_each(|(line, source)| {
            for (x, value) in line.iter_mut().enumerate() {
                for &other in &source[square(x, size, width)] {
                    *value = larger(*value, other);
                }
            }
        });

    let mut down = across.clone();
    down.par_chunks_mut(width).enumerate().for_each(|(y, line)| {
        for row in square(y, size, height) {
            for (value, &other) in line.iter_mut().zip(&across[row * width..]) {
                *value = larger(*value, other);
            }
        }
    });
    array(shape, down)
}

/// The places around `place` that a square covers on a line of `length`.
fn square(place: usize, size: usize, length: usize) -> Range<usize> {
    let before = size / 2;
    place.saturating_sub(before)..(place + size - before).min(length)
}

fn larger<T: PartialOrd>(a: T, b: T) -> T {
    if b > a { b } else { a }
}
