//! The ResNet under DPT-Hybrid: the first three stages of Big Transfer's
//! ResNet-50 (Kolesnikov et al. 2020) in the form of ViT-Hybrid, with the
//! normalisation after every convolution instead of before it.

use candle_core::{DType, Device, Tensor};

use crate::Result;
use crate::nn::{Activation, Conv2d, Conv2dConfig, GroupNorm, Padding, max_pool2d};
use crate::weights::Weights;

/// Added to the variance of an output channel's weights.
const WEIGHT_EPS: f64 = 1e-8;

/// Pictures to feature maps of a quarter, an eighth and a sixteenth of their sides.
pub(super) struct ResNetV2 {
    stem: NormalisedConv,
    stages: Vec<Vec<Bottleneck>>,
}

impl ResNetV2 {
    /// Channels of the last stage.
    pub(super) const CHANNELS: usize = 1024;
    const STEM: usize = 64;
    const STAGES: [usize; 3] = [256, 512, Self::CHANNELS];

    /// Reads stages of `depths` blocks.
    pub(super) fn new(weights: &Weights<'_>, depths: [usize; 3]) -> Result<Self> {
        let stem = weights.pp("stem");
        let mut stages = Vec::with_capacity(depths.len());
        let mut inputs = Self::STEM;
        for (i, (depth, outputs)) in depths.into_iter().zip(Self::STAGES).enumerate() {
            let blocks = weights.pp("stages").pp(i).pp("blocks");
            let mut stage = Vec::with_capacity(depth);
            for block in 0..depth {
                let stride = if i > 0 && block == 0 { 2 } else { 1 };
                stage.push(Bottleneck::new(&blocks.pp(block), (inputs, outputs), stride)?);
                inputs = outputs;
            }
            stages.push(stage);
        }
        Ok(Self {
            stem: NormalisedConv::new(
                (&stem.pp("conv"), &stem.pp("norm")),
                (3, Self::STEM),
                (7, 2),
                Activation::Relu,
            )?,
            stages,
        })
    }

    /// `x` is `[B, 3, H, W]`, both sides multiples of 16.
    pub(super) fn forward(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let mut x = max_pool2d(&self.stem.forward(x)?, 3, 2, same(3, 2))?;
        let mut run = |stage: usize| -> Result<Tensor> {
            for block in &self.stages[stage] {
                x = block.forward(&x)?;
            }
            Ok(x.clone())
        };
        Ok([run(0)?, run(1)?, run(2)?])
    }
}

/// TensorFlow's `SAME` for a side that the stride divides: all sides here.
fn same(kernel: usize, stride: usize) -> Padding {
    Padding::same((16, 16), kernel, stride)
}

/// `relu(x + conv1x1(conv3x3(conv1x1(x))))` with a quarter of the channels
/// inside; the first block of a stage maps x to its channels and size.
struct Bottleneck {
    downsample: Option<NormalisedConv>,
    conv1: NormalisedConv,
    conv2: NormalisedConv,
    conv3: NormalisedConv,
}

impl Bottleneck {
    fn new(weights: &Weights<'_>, (inputs, outputs): (usize, usize), stride: usize) -> Result<Self> {
        let hidden = outputs / 4;
        let conv = |number, channels, kernel, stride| {
            let (conv, norm) = (format!("conv{number}"), format!("norm{number}"));
            NormalisedConv::new(
                (&weights.pp(conv), &weights.pp(norm)),
                channels,
                (kernel, stride),
                Activation::Relu,
            )
        };
        let downsample = weights.pp("downsample");
        Ok(Self {
            downsample: match inputs == outputs {
                true => None,
                false => Some(NormalisedConv::new(
                    (&downsample.pp("conv"), &downsample.pp("norm")),
                    (inputs, outputs),
                    (1, stride),
                    Activation::None,
                )?),
            },
            conv1: conv(1, (inputs, hidden), 1, 1)?,
            conv2: conv(2, (hidden, hidden), 3, stride)?,
            conv3: conv(3, (hidden, outputs), 1, 1)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(x)?,
            None => x.clone(),
        };
        let y = self.conv2.forward(&self.conv1.forward(x)?)?;
        self.conv3.forward_add(&y, &shortcut)
    }
}

/// A convolution of standardised weights (Qiao et al. 2019) with padding
/// `SAME`, then a group normalisation of 32 groups that adds 1e-5 to the variance.
struct NormalisedConv {
    conv: Conv2d,
    norm: GroupNorm,
}

impl NormalisedConv {
    fn new(
        (conv, norm): (&Weights<'_>, &Weights<'_>),
        (inputs, outputs): (usize, usize),
        (kernel, stride): (usize, usize),
        activation: Activation,
    ) -> Result<Self> {
        let weight = conv.tensor("weight", (outputs, inputs, kernel, kernel))?;
        let config = Conv2dConfig {
            stride,
            padding: same(kernel, stride),
            ..Conv2dConfig::default()
        };
        Ok(Self {
            conv: Conv2d::new(standardised(&weight)?, None, config)?,
            norm: GroupNorm::new(
                norm.tensor("weight", outputs)?,
                norm.tensor("bias", outputs)?,
                32,
                1e-5,
                activation,
            )?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(&self.conv.forward(x)?)
    }

    /// The residual is added before the activation.
    fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.norm.forward_add(&self.conv.forward(x)?, residual)
    }
}

/// Every output channel's weights with mean 0 and variance 1; in double
/// precision, once and for all.
fn standardised(weight: &Tensor) -> Result<Tensor> {
    let wide = weight.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
    let rows = wide.flatten_from(1)?;
    let centred = rows.broadcast_sub(&rows.mean_keepdim(1)?)?;
    let variance = centred.sqr()?.mean_keepdim(1)?;
    let rows = centred.broadcast_div(&(variance + WEIGHT_EPS)?.sqrt()?)?;
    Ok(rows
        .reshape(weight.shape())?
        .to_dtype(weight.dtype())?
        .to_device(weight.device())?)
}
