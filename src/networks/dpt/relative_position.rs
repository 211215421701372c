//! BEiT's positions: a bias of the attention for every offset from token to token.

use candle_core::Tensor;

use crate::Result;
use crate::nn::{bilinear, relative_position_bias};
use crate::weights::Weights;

/// The biases of one block.
///
/// The tables of index pairs in the official files follow from the size of
/// the grid and are not read.
pub(super) struct RelativePosition {
    /// Of patch to patch by offset, `[1, heads, 2 grid - 1, 2 grid - 1]`.
    offsets: Tensor,
    /// Of class token to patch, patch to class token and class token to itself, `[heads, 3]`.
    class: Tensor,
}

impl RelativePosition {
    /// Reads the table trained on `grid` x `grid` patches.
    pub(super) fn new(weights: &Weights<'_>, grid: usize, heads: usize) -> Result<Self> {
        let side = 2 * grid - 1;
        let table = weights
            .tensor("relative_position_bias_table", (side * side + 3, heads))?
            .t()?
            .contiguous()?;
        Ok(Self {
            offsets: table
                .narrow(1, 0, side * side)?
                .contiguous()?
                .reshape((1, heads, side, side))?,
            class: table.narrow(1, side * side, 3)?.contiguous()?,
        })
    }

    /// The bias `[heads, N, N]` (query, key) of a grid of (rows, columns)
    /// patches after a class token. For another grid than the trained one the
    /// offsets are resized bilinearly. That is cheap beside the attention, so
    /// nothing is kept from one run to the next.
    pub(super) fn bias(&self, (rows, columns): (usize, usize)) -> Result<Tensor> {
        let (down, across) = (2 * rows - 1, 2 * columns - 1);
        let offsets = bilinear(&self.offsets, (down, across), false)?;
        let offsets = offsets.reshape((self.class.dim(0)?, down * across))?;
        relative_position_bias(&Tensor::cat(&[&offsets, &self.class], 1)?, (rows, columns))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::{DType, Device};

    use super::*;
    use crate::weights::Checkpoint;

    fn relative(table: Vec<f32>, grid: usize) -> RelativePosition {
        let shape = (table.len(), 1);
        let table = Tensor::from_vec(table, shape, &Device::Cpu).unwrap();
        let checkpoint = Checkpoint::from_tensors(HashMap::from([(
            "relative_position_bias_table".to_owned(),
            table,
        )]));
        RelativePosition::new(&Weights::new(&checkpoint, &Device::Cpu, DType::F32), grid, 1).unwrap()
    }

    #[test]
    fn the_trained_grid_looks_every_offset_up() {
        // Offsets (dy, dx) from -1 to 1, row by row: 10 20 30 / 40 50 60 / 70 80 90.
        let mut table: Vec<f32> = (1..=9).map(|i| 10.0 * i as f32).collect();
        table.extend([1.0, 2.0, 3.0]);
        let bias = relative(table, 2).bias((2, 2)).unwrap();
        let expected: [[f32; 5]; 5] = [
            [3.0, 1.0, 1.0, 1.0, 1.0],
            [2.0, 50.0, 40.0, 20.0, 10.0],
            [2.0, 60.0, 50.0, 30.0, 20.0],
            [2.0, 80.0, 70.0, 50.0, 40.0],
            [2.0, 90.0, 80.0, 60.0, 50.0],
        ];
        assert_eq!(bias.to_vec3::<f32>().unwrap()[0], expected);
    }

    #[test]
    fn another_grid_blends_neighbouring_offsets() {
        // Three offsets to five: samples at -0.2, 0.4, 1, 1.6 and 2.2, the border replicated.
        let mut table: Vec<f32> = [0.0, 10.0, 20.0].repeat(3);
        table.extend([1.0, 2.0, 3.0]);
        let bias = relative(table, 2).bias((1, 3)).unwrap();
        let expected = [
            [3.0, 1.0, 1.0, 1.0],
            [2.0, 10.0, 4.0, 0.0],
            [2.0, 16.0, 10.0, 4.0],
            [2.0, 20.0, 16.0, 10.0],
        ];
        for (row, expected) in bias.to_vec3::<f32>().unwrap()[0].iter().zip(expected) {
            for (bias, expected) in row.iter().zip(expected) {
                assert!((bias - expected).abs() < 1e-5, "{bias}, not {expected}");
            }
        }
    }
}
