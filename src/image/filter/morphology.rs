//! Grey dilation and erosion by a square.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::image::size::{Raster, array, checked_len};
use crate::simd::{self, Kernel};
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
    let input = input.as_standard_layout();
    let square = Square {
        before: size / 2,
        after: size - 1 - size / 2,
    };
    let values = square.pick(input.as_slice().unwrap_or(&[]), shape[1], larger);
    array(shape, values)
}

/// The largest value of the square that reaches `radius` pixels to each side of
/// every pixel, as far as the plane goes. `plane` has rows of `width` values.
pub(crate) fn dilate_plane(plane: &[f32], width: usize, radius: usize) -> Vec<f32> {
    Square::around(radius).pick(plane, width, larger)
}

/// The smallest value of the same square.
pub(crate) fn erode_plane(plane: &[f32], width: usize, radius: usize) -> Vec<f32> {
    Square::around(radius).pick(plane, width, smaller)
}

fn larger<T: PartialOrd>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

fn smaller<T: PartialOrd>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

/// How far a square reaches from its pixel, the same in both directions.
#[derive(Clone, Copy)]
struct Square {
    before: usize,
    after: usize,
}

impl Square {
    fn around(radius: usize) -> Self {
        Self {
            before: radius,
            after: radius,
        }
    }

    /// What `better` picks from the square around every pixel. It must not
    /// matter in which order, and how often, it sees the values.
    fn pick<T: Copy + Send + Sync>(
        self,
        plane: &[T],
        width: usize,
        better: impl Fn(T, T) -> T + Copy + Sync,
    ) -> Vec<T> {
        let mut across = plane.to_vec();
        across
            .par_chunks_mut(width)
            .for_each_init(Vec::new, |padded, row| {
                simd::run(Across {
                    square: self,
                    row,
                    padded,
                    better,
                });
            });
        let height = plane.len() / width;
        let mut down = plane.to_vec();
        down.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            let first = y.saturating_sub(self.before);
            let end = (y + self.after + 1).min(height);
            simd::run(Down {
                rows: &across[first * width..end * width],
                row,
                better,
            });
        });
        down
    }
}

/// Picks from a row, in place.
struct Across<'a, T, F> {
    square: Square,
    row: &'a mut [T],
    padded: &'a mut Vec<T>,
    better: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Kernel for Across<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self {
            square: Square { before, after },
            row,
            padded,
            better,
        } = self;
        let (Some(&first), Some(&last)) = (row.first(), row.last()) else {
            return;
        };
        // Repeating a border changes no pick: the border is in the square.
        padded.clear();
        padded.resize(before, first);
        padded.extend_from_slice(row);
        padded.resize(before + row.len() + after, last);
        // Windows of 2, 4, 8, ... values; two of them overlap to the whole one.
        let (length, mut span) = (before + 1 + after, 1);
        while 2 * span <= length {
            for x in 0..padded.len() - span {
                padded[x] = better(padded[x], padded[x + span]);
            }
            span *= 2;
        }
        for (x, value) in row.iter_mut().enumerate() {
            *value = better(padded[x], padded[x + length - span]);
        }
    }
}

/// Picks from rows that lie one after the other.
struct Down<'a, T, F> {
    rows: &'a [T],
    row: &'a mut [T],
    better: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Kernel for Down<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rows = self.rows.chunks_exact(self.row.len());
        if let Some(first) = rows.next() {
            self.row.copy_from_slice(first);
        }
        for other in rows {
            for (value, &other) in self.row.iter_mut().zip(other) {
                *value = (self.better)(*value, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, pixel by pixel.
    fn slowly(plane: &[f32], width: usize, square: Square, better: fn(f32, f32) -> f32) -> Vec<f32> {
        let reach =
            |at: usize, length: usize| at.saturating_sub(square.before)..(at + square.after + 1).min(length);
        let pixel = |i: usize| {
            reach(i / width, plane.len() / width)
                .flat_map(|y| reach(i % width, width).map(move |x| plane[y * width + x]))
                .reduce(better)
                .unwrap()
        };
        (0..plane.len()).map(pixel).collect()
    }

    #[test]
    fn every_square_on_every_plane() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (13, 7), (40, 3)] {
            let plane: Vec<f32> = (0..width * height).map(|i| (i * 7919 % 101) as f32).collect();
            let view = ArrayView2::from_shape((height, width), &plane).unwrap();
            for size in 1..12 {
                let square = Square {
                    before: size / 2,
                    after: size - 1 - size / 2,
                };
                let dilated = dilate(view, size).unwrap().into_raw_vec_and_offset().0;
                assert_eq!(dilated, slowly(&plane, width, square, f32::max), "{size}");
            }
            for radius in 0..6 {
                let square = Square::around(radius);
                let (low, high) = (
                    erode_plane(&plane, width, radius),
                    dilate_plane(&plane, width, radius),
                );
                assert_eq!(low, slowly(&plane, width, square, f32::min), "{radius}");
                assert_eq!(high, slowly(&plane, width, square, f32::max), "{radius}");
            }
        }
        assert!(dilate(ArrayView2::<f32>::from_shape((0, 0), &[]).unwrap(), 3).is_err());
        assert!(dilate(ArrayView2::from_shape((1, 1), &[1.0]).unwrap(), 0).is_err());
    }
}
