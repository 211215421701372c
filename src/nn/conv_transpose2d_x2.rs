//! The transposed convolution with stride 2 that doubles a map (kernel 4,
//! padding 1), as a sub-pixel convolution: four phases, then a pixel shuffle.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::conv2d::winograd::MOST_WEIGHTS;
use super::{Conv2d, Conv2dConfig, Padding, buffer, fused};
use crate::{Error, Result};

/// Rows of the kernel that the even and the odd output rows are made with, upper input row first.
const ROWS: [[u32; 2]; 2] = [[3, 1], [2, 0]];
/// Every other row and column of the result is a phase of its own.
const PHASES: usize = 4;
/// Up to so many outputs, reading the map takes longer than the products.
const FEW: usize = 2;
/// From so many inputs on, fewer multiplications outweigh what is done for them.
const FEWEST_INPUTS: usize = 64;

/// A transposed convolution with a kernel of 4 x 4, stride 2 and padding 1: one
/// pixel is cut from every side.
///
/// Every phase of the result is an ordinary 2 x 2 convolution with a quarter of the kernel.
#[derive(Clone, Debug)]
pub struct ConvTranspose2dX2 {
    outputs: usize,
    parts: Vec<Part>,
}

/// What sees some of the input channels.
#[derive(Clone, Debug)]
struct Part {
    inputs: usize,
    /// Even rows, then odd rows; of each the even columns, then the odd columns. Either one
    /// convolution each, or one with the output channels of all.
    phases: Vec<Conv2d>,
}

impl ConvTranspose2dX2 {
    /// From the kernel `weight` (`[inputs, outputs, 4, 4]`) and the vector
    /// `bias` (`[outputs]`). `relu_input`: whether negative inputs count as 0.
    /// `parts`: the channels of the tensors that together are the input, one or two.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those, or the parts do not add up.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>, relu_input: bool, parts: &[usize]) -> Result<Self> {
        let (inputs, outputs, kernel_h, kernel_w) = weight.dims4()?;
        if (kernel_h, kernel_w) != (4, 4) {
            return Err(Error::invalid(format!(
                "a transposed convolution with stride 2 has a kernel of 4 x 4, not {kernel_w} x {kernel_h}"
            )));
        }
        if !matches!(parts.len(), 1 | 2) || parts.iter().sum::<usize>() != inputs {
            return Err(Error::invalid(format!(
                "a transposed convolution with stride 2 with {inputs} input channels cannot see them in parts of {parts:?}"
            )));
        }
        let weight = weight.transpose(0, 1)?;
        let mut first = 0;
        let parts = parts.iter().map(|&inputs| {
            let part = weight.narrow(1, first, inputs)?.contiguous()?;
            // Once is enough.
            let bias = bias.filter(|_| first == 0);
            first += inputs;
            Part::new(&part, bias, relu_input)
        });
        Ok(Self {
            outputs,
            parts: parts.collect::<Result<_>>()?,
        })
    }

    /// Maps the parts of `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the parts are not those of the layer or differ in size.
    pub fn forward(&self, parts: &[&Tensor]) -> Result<Tensor> {
        let shapes: Vec<&[usize]> = parts.iter().map(|part| part.dims()).collect();
        let (batch, h, w) = match shapes[..] {
            [[b, _, h, w], ..] => (*b, *h, *w),
            _ => (0, 0, 0),
        };
        let wanted: Vec<_> = self.parts.iter().map(|part| [batch, part.inputs, h, w]).collect();
        if batch * h * w == 0 || shapes != wanted {
            return Err(Error::invalid(format!(
                "a transposed convolution with stride 2 was given tensors of shapes {shapes:?}; it needs {:?} channels of the same maps",
                self.parts.iter().map(|part| part.inputs).collect::<Vec<_>>()
            )));
        }
        let shape = (batch, self.outputs, 2 * h, 2 * w);
        match parts {
            [x] if fused::runs_on(x) => {
                fused::unary("conv_transpose2d_x2", x, shape, |x| self.run(&[x], (batch, h, w)))
            }
            [x, y] if fused::runs_on(x) && fused::runs_on(y) => {
                fused::binary("conv_transpose2d_x2", x, y, shape, |x, y| {
                    self.run(&[x, y], (batch, h, w))
                })
            }
            _ => self.stock(parts, (batch, h, w)),
        }
    }

    fn run(&self, parts: &[&[f32]], (batch, h, w): (usize, usize, usize)) -> Vec<f32> {
        let mut sums: Vec<Vec<f32>> = Vec::new();
        for (part, x) in self.parts.iter().zip(parts) {
            let size = (batch, part.inputs, h, w);
            let phases = part.phases.iter().enumerate();
            sums = phases
                .filter_map(|(i, phase)| phase.run(x, size, sums.get(i).map(Vec::as_slice)))
                .collect();
        }
        pixel_shuffle(&sums, (batch, self.outputs, h, w))
    }

    fn stock(&self, parts: &[&Tensor], (batch, h, w): (usize, usize, usize)) -> Result<Tensor> {
        let mut sums: Vec<Tensor> = Vec::new();
        for (part, x) in self.parts.iter().zip(parts) {
            let phases = part.phases.iter().enumerate();
            sums = phases
                .map(|(i, phase)| match sums.get(i) {
                    Some(sum) => phase.forward_add(x, sum),
                    None => phase.forward(x),
                })
                .collect::<Result<_>>()?;
        }
        let phases = Tensor::cat(&sums, 1)?.reshape(&[batch, 2, 2, self.outputs, h, w][..])?;
        let phases = phases.permute([0, 3, 4, 1, 5, 2])?.contiguous()?;
        Ok(phases.reshape((batch, self.outputs, 2 * h, 2 * w))?)
    }
}

