//! Reading the layers of `nn` from a checkpoint, under the names PyTorch gives their tensors.

use crate::Result;
use crate::nn::{Activation, Conv2d, Conv2dConfig, ConvTranspose2d, LayerNorm, Linear};
use crate::weights::Weights;

/// A convolution with a square `kernel`; its bias is read if there is one.
pub(super) fn conv2d(
    weights: &Weights<'_>,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    config: Conv2dConfig,
) -> Result<Conv2d> {
    let weight = weights.tensor("weight", (outputs, inputs / config.groups, kernel, kernel))?;
    let bias = match weights.contains("bias") {
        true => Some(weights.tensor("bias", outputs)?),
        false => None,
    };
    Conv2d::new(weight, bias, config)
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
