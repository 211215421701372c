//! Transposed convolution of feature maps.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::buffer::{self, Shared, Tile};
use super::fused::{self, to_vec};
use super::gemm::{Matrix, Panels, Rows, gemm, panel_width};
use super::{Conv2d, Conv2dConfig};
use crate::simd::Level;
use crate::{Error, Result};

/// Input rows of one tile.
const ROWS: usize = 8;
/// Output channels of one tile.
const OUTPUTS: usize = 16;

/// A transposed convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    map: Map,
}

#[derive(Clone, Debug)]
enum Map {
    /// The kernel is the stride: every input pixel becomes a block of output pixels of its own.
    Blocks {
        /// `[outputs, stride, stride, inputs]`.
        weight: Vec<f32>,
        bias: Vec<f32>,
    },
    /// The same with stock operations, a 1x1 convolution and a pixel shuffle: a stock transposed convolution adds
    /// up channel by channel on a GPU.
    StockBlocks(Conv2d),
    Stock {
        weight: Tensor,
        bias: Option<Tensor>,
    },
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
        let map = if kernel_h != stride || padding != 0 {
            Map::Stock { weight, bias }
        } else if fused::runs_on(&weight) {
            Map::Blocks {
                weight: to_vec(&weight.permute((1, 2, 3, 0))?)?,
                bias: match &bias {
                    Some(bias) => to_vec(bias)?,
                    None => vec![0.0; outputs],
                },
            }
        } else {
            let channels = outputs * stride * stride;
            let weight = weight.reshape((inputs, channels))?.t()?.contiguous()?;
            let bias = bias.map(|bias| {
                let repeated = bias.reshape((outputs, 1))?.repeat((1, stride * stride))?;
                repeated.reshape(channels)
            });
            let weight = weight.reshape((channels, inputs, 1, 1))?;
            Map::StockBlocks(Conv2d::new(weight, bias.transpose()?, Conv2dConfig::default())?)
        };
        Ok(Self {
            inputs,
            outputs,
            kernel: kernel_h,
            stride,
            padding,
            map,
        })
    }

    /// Maps `x` (`[B, inputs, H, W]`) to `[B, outputs, (H - 1) stride - 2 padding + k, ...]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the channels of `x` are not `inputs`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (b, c, h, w) = x.dims4()?;
        let Self {
            inputs,
            outputs,
            kernel,
            stride,
            padding,
            ..
        } = *self;
        let size = |side: usize| ((side.max(1) - 1) * stride + kernel).checked_sub(2 * padding);
        if c != inputs || size(h).is_none() || size(w).is_none() {
            return Err(Error::invalid(format!(
                "a transposed convolution with {inputs} input channels and {padding} pixels cut from every side was given \
                 a tensor of shape {:?}",
                x.dims()
            )));
        }
        match &self.map {
            Map::Blocks { weight, bias } => {
                let shape = (b, outputs, h * stride, w * stride);
                fused::unary("conv_transpose2d", x, shape, |x| {
                    run(x, weight, bias, stride, (h, w))
                })
            }
            Map::StockBlocks(convolution) => {
                let blocks = convolution.forward(x)?;
                let blocks = blocks.reshape(&[b, outputs, stride, stride, h, w][..])?;
                let y = blocks.permute([0, 1, 4, 2, 5, 3])?.contiguous()?;
                Ok(y.reshape((b, outputs, h * stride, w * stride))?)
            }
            Map::Stock { weight, bias } => {
                let y = x.contiguous()?.conv_transpose2d(weight, padding, 0, stride, 1)?;
                match bias {
                    Some(bias) => Ok(y.broadcast_add(&bias.reshape((1, (), 1, 1))?)?),
                    None => Ok(y),
                }
            }
        }
    }
}

fn run(x: &[f32], weight: &[f32], bias: &[f32], stride: usize, (h, w): (usize, usize)) -> Vec<f32> {
    let level = Level::detected();
    let (outputs, block) = (bias.len(), stride * stride);
    let inputs = weight.len() / (outputs * block);
    let pictures = x.len() / (inputs * h * w);
    let plane = h * w * block;
    let (bands, groups) = (h.div_ceil(ROWS), outputs.div_ceil(OUTPUTS));
    let pixels = ROWS.min(h) * w;
    let padded = pixels.next_multiple_of(panel_width(level));
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..pictures * bands * groups).into_par_iter().for_each(|tile| {
            buffer::scratch((inputs + OUTPUTS.min(outputs) * block) * padded, |scratch| {
                let (copied, products) = scratch.split_at_mut(inputs * padded);
                let (picture, tile) = (tile / (bands * groups), tile % (bands * groups));
                let (first, output) = (tile / groups * ROWS, tile % groups * OUTPUTS);
                let (rows, count) = (ROWS.min(h - first), OUTPUTS.min(outputs - output));
                let planes = x[picture * inputs * h * w..].chunks_exact(h * w);
                for (plane, copied) in planes.zip(copied.chunks_exact_mut(padded)) {
                    copied[..rows * w].copy_from_slice(&plane[first * w..][..rows * w]);
                }
                let weight = Matrix {
                    data: &weight[output * block * inputs..],
                    ld: inputs,
                };
                let pixels = Panels {
                    data: copied,
                    panel: panel_width(level),
                    rows: Rows::Every(padded),
                };
                let mut blocks = Tile::new(products, (count * block, rows * w), padded);
                gemm(level, inputs, weight, pixels, &mut blocks, false);
                for (i, products) in products.chunks_exact(block * padded).take(count).enumerate() {
                    let at = (picture * outputs + output + i) * plane + first * w * block;
                    // SAFETY: no other tile has these rows of this plane of the result.
                    let out = unsafe { out.uninit(at, rows * w * block) };
                    pixel_shuffle(products, padded, bias[output + i], w, stride, out);
                }
            });
        });
    };
    // SAFETY: the tiles (picture, rows, channels) cover the buffer, and `pixel_shuffle` writes all of the
    // rows it is given.
    unsafe { buffer::filled(pictures * outputs * plane, fill) }
}

/// Pixel shuffle: interleaves the `stride^2` planes of `products` (leading dimension `padded`, rows of `w`) into
/// `out`, writing all of it.
fn pixel_shuffle(
    products: &[f32],
    padded: usize,
    bias: f32,
    w: usize,
    stride: usize,
    out: &mut [MaybeUninit<f32>],
) {
    for (row, out) in out.chunks_exact_mut(w * stride).enumerate() {
        let (y, dy) = (row / stride, row % stride);
        for dx in 0..stride {
            let from = &products[(dy * stride + dx) * padded + y * w..][..w];
            for (out, value) in out[dx..].iter_mut().step_by(stride).zip(from) {
                out.write(value + bias);
            }
        }
    }
}
