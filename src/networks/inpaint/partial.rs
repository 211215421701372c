//! Depth and colours: U-Nets of partial convolutions (Liu et al. 2018), which
//! see only what is known and count how much of it they saw.

use candle_core::{DType, Device, Tensor};

use super::Hole;
use crate::networks::network::Network;
use crate::networks::progress::Progress;
use crate::nn::{BatchNorm, Conv2d, Conv2dConfig, Padding};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

const EPS: f64 = 1e-5;
/// Of the rectifiers on the way up, below zero.
const SLOPE: f64 = 0.2;
/// Halvings.
const DEPTH: usize = 7;
/// Outputs and kernels of the way down.
const DOWN: [(usize, usize); DEPTH] = [
    (64, 7),
    (128, 5),
    (256, 5),
    (512, 3),
    (512, 3),
    (512, 3),
    (512, 3),
];

/// The network that continues depth (`depth-model.pth`).
pub struct DepthNet(UNet);

impl DepthNet {
    /// Whether a checkpoint has the tensors of this network.
    pub(super) fn fits(checkpoint: &Checkpoint) -> bool {
        checkpoint.contains("dec_1.conv.input_conv.weight")
    }

    /// Reads the network from the official `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let up = ["dec_7", "dec_6", "dec_5", "dec_4", "dec_3", "dec_2", "dec_1"];
        let weights = Weights::new(checkpoint, device, dtype);
        Ok(Self(UNet::new(&weights, 1, up)?))
    }
}

impl Network for DepthNet {
    type Inputs = Hole;
    type Outputs = Tensor;
    type Spec = ();

    fn spec(&self) -> &() {
        &()
    }

    /// The content, depth in any unit (`[B, 1, H, W]`), continued in the same unit.
    fn forward(&self, hole: &Hole, monitor: &Monitor<'_>) -> Result<Tensor> {
        let framed = hole.beside(self.0.dtype)?;
        framed.cut(&self.0.forward(&framed.tensor, monitor)?)
    }
}

/// The network that continues colours (`color-model.pth`).
pub struct ColorNet(UNet);

impl ColorNet {
    /// Whether a checkpoint has the tensors of this network.
    pub(super) fn fits(checkpoint: &Checkpoint) -> bool {
        checkpoint.contains("dec_1A.conv.input_conv.weight")
    }

    /// Reads the network from the official `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let up = ["dec_7", "dec_6", "dec_5A", "dec_4A", "dec_3A", "dec_2A", "dec_1A"];
        let weights = Weights::new(checkpoint, device, dtype);
        Ok(Self(UNet::new(&weights, 3, up)?))
    }
}

impl Network for ColorNet {
    type Inputs = Hole;
    type Outputs = Tensor;
    type Spec = ();

    fn spec(&self) -> &() {
        &()
    }

    /// The content, red, green and blue in 0..1 (`[B, 3, H, W]`), continued in 0..1.
    fn forward(&self, hole: &Hole, monitor: &Monitor<'_>) -> Result<Tensor> {
        let framed = hole.beside(self.0.dtype)?;
        let y = self.0.forward(&framed.tensor, monitor)?;
        framed.cut(&candle_nn::ops::sigmoid(&y)?)
    }
}

/// A map and where it is known: `[B, 1, H, W]` of zeros and ones, the same
/// for all its channels.
#[derive(Clone)]
struct Known {
    x: Tensor,
    mask: Tensor,
}

struct UNet {
    /// Finest first.
    down: Vec<PartialConv>,
    /// Coarsest first.
    up: Vec<PartialConv>,
    dtype: DType,
}

impl UNet {
    /// Reads a network that continues `content` channels, with the decoder's keys coarsest first.
    fn new(weights: &Weights<'_>, content: usize, up_keys: [&str; DEPTH]) -> Result<Self> {
        // The edges, the context and the mask come with the content.
        let inputs = content + 3;
        let channels = |level: usize| match level {
            0 => inputs,
            _ => DOWN[level - 1].0,
        };
        let down = DOWN.iter().enumerate().map(|(i, (outputs, kernel))| {
            let weights = weights.pp(format!("enc_{}", i + 1));
            PartialConv::new(
                &weights,
                (channels(i), *outputs),
                *kernel,
                2,
                candle_core::Tensor::relu,
            )
        });
        let up = up_keys.iter().enumerate().map(|(i, key)| {
            let finer = DEPTH - 1 - i;
            let inputs = channels(finer + 1) + channels(finer);
            match finer {
                0 => PartialConv::new(&weights.pp(key), (inputs, content), 3, 1, |y| Ok(y.clone())),
                _ => PartialConv::new(&weights.pp(key), (inputs, channels(finer)), 3, 1, |y| {
                    candle_nn::ops::leaky_relu(y, SLOPE)
                }),
            }
        });
        Ok(Self {
            down: down.collect::<Result<_>>()?,
            up: up.collect::<Result<_>>()?,
            dtype: weights.dtype(),
        })
    }

