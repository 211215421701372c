//! EfficientNet-Lite3 (Tan and Le 2019; the "lite" variant has ReLU6 and no
//! squeeze-and-excitation), cut into the four levels that MiDaS taps.

use candle_core::Tensor;

use super::layers::conv2d_norm;
use crate::Result;
use crate::nn::{Activation, Conv2d, Conv2dConfig, Padding};
use crate::weights::Weights;

/// TensorFlow's default for batch normalisation, not PyTorch's.
const EPS: f64 = 1e-3;
/// Channels of the stem.
const STEM: usize = 32;
/// Channels of the first, unexpanded block.
const FIRST: usize = 24;
/// How many times wider a block is inside.
const EXPANSION: usize = 6;

/// A run of blocks of the same width.
struct Stage {
    /// Key below `pretrained`.
    key: &'static str,
    outputs: usize,
    kernel: usize,
    /// Of the first block; the others keep the size.
    stride: usize,
    blocks: usize,
    /// Whether the decoder sees its result.
    tapped: bool,
}

const fn stage(
    key: &'static str,
    outputs: usize,
    kernel: usize,
    stride: usize,
    blocks: usize,
    tapped: bool,
) -> Stage {
    Stage {
        key,
        outputs,
        kernel,
        stride,
        blocks,
        tapped,
    }
}

const STAGES: [Stage; 6] = [
    stage("layer1.4", 32, 3, 2, 3, true),
    stage("layer2.0", 48, 5, 2, 3, true),
    stage("layer3.0", 96, 3, 2, 5, false),
    stage("layer3.1", 136, 5, 1, 5, true),
    stage("layer4.0", 232, 5, 2, 6, false),
    stage("layer4.1", 384, 3, 1, 1, true),
];

/// The network up to its last block.
pub(super) struct EfficientNetLite3 {
    stem: Conv2d,
    first_depthwise: Conv2d,
    first_pointwise: Conv2d,
    stages: Vec<(Vec<Block>, bool)>,
}

impl EfficientNetLite3 {
    /// Channels of the four levels, finest first.
    pub(super) const LEVELS: [usize; 4] = [32, 48, 136, 384];

    pub(super) fn new(weights: &Weights<'_>) -> Result<Self> {
        let layer1 = weights.pp("layer1");
        let first = layer1.pp("3.0");
        let mut inputs = FIRST;
        let mut stages = Vec::with_capacity(STAGES.len());
        for stage in &STAGES {
            let blocks = (0..stage.blocks).map(|i| {
                let stride = if i == 0 { stage.stride } else { 1 };
                let inputs = if i == 0 { inputs } else { stage.outputs };
                Block::new(
                    &weights.pp(stage.key).pp(i),
                    (inputs, stage.outputs),
                    stage.kernel,
                    stride,
                )
            });
            stages.push((blocks.collect::<Result<_>>()?, stage.tapped));
            inputs = stage.outputs;
        }
        Ok(Self {
            stem: conv2d_norm(&layer1.pp(0), &layer1.pp(1), (3, STEM), 3, EPS, spatial(3, 2, 1))?,
            first_depthwise: conv2d_norm(
                &first.pp("conv_dw"),
                &first.pp("bn1"),
                (STEM, STEM),
                3,
                EPS,
                spatial(3, 1, STEM),
            )?,
            first_pointwise: conv2d_norm(
                &first.pp("conv_pw"),
                &first.pp("bn2"),
                (STEM, FIRST),
                1,
                EPS,
                Conv2dConfig::default(),
            )?,
            stages,
        })
    }

    /// Four levels at 1/4, 1/8, 1/16 and 1/32 of `x`, whose sides are multiples of 32; `step` is
    /// called after each.
    pub(super) fn forward(&self, x: &Tensor, mut step: impl FnMut() -> Result<()>) -> Result<Vec<Tensor>> {
        let x = self.first_depthwise.forward(&self.stem.forward(x)?)?;
        let mut x = self.first_pointwise.forward(&x)?;
        let mut levels = Vec::with_capacity(4);
        for (blocks, tapped) in &self.stages {
            for block in blocks {
                x = block.forward(&x)?;
            }
            if *tapped {
                levels.push(x.clone());
                step()?;
            }
        }
        Ok(levels)
    }
}

/// A convolution padded as TensorFlow's `SAME` does for even sides: every
/// side is even here, because the input's are multiples of 32.
fn spatial(kernel: usize, stride: usize, groups: usize) -> Conv2dConfig {
    Conv2dConfig {
        stride,
        padding: Padding::same((2, 2), kernel, stride),
        groups,
        activation: Activation::Relu6,
        ..Conv2dConfig::default()
    }
}

/// An inverted residual block: widen, look around in every channel, narrow.
struct Block {
    expand: Conv2d,
    depthwise: Conv2d,
    project: Conv2d,
    skip: bool,
}

impl Block {
    fn new(
        weights: &Weights<'_>,
        (inputs, outputs): (usize, usize),
        kernel: usize,
        stride: usize,
    ) -> Result<Self> {
        let hidden = EXPANSION * inputs;
        let expand = Conv2dConfig {
            activation: Activation::Relu6,
            ..Conv2dConfig::default()
        };
        let layer = |conv, norm, channels, kernel, config| {
            conv2d_norm(
                &weights.pp(conv),
                &weights.pp(norm),
                channels,
                kernel,
                EPS,
                config,
            )
        };
        Ok(Self {
            expand: layer("conv_pw", "bn1", (inputs, hidden), 1, expand)?,
            depthwise: layer(
                "conv_dw",
                "bn2",
                (hidden, hidden),
                kernel,
                spatial(kernel, stride, hidden),
            )?,
            project: layer("conv_pwl", "bn3", (hidden, outputs), 1, Conv2dConfig::default())?,
            skip: stride == 1 && inputs == outputs,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.depthwise.forward(&self.expand.forward(x)?)?;
        match self.skip {
            true => self.project.forward_add(&y, x),
            false => self.project.forward(&y),
        }
    }
}