impl Part {
    /// From the kernel `weight` (`[outputs, inputs, 4, 4]`).
    fn new(weight: &Tensor, bias: Option<&Tensor>, relu_input: bool) -> Result<Self> {
        let (outputs, inputs, ..) = weight.dims4()?;
        let phase = |row: usize, column: usize| -> Result<Tensor> {
            let taps = |odd: usize| Tensor::new(&ROWS[odd], weight.device());
            Ok(weight
                .index_select(&taps(row)?, 2)?
                .index_select(&taps(column)?, 3)?)
        };
        let places = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let config = |padding| Conv2dConfig {
            padding,
            relu_input,
            ..Conv2dConfig::default()
        };
        // As one convolution, the map is read once, and Winograd's algorithm takes fewer multiplications.
        let pairs = PHASES * outputs * inputs;
        let together = outputs <= FEW || (inputs >= FEWEST_INPUTS && pairs <= MOST_WEIGHTS);
        let phases = if fused::runs_on(weight) && together {
            // Each quarter of the kernel in its corner of 3 x 3.
            let phases = places.map(|(row, column)| -> Result<Tensor> {
                Ok(phase(row, column)?
                    .pad_with_zeros(2, row, 1 - row)?
                    .pad_with_zeros(3, column, 1 - column)?)
            });
            let weight = Tensor::cat(&phases.into_iter().collect::<Result<Vec<_>>>()?, 0)?;
            let bias = match bias {
                Some(bias) => Some(bias.repeat(PHASES)?),
                None => None,
            };
            vec![Conv2d::new(weight, bias, config(Padding::all(1)))?]
        } else {
            let phases = places.map(|(row, column)| {
                let padding = Padding {
                    top: 1 - row,
                    bottom: row,
                    left: 1 - column,
                    right: column,
                };
                Conv2d::new(phase(row, column)?, bias.cloned(), config(padding))
            });
            phases.into_iter().collect::<Result<_>>()?
        };
        Ok(Self { inputs, phases })
    }
}