    /// `x` ends with the context and the mask; both count as known.
    fn forward(&self, x: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        let mut progress = Progress::new(monitor, self.down.len() + self.up.len());
        let flags = x.narrow(1, x.dim(1)?.saturating_sub(2), 2)?;
        let mut level = Known {
            x: x.clone(),
            mask: flags.sum_keepdim(1)?.clamp(0f64, 1f64)?,
        };
        let mut levels = Vec::with_capacity(self.down.len());
        for layer in &self.down {
            let coarser = layer.forward(std::slice::from_ref(&level))?;
            levels.push(std::mem::replace(&mut level, coarser));
            progress.step()?;
        }
        for (layer, finer) in self.up.iter().zip(levels.into_iter().rev()) {
            let (_, _, h, w) = finer.x.dims4()?;
            let coarser = Known {
                x: level.x.upsample_nearest2d(h, w)?,
                mask: level.mask.upsample_nearest2d(h, w)?,
            };
            level = layer.forward(&[coarser, finer])?;
            progress.step()?;
        }
        Ok(level.x)
    }
}

/// A convolution of the known pixels, scaled up by how few of them there were.
///
/// With the kernel's `n` pixels of all inputs, `s` of them known, it gives
/// `(W x) n / s + b`, and 0 where `s` is 0; a normalisation that follows is
/// folded in, which makes that 0 another constant.
struct PartialConv {
    conv: Conv2d,
    /// Counts known pixels.
    count: Conv2d,
    /// `n`.
    window: f64,
    /// Added everywhere, `[1, outputs, 1, 1]`.
    everywhere: Option<Tensor>,
    /// Added where anything was known, `[1, outputs, 1, 1]`.
    inside: Option<Tensor>,
    activation: fn(&Tensor) -> candle_core::Result<Tensor>,
}

impl PartialConv {
    fn new(
        weights: &Weights<'_>,
        (inputs, outputs): (usize, usize),
        kernel: usize,
        stride: usize,
        activation: fn(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Self> {
        let conv = weights.pp("conv.input_conv");
        let config = Conv2dConfig {
            stride,
            padding: Padding::all(kernel / 2),
            ..Conv2dConfig::default()
        };
        let row = |tensor: Tensor| tensor.reshape((1, outputs, 1, 1));
        let weight = conv.tensor("weight", (outputs, inputs, kernel, kernel))?;
        let bias = match conv.contains("bias") {
            true => Some(conv.tensor("bias", outputs)?),
            false => None,
        };
        let norm = weights.pp("bn");
        let (weight, everywhere, inside) = match norm.contains("weight") {
            true => {
                let norm = BatchNorm {
                    weight: norm.tensor("weight", outputs)?,
                    bias: norm.tensor("bias", outputs)?,
                    running_mean: norm.tensor("running_mean", outputs)?,
                    running_var: norm.tensor("running_var", outputs)?,
                    eps: EPS,
                };
                let (folded, shift) = norm.fold(&weight, None)?;
                let inside = match &bias {
                    Some(bias) => Some((norm.fold(&weight, Some(bias))?.1 - &shift)?),
                    None => None,
                };
                (folded, Some(row(shift)?), inside)
            }
            false => (weight, None, bias),
        };
        let ones = Tensor::ones((1, 1, kernel, kernel), weights.dtype(), weights.device())?;
        Ok(Self {
            conv: Conv2d::new(weight, None, config)?,
            count: Conv2d::new(ones, None, config)?,
            window: (inputs * kernel * kernel) as f64,
            everywhere,
            inside: inside.map(row).transpose()?,
            activation,
        })
    }

    /// Sees the channels of all `parts`, which have the same size.
    fn forward(&self, parts: &[Known]) -> Result<Known> {
        let mut seen = Vec::with_capacity(parts.len());
        let mut known: Option<Tensor> = None;
        for Known { x, mask } in parts {
            seen.push(x.broadcast_mul(mask)?);
            let here = (mask * x.dim(1)? as f64)?;
            known = Some(match known {
                Some(known) => (known + here)?,
                None => here,
            });
        }
        let known = known.ok_or_else(|| Error::invalid("a partial convolution was given nothing to see"))?;
        let count = self.count.forward(&known)?;
        let mask = count.clamp(0f64, 1f64)?;
        let scale = ((&mask * self.window)? / count.maximum(1f64)?)?;
        let mut y = self
            .conv
            .forward(&Tensor::cat(&seen, 1)?)?
            .broadcast_mul(&scale)?;
        if let Some(inside) = &self.inside {
            y = (y.broadcast_add(inside)?).broadcast_mul(&mask)?;
        }
        if let Some(everywhere) = &self.everywhere {
            y = y.broadcast_add(everywhere)?;
        }
        Ok(Known {
            x: (self.activation)(&y)?,
            mask,
        })
    }
}
