//! The B of a [`gemm`](super::gemm::gemm) packed in panels.

use super::gemm::{Panels, Rows, panel_width};
use crate::simd::Level;

/// A `[depth, columns]` matrix in panels; the last one is filled up with zeros.
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
        let (width, columns) = (panel_width(level), rows.len() / depth.max(1));
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
        let width = panel_width(self.level);
        for (panel, factors) in self
            .data
            .chunks_exact_mut((self.depth * width).max(1))
            .zip(factors.chunks(width))
        {
            for row in panel.chunks_exact_mut(width) {
                row.iter_mut()
                    .zip(factors)
                    .for_each(|(value, factor)| *value *= factor);
            }
        }
    }

    /// The rows from `row` on of the panels from the one that begins with column `column`.
    pub(super) fn panels(&self, row: usize, column: usize) -> Panels<'_> {
        let width = panel_width(self.level);
        Panels {
            data: &self.data[(column / width * self.depth + row) * width..],
            panel: self.depth * width,
            rows: Rows::Every(width),
        }
    }
}