/// Pixel shuffle: the phases, in one buffer or in one each, as one map.
fn pixel_shuffle(phases: &[Vec<f32>], (batch, outputs, h, w): (usize, usize, usize, usize)) -> Vec<f32> {
    let together = PHASES / phases.len();
    let row = |picture: usize, channel: usize, y: usize, phase: usize| {
        let plane = (picture * together + phase % together) * outputs + channel;
        &phases[phase / together][(plane * h + y) * w..][..w]
    };
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_exact_mut(4 * w).enumerate().for_each(|(i, out)| {
            let (plane, y) = (i / h, i % h);
            let (picture, channel) = (plane / outputs, plane % outputs);
            for (odd, out) in out.chunks_exact_mut(2 * w).enumerate() {
                let (even_columns, odd_columns) = (
                    row(picture, channel, y, 2 * odd),
                    row(picture, channel, y, 2 * odd + 1),
                );
                let pairs = out.as_chunks_mut::<2>().0;
                for ((pair, even), odd) in pairs.iter_mut().zip(even_columns).zip(odd_columns) {
                    pair[0].write(*even);
                    pair[1].write(*odd);
                }
            }
        });
    };
    // SAFETY: two rows of the result for each row of the phases are all of it.
    unsafe { buffer::filled(batch * outputs * PHASES * h * w, fill) }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn it_is_the_transposed_convolution() {
        let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
        for (outputs, relu_input, split) in [
            (3, false, 0),
            (3, true, 2),
            (1, true, 0),
            (2, false, 4),
            (3, true, 4),
        ] {
            let (weight, bias, x) = (
                random(&[5, outputs, 4, 4]),
                random(&[outputs]),
                random(&[2, 5, 6, 7]),
            );
            let seen = if relu_input { x.relu().unwrap() } else { x.clone() };
            let wanted = seen
                .conv_transpose2d(&weight, 1, 0, 2, 1)
                .unwrap()
                .broadcast_add(&bias.reshape((1, outputs, 1, 1)).unwrap())
                .unwrap();
            for dtype in [DType::F32, DType::F64] {
                let there = |x: &Tensor| x.to_dtype(dtype).unwrap();
                let (weight, bias, x) = (there(&weight), there(&bias), there(&x));
                let (sizes, parts) = match split {
                    0 => (vec![5], vec![x]),
                    _ => (
                        vec![split, 5 - split],
                        vec![
                            x.narrow(1, 0, split).unwrap(),
                            x.narrow(1, split, 5 - split).unwrap(),
                        ],
                    ),
                };
                let layer = ConvTranspose2dX2::new(&weight, Some(&bias), relu_input, &sizes).unwrap();
                let found = layer.forward(&parts.iter().collect::<Vec<_>>()).unwrap();
                assert_eq!(found.dims(), [2, outputs, 12, 14]);
                let difference = (found.to_dtype(DType::F32).unwrap() - &wanted).unwrap();
                let difference = difference.abs().unwrap().max_all().unwrap();
                assert!(difference.to_scalar::<f32>().unwrap() < 1e-4);
            }
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let refused = |result: Result<ConvTranspose2dX2>| matches!(result, Err(Error::Invalid(_)));
        assert!(refused(ConvTranspose2dX2::new(
            &zeros(&[2, 2, 3, 4]),
            None,
            false,
            &[2]
        )));
        assert!(refused(ConvTranspose2dX2::new(
            &zeros(&[2, 2, 4, 4]),
            None,
            false,
            &[1]
        )));
        let layer = ConvTranspose2dX2::new(&zeros(&[2, 2, 4, 4]), None, false, &[1, 1]).unwrap();
        let (x, y) = (zeros(&[1, 1, 3, 4]), zeros(&[1, 1, 4, 4]));
        assert!(matches!(layer.forward(&[&x]), Err(Error::Invalid(_))));
        assert!(matches!(layer.forward(&[&x, &y]), Err(Error::Invalid(_))));
    }
}
