//! Right matrices laid out for [`multiply`](super::kernel::multiply), strip by strip.

use super::kernel::{Rows, Strips, strip_width};
use super::simd::Level;

/// A `[depth, columns]` matrix in strips; the last one is filled up with zeros.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) level: Level,
    pub(super) depth: usize,
    pub(super) columns: usize,
    data: Vec<f32>,
}

impl Packed {
    /// The transpose of `rows` (`[columns, depth]`, row-major).
    pub(super) fn transposed(level: Level, rows: &[f32], depth: usize) -> Self {
        let (width, columns) = (strip_width(level), rows.len() / depth.max(1));
        let mut data = vec![0.0; columns.div_ceil(width) * depth * width];
        for (column, row) in rows.chunks_exact(depth.max(1)).enumerate() {
            let start = column / width * depth * width + column % width;
            for (to, value) in data[start..].iter_mut().step_by(width).zip(row) {
                *to = *value;
            }
        }
        Self {
            level,
            depth,
            columns,
            data,
        }
    }

    /// Multiplies every column by its element of `factors`.
    pub(super) fn scale(&mut self, factors: &[f32]) {
        let width = strip_width(self.level);
        for (strip, factors) in self
            .data
            .chunks_exact_mut((self.depth * width).max(1))
            .zip(factors.chunks(width))
        {
            for row in strip.chunks_exact_mut(width) {
                row.iter_mut()
                    .zip(factors)
                    .for_each(|(value, factor)| *value *= factor);
            }
        }
    }

    /// The rows from `row` on of the strips from the one that begins with column `column`.
    pub(super) fn from(&self, row: usize, column: usize) -> Strips<'_> {
        let width = strip_width(self.level);
        Strips {
            data: &self.data[(column / width * self.depth + row) * width..],
            strip: self.depth * width,
            rows: Rows::Every(width),
        }
    }
}
