//! The edges: the generator of EdgeConnect (Nazeri et al. 2019) with a skip
//! from every level of the way down.

use candle_core::{DType, Device, Tensor};

use super::Hole;
use crate::networks::network::Network;
use crate::networks::progress::Progress;
use crate::nn::{Activation, Conv2d, Conv2dConfig, ConvTranspose2dX2, GroupNorm, Padding, pad_reflect};
use crate::weights::{Checkpoint, Weights};
use crate::{Monitor, Result};

/// Of the instance normalisations, which have no parameters.
const EPS: f64 = 1e-5;
/// Of the rectifiers in the residual blocks, below zero.
const SLOPE: f32 = 0.2;
/// Residual blocks.
const BLOCKS: usize = 8;
/// Steps a run reports: three convolutions down, the blocks, three up.
const STEPS: usize = BLOCKS + 6;

/// The network that continues edges (`edge-model.pth`).
pub struct EdgeNet {
    encoder: [(Conv2d, GroupNorm); 3],
    middle: Vec<[Conv2d; 2]>,
    /// Of all the residual blocks' convolutions.
    norm: GroupNorm,
    decoder: [(ConvTranspose2dX2, GroupNorm); 2],
    output: Conv2d,
    dtype: DType,
}

impl EdgeNet {
    /// Whether a checkpoint has the tensors of this network.
    pub(super) fn fits(checkpoint: &Checkpoint) -> bool {
        checkpoint.contains("encoder_0.1.weight_orig")
            && checkpoint.contains("middle.0.conv_block.1.weight_orig")
    }

    /// Reads the network from the official `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let weights = Weights::new(checkpoint, device, dtype);
        let plain = Conv2dConfig::default();
        let halve = Conv2dConfig {
            stride: 2,
            padding: Padding::all(1),
            ..plain
        };
        let wide = Conv2dConfig { dilation: 2, ..plain };
        let second = Conv2dConfig {
            relu_input: true,
            input_slope: SLOPE,
            ..plain
        };
        let norm = |channels, activation| instance_norm(channels, activation, device, dtype);
        let relu = Activation::Relu;
        let block = |i| -> Result<_> {
            let weights = weights.pp("middle").pp(i).pp("conv_block");
            Ok([
                convolution(&weights.pp(1), [256, 256, 3, 3], wide)?,
                convolution(&weights.pp(5), [256, 256, 3, 3], second)?,
            ])
        };
        let output = weights.pp("decoder_2.1");
        Ok(Self {
            encoder: [
                (
                    convolution(&weights.pp("encoder_0.1"), [64, 7, 7, 7], plain)?,
                    norm(64, relu)?,
                ),
                (
                    convolution(&weights.pp("encoder_1.0"), [128, 64, 4, 4], halve)?,
                    norm(128, relu)?,
                ),
                (
                    convolution(&weights.pp("encoder_2.0"), [256, 128, 4, 4], halve)?,
                    norm(256, relu)?,
                ),
            ],
            middle: (0..BLOCKS).map(block).collect::<Result<_>>()?,
            norm: norm(256, Activation::None)?,
            decoder: [
                (
                    up(&weights.pp("decoder_0.0"), [512, 128, 4, 4])?,
                    norm(128, relu)?,
                ),
                (up(&weights.pp("decoder_1.0"), [256, 64, 4, 4])?, norm(64, relu)?),
            ],
            output: Conv2d::new(
                output.tensor("weight", (1, 128, 7, 7))?,
                Some(output.tensor("bias", 1)?),
                plain,
            )?,
            dtype,
        })
    }
}

impl Network for EdgeNet {
    type Inputs = Hole;
    type Outputs = Tensor;
    type Spec = ();

    fn spec(&self) -> &() {
        &()
    }

