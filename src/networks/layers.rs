//! Reading the layers of `nn` from a checkpoint, under the names PyTorch gives their tensors.

use candle_core::Tensor;

use crate::nn::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, LayerNorm, Linear, bilinear,
    bilinear_circular,
};
use crate::weights::Weights;
use crate::{Error, Result};

/// A convolution with a square `kernel` and a bias.
pub(super) fn conv2d(
    weights: &Weights<'_>,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    config: Conv2dConfig,
) -> Result<Conv2d> {
    let weight = weights.tensor("weight", (outputs, inputs / config.groups, kernel, kernel))?;
    let bias = weights.tensor("bias", outputs)?;
    Conv2d::new(weight, Some(bias), wrapping(weights, config))
}

/// A convolution with a square `kernel` that was trained without a bias.
pub(super) fn conv2d_unbiased(
    weights: &Weights<'_>,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    config: Conv2dConfig,
) -> Result<Conv2d> {
    let weight = weights.tensor("weight", (outputs, inputs / config.groups, kernel, kernel))?;
    Conv2d::new(weight, None, wrapping(weights, config))
}

/// The same convolution, around the map's borders if the network is for pictures that tile.
pub(super) fn wrapping(weights: &Weights<'_>, config: Conv2dConfig) -> Conv2dConfig {
    Conv2dConfig {
        circular: weights.tiling(),
        ..config
    }
}

/// [`bilinear`], around the map's borders if the network is for pictures that tile.
pub(super) fn resize(x: &Tensor, size: (usize, usize), align_corners: bool, tiling: bool) -> Result<Tensor> {
    match tiling {
        true => bilinear_circular(x, size),
        false => bilinear(x, size, align_corners),
    }
}

/// A transposed convolution whose kernel is its stride.
pub(super) fn conv_transpose2d(
    weights: &Weights<'_>,
    inputs: usize,
    outputs: usize,
    stride: usize,
) -> Result<ConvTranspose2d> {
    let weight = weights.tensor("weight", (inputs, outputs, stride, stride))?;
    ConvTranspose2d::new(weight, Some(weights.tensor("bias", outputs)?), stride, 0)
}

/// An affine map.
pub(super) fn linear(
    weights: &Weights<'_>,
    inputs: usize,
    outputs: usize,
    activation: Activation,
) -> Result<Linear> {
    let weight = weights.tensor("weight", (outputs, inputs))?;
    Linear::new(weight, Some(weights.tensor("bias", outputs)?), activation)
}

/// A layer normalisation.
pub(super) fn layer_norm(weights: &Weights<'_>, channels: usize, eps: f64) -> Result<LayerNorm> {
    LayerNorm::new(
        weights.tensor("weight", channels)?,
        weights.tensor("bias", channels)?,
        eps,
    )
}

/// A convolution with a square `kernel` and the batch normalisation after it, as one convolution.
pub(super) fn conv2d_norm(
    conv: &Weights<'_>,
    norm: &Weights<'_>,
    (inputs, outputs): (usize, usize),
    kernel: usize,
    eps: f64,
    config: Conv2dConfig,
) -> Result<Conv2d> {
    let (device, dtype) = (conv.device(), conv.dtype());
    let (conv, norm) = (conv.exact(), norm.exact());
    let weight = conv.tensor("weight", (outputs, inputs / config.groups, kernel, kernel))?;
    let bias = match conv.contains("bias") {
        true => Some(conv.tensor("bias", outputs)?),
        false => None,
    };
    let norm = BatchNorm {
        weight: norm.tensor("weight", outputs)?,
        bias: norm.tensor("bias", outputs)?,
        running_mean: norm.tensor("running_mean", outputs)?,
        running_var: norm.tensor("running_var", outputs)?,
        eps,
    };
    let (weight, bias) = norm.fold(&weight, bias.as_ref())?;
    let there = |x: Tensor| x.to_dtype(dtype)?.to_device(device);
    Conv2d::new(there(weight)?, Some(there(bias)?), wrapping(&conv, config))
}

/// The height and width of a network's input, which must be multiples of `multiple`.
pub(super) fn input_size(input: &Tensor, name: &str, multiple: usize) -> Result<(usize, usize)> {
    match input.dims() {
        [_, _, h, w] if *h > 0 && *w > 0 && h % multiple == 0 && w % multiple == 0 => Ok((*h, *w)),
        [_, _, h, w] => Err(Error::invalid(format!(
            "{name} was given a {w} x {h} input; both sides must be multiples of {multiple}"
        ))),
        other => Err(Error::invalid(format!(
            "{name} was given a tensor of shape {other:?}; its input is [B, channels, H, W]"
        ))),
    }
}
