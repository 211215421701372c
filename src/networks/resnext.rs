//! ResNeXt-101 32x8d (Xie et al. 2017) without its classifier.

use candle_core::Tensor;

use super::layers::conv2d_norm;
use crate::Result;
use crate::nn::{Activation, Conv2d, Conv2dConfig, Padding, max_pool2d, max_pool2d_circular};
use crate::weights::Weights;

const EPS: f64 = 1e-5;
/// Groups of the middle convolution of a block.
const CARDINALITY: usize = 32;
/// Channels of the stem.
const STEM: usize = 64;
/// Blocks of the four stages.
const BLOCKS: [usize; 4] = [3, 4, 23, 3];

/// The network up to its last block.
pub(super) struct ResNext101 {
    stem: Conv2d,
    stages: Vec<Vec<Bottleneck>>,
    tiling: bool,
}

impl ResNext101 {
    /// Channels of the four levels, finest first.
    pub(super) const LEVELS: [usize; 4] = [256, 512, 1024, 2048];

    /// Reads the stem's convolution and normalisation, and the four stages.
    pub(super) fn new(conv: &Weights<'_>, norm: &Weights<'_>, stages: [Weights<'_>; 4]) -> Result<Self> {
        let stem = Conv2dConfig {
            stride: 2,
            padding: Padding::all(3),
            activation: Activation::Relu,
            ..Conv2dConfig::default()
        };
        let mut inputs = STEM;
        let mut read = Vec::with_capacity(4);
        for (i, (weights, blocks)) in stages.iter().zip(BLOCKS).enumerate() {
            let outputs = Self::LEVELS[i];
            let stage = (0..blocks).map(|block| {
                let first = block == 0;
                let stride = if first && i > 0 { 2 } else { 1 };
                let inputs = if first { inputs } else { outputs };
                Bottleneck::new(&weights.pp(block), (inputs, outputs), stride, first)
            });
            read.push(stage.collect::<Result<_>>()?);
            inputs = outputs;
        }
        Ok(Self {
            stem: conv2d_norm(conv, norm, (3, STEM), 7, EPS, stem)?,
            stages: read,
            tiling: conv.tiling(),
        })
    }

    /// Four levels at 1/4, 1/8, 1/16 and 1/32 of `x`; `step` is called after each.
    pub(super) fn forward(&self, x: &Tensor, mut step: impl FnMut() -> Result<()>) -> Result<Vec<Tensor>> {
        let pool = match self.tiling {
            true => max_pool2d_circular,
            false => max_pool2d,
        };
        let mut x = pool(&self.stem.forward(x)?, 3, 2, Padding::all(1))?;
        let mut levels = Vec::with_capacity(4);
        for stage in &self.stages {
            for block in stage {
                x = block.forward(&x)?;
            }
            levels.push(x.clone());
            step()?;
        }
        Ok(levels)
    }
}

/// A residual block whose grouped convolution is as wide as its result.
struct Bottleneck {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    downsample: Option<Conv2d>,
}

impl Bottleneck {
    fn new(
        weights: &Weights<'_>,
        (inputs, outputs): (usize, usize),
        stride: usize,
        downsample: bool,
    ) -> Result<Self> {
        let point = Conv2dConfig {
            activation: Activation::Relu,
            ..Conv2dConfig::default()
        };
        let grouped = Conv2dConfig {
            stride,
            padding: Padding::all(1),
            groups: CARDINALITY,
            ..point
        };
        let shortcut = Conv2dConfig {
            stride,
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
            conv1: layer("conv1", "bn1", (inputs, outputs), 1, point)?,
            conv2: layer("conv2", "bn2", (outputs, outputs), 3, grouped)?,
            conv3: layer("conv3", "bn3", (outputs, outputs), 1, point)?,
            downsample: match downsample {
                true => Some(layer(
                    "downsample.0",
                    "downsample.1",
                    (inputs, outputs),
                    1,
                    shortcut,
                )?),
                false => None,
            },
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.conv2.forward(&self.conv1.forward(x)?)?;
        match &self.downsample {
            Some(downsample) => self.conv3.forward_add(&y, &downsample.forward(x)?),
            None => self.conv3.forward_add(&y, x),
        }
    }
}