    /// The likelihood of an edge at every pixel, `[B, 1, H, W]` in 0..1. The
    /// content is red, green and blue in 0..1, then the disparity, which is
    /// divided by its largest value in each picture here.
    fn forward(&self, hole: &Hole, monitor: &Monitor<'_>) -> Result<Tensor> {
        let mut progress = Progress::new(monitor, STEPS);
        let hole = Hole {
            content: scaled_disparity(&hole.content)?,
            ..hole.clone()
        };
        let framed = hole.beside(self.dtype)?;
        let [(conv0, norm0), (conv1, norm1), (conv2, norm2)] = &self.encoder;
        let x1 = norm0.forward(&conv0.forward(&pad_reflect(&framed.tensor, 3)?)?)?;
        progress.show("encoder_0", &x1);
        progress.step()?;
        let x2 = norm1.forward(&conv1.forward(&x1)?)?;
        progress.step()?;
        let x3 = norm2.forward(&conv2.forward(&x2)?)?;
        progress.show("encoder_2", &x3);
        progress.step()?;
        let mut x = x3.clone();
        for [first, second] in &self.middle {
            let y = self.norm.forward(&first.forward(&pad_reflect(&x, 2)?)?)?;
            let y = second.forward(&pad_reflect(&y, 1)?)?;
            x = self.norm.forward_add(&y, &x)?;
            progress.step()?;
        }
        progress.show("middle", &x);
        let [(up0, norm0), (up1, norm1)] = &self.decoder;
        let x = norm0.forward(&up0.forward(&[&x, &x3])?)?;
        progress.step()?;
        let x = norm1.forward(&up1.forward(&[&x, &x2])?)?;
        progress.show("decoder_1", &x);
        progress.step()?;
        let x = pad_reflect(&Tensor::cat(&[x, x1], 1)?, 3)?;
        let y = self.output.forward(&x)?;
        progress.show("decoder_2", &y);
        let y = candle_nn::ops::sigmoid(&y)?;
        progress.step()?;
        framed.cut(&y)
    }
}

/// The content with the disparity of every picture in 0..1; one of zeros stays one.
fn scaled_disparity(content: &Tensor) -> Result<Tensor> {
    let (pictures, channels, height, width) = content.dims4()?;
    if channels != 4 || height == 0 || width == 0 {
        return Ok(content.clone());
    }
    let scaled = (0..pictures).map(|i| -> Result<Tensor> {
        let picture = content.narrow(0, i, 1)?;
        let (rgb, disparity) = (picture.narrow(1, 0, 3)?, picture.narrow(1, 3, 1)?);
        let largest = f64::from(disparity.max_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?);
        let disparity = match largest > 0.0 {
            true => (disparity / largest)?,
            false => disparity,
        };
        Ok(Tensor::cat(&[rgb, disparity], 1)?)
    });
    Ok(Tensor::cat(&scaled.collect::<Result<Vec<_>>>()?, 0)?)
}

/// A convolution with spectral normalisation.
fn convolution(weights: &Weights<'_>, shape: [usize; 4], config: Conv2dConfig) -> Result<Conv2d> {
    let weight = spectral(weights, shape, 0)?;
    Conv2d::new(weight, bias(weights, shape[0])?, config)
}

/// A transposed convolution with stride 2 and spectral normalisation.
fn up(weights: &Weights<'_>, shape: [usize; 4]) -> Result<ConvTranspose2dX2> {
    let weight = spectral(weights, shape, 1)?;
    // What comes from the coarser level, and the way down's map.
    let parts = [shape[0] / 2; 2];
    ConvTranspose2dX2::new(&weight, bias(weights, shape[1])?.as_ref(), false, &parts)
}

fn bias(weights: &Weights<'_>, outputs: usize) -> Result<Option<Tensor>> {
    match weights.contains("bias") {
        true => Ok(Some(weights.tensor("bias", outputs)?)),
        false => Ok(None),
    }
}

/// A weight divided by its largest singular value (Miyato et al. 2018), as the
/// stored vectors estimate it; `axis` holds the outputs.
fn spectral(weights: &Weights<'_>, shape: [usize; 4], axis: usize) -> Result<Tensor> {
    let (device, dtype) = (weights.device(), weights.dtype());
    let weights = weights.exact();
    let weight = weights.tensor("weight_orig", &shape)?;
    let rows = shape[axis];
    let columns = shape.iter().product::<usize>() / rows;
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64);
    let matrix = wide(&weight.transpose(0, axis)?)?.reshape((rows, columns))?;
    let u = wide(&weights.tensor("weight_u", rows)?)?.reshape((1, rows))?;
    let v = wide(&weights.tensor("weight_v", columns)?)?.reshape((columns, 1))?;
    let sigma = u.matmul(&matrix.matmul(&v)?)?.reshape((1, 1, 1, 1))?;
    let divided = wide(&weight)?.broadcast_div(&sigma)?;
    Ok(divided.to_dtype(dtype)?.to_device(device)?)
}

/// Every channel of every picture with mean 0 and variance 1 (Ulyanov et al. 2016): a group each.
fn instance_norm(
    channels: usize,
    activation: Activation,
    device: &Device,
    dtype: DType,
) -> Result<GroupNorm> {
    let (ones, zeros) = (
        Tensor::ones(channels, dtype, device)?,
        Tensor::zeros(channels, dtype, device)?,
    );
    GroupNorm::new(ones, zeros, channels, EPS, activation)
}
