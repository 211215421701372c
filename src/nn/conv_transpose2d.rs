//! Transposed convolution of feature maps.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::buffer::{self, Shared};
use super::fused::{self, to_vec};
use super::product::{Matrix, Tile, multiply};
use crate::{Error, Result};

/// Input rows of one tile.
const ROWS: usize = 8;

/// A transposed convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
    kernel: Option<Pixels>,
}

/// The weights of a convolution whose kernel is its stride: every input pixel
/// becomes a block of output pixels of its own.
#[derive(Clone, Debug)]
struct Pixels {
    /// `[outputs, stride, stride, inputs]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
    stride: usize,
}

impl ConvTranspose2d {
    /// A transposed convolution with the kernel `weight` (`[inputs, outputs,
    /// k, k]`) and the vector `bias` (`[outputs]`); `padding` pixels are cut
    /// from every side of the result.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those, or the stride is 0.
    pub fn new(weight: Tensor, bias: Option<Tensor>, stride: usize, padding: usize) -> Result<Self> {
        let (inputs, outputs, kernel_h, kernel_w) = weight.dims4()?;
        let bias_fits = bias.as_ref().is_none_or(|bias| bias.dims() == [outputs]);
        if kernel_h != kernel_w || stride == 0 || !bias_fits {
            return Err(Error::invalid(format!(
                "a transposed convolution with stride {stride}, a kernel of shape {:?} and a bias of shape {:?} \
                 is not supported; the kernel must be square, the bias [{outputs}] and the stride at least 1",
                weight.dims(),
                bias.as_ref().map(Tensor::dims)
            )));
        }
        let kernel = if fused::runs_on(&weight) && kernel_h == stride && padding == 0 {
            let bias = match &bias {
                Some(bias) => to_vec(bias)?,
                None => vec![0.0; outputs],
            };
            Some(Pixels {
                weight: to_vec(&weight.permute((1, 2, 3, 0))?)?,
                bias,
                inputs,
                stride,
            })
        } else {
            None
        };
        Ok(Self {
            weight,
            bias,
            stride,
            padding,
            kernel,
        })
    }

    /// Maps `x` (`[B, inputs, H, W]`) to `[B, outputs, (H - 1) stride - 2 padding + k, ...]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the channels of `x` are not `inputs`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, c, h, w) = x.dims4()?;
        let (inputs, outputs, _, _) = self.weight.dims4()?;
        if c != inputs {
            return Err(Error::invalid(format!(
                "a transposed convolution with {inputs} input channels was given a tensor of shape {:?}",
                x.dims()
            )));
        }
        match &self.kernel {
            Some(kernel) if fused::runs_on(x) => {
                let shape = (b, outputs, h * self.stride, w * self.stride);
                fused::unary("conv_transpose2d", x, shape, |x| kernel.run(x, b, h, w))
            }
            _ => {
                let y = x
                    .contiguous()?
                    .conv_transpose2d(&self.weight, self.padding, 0, self.stride, 1)?;
                match &self.bias {
                    Some(bias) => Ok(y.broadcast_add(&bias.reshape((1, (), 1, 1))?)?),
                    None => Ok(y),
                }
            }
        }
    }
}

impl Pixels {
    fn run(&self, x: &[f32], b: usize, h: usize, w: usize) -> Vec<f32> {
        let (stride, outputs) = (self.stride, self.bias.len());
        let plane = h * w * stride * stride;
        let band = ROWS * w * stride * stride;
        let fill = |out: &mut [MaybeUninit<f32>]| {
            out.par_chunks_mut(plane)
                .enumerate()
                .flat_map(|(i, out)| out.par_chunks_mut(band).enumerate().map(move |band| (i, band)))
                .for_each_init(
                    || vec![MaybeUninit::new(0f32); band],
                    |product, (i, (tile, out))| {
                        let (picture, output) = (i / outputs, i % outputs);
                        let (count, pixels) = (stride * stride, out.len() / (stride * stride));
                        let weight = &self.weight[output * count * self.inputs..];
                        let weight = Matrix {
                            data: weight,
                            row: self.inputs,
                            column: 1,
                        };
                        let from = picture * self.inputs * h * w + tile * ROWS * w;
                        let x = Matrix {
                            data: &x[from..],
                            row: h * w,
                            column: 1,
                        };
                        let planes = Tile {
                            out: Shared::new(product),
                            start: 0,
                            row: pixels,
                        };
                        // SAFETY: the scratch buffer is this task's own.
                        unsafe { multiply((count, self.inputs, pixels), 1.0, weight, x, planes) };
                        // SAFETY: as above, and the product wrote it.
                        let product = unsafe { planes.row(0, out.len()) };
                        scatter(product, self.bias[output], w, stride, out);
                    },
                );
        };
        // SAFETY: the chunks cover the buffer, and `scatter` writes all of a chunk.
        unsafe { buffer::filled(b * outputs * plane, fill) }
    }
}

/// Interleaves the `stride^2` planes of `product` (rows of `w`) into `out`, writing all of it.
fn scatter(product: &[f32], bias: f32, w: usize, stride: usize, out: &mut [MaybeUninit<f32>]) {
    let pixels = product.len() / (stride * stride);
    for (row, out) in out.chunks_exact_mut(w * stride).enumerate() {
        let (y, dy) = (row / stride, row % stride);
        for dx in 0..stride {
            let from = &product[(dy * stride + dx) * pixels + y * w..][..w];
            for (out, value) in out[dx..].iter_mut().step_by(stride).zip(from) {
                out.write(value + bias);
            }
        }
    }
}
