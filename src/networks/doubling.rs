//! The transposed convolution that doubles a map: kernel 4, stride 2, one
//! pixel cut from every side.

use candle_core::Tensor;

use crate::nn::{Conv2d, Conv2dConfig, Padding};
use crate::{Error, Result};

/// Rows of the kernel that the even and the odd output rows are made with, upper input row first.
const ROWS: [[u32; 2]; 2] = [[3, 1], [2, 0]];

/// Every other row and column of the result is an ordinary 2x2 convolution of
/// its own, with a quarter of the kernel.
pub(super) struct Doubling {
    /// Even rows, then odd rows; of each the even columns, then the odd columns.
    phases: [[Conv2d; 2]; 2],
}

impl Doubling {
    /// From the kernel `weight` (`[inputs, outputs, 4, 4]`) and the vector
    /// `bias` (`[outputs]`). `relu_input`: whether negative inputs count as 0.
    pub(super) fn new(weight: &Tensor, bias: Option<&Tensor>, relu_input: bool) -> Result<Self> {
        let (_, _, kernel_h, kernel_w) = weight.dims4()?;
        if (kernel_h, kernel_w) != (4, 4) {
            return Err(Error::invalid(format!(
                "a doubling convolution has a kernel of 4 x 4, not {kernel_w} x {kernel_h}"
            )));
        }
        let weight = weight.transpose(0, 1)?.contiguous()?;
        let phase = |row: usize, column: usize| {
            let taps = |odd: usize| Tensor::new(&ROWS[odd], weight.device());
            let weight = weight
                .index_select(&taps(row)?, 2)?
                .index_select(&taps(column)?, 3)?;
            let config = Conv2dConfig {
                padding: Padding {
                    top: 1 - row,
                    bottom: row,
                    left: 1 - column,
                    right: column,
                },
                relu_input,
                ..Conv2dConfig::default()
            };
            Conv2d::new(weight, bias.cloned(), config)
        };
        Ok(Self {
            phases: [[phase(0, 0)?, phase(0, 1)?], [phase(1, 0)?, phase(1, 1)?]],
        })
    }

    /// Maps `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let row = |[even, odd]: &[Conv2d; 2]| -> Result<Tensor> {
            let columns = Tensor::stack(&[even.forward(x)?, odd.forward(x)?], 4)?;
            Ok(columns.flatten_from(3)?)
        };
        let [even, odd] = &self.phases;
        let rows = Tensor::stack(&[row(even)?, row(odd)?], 3)?;
        let (b, c, h, _, w) = rows.dims5()?;
        Ok(rows.reshape((b, c, 2 * h, w))?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn it_is_the_transposed_convolution() {
        let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
        let (weight, bias, x) = (random(&[5, 3, 4, 4]), random(&[3]), random(&[2, 5, 6, 7]));
        for relu_input in [false, true] {
            let seen = if relu_input { x.relu().unwrap() } else { x.clone() };
            let wanted = seen
                .conv_transpose2d(&weight, 1, 0, 2, 1)
                .unwrap()
                .broadcast_add(&bias.reshape((1, 3, 1, 1)).unwrap())
                .unwrap();
            let found = Doubling::new(&weight, Some(&bias), relu_input)
                .unwrap()
                .forward(&x)
                .unwrap();
            assert_eq!(found.dims(), [2, 3, 12, 14]);
            let difference = (found - wanted).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f32>().unwrap() < 1e-4);
        }
    }

    #[test]
    fn another_kernel_is_refused() {
        let weight = Tensor::zeros((2, 2, 3, 4), DType::F32, &Device::Cpu).unwrap();
        assert!(matches!(
            Doubling::new(&weight, None, false),
            Err(Error::Invalid(_))
        ));
    }
}
