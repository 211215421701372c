//! From tokens to a dense prediction: reassemble, fuse, and a convolutional head.

use candle_core::Tensor;

use super::encoder::Taps;
use super::fusion::{FusionBlock, conv3x3};
use super::{Config, PATCH};
use crate::Result;
use crate::networks::layers::{conv_transpose2d, conv2d, conv2d_unbiased};
use crate::networks::progress::Progress;
use crate::nn::{Activation, Conv2d, Conv2dConfig, ConvTranspose2d, Linear, bilinear};
use crate::weights::Weights;

/// Everything that is computed on the way to the prediction and that a head
/// put on top of the network wants to see.
pub(in crate::networks) struct Features {
    /// The coarsest level before any fusion.
    pub bottleneck: Tensor,
    /// The results of the fusion blocks, coarsest first.
    pub paths: Vec<Tensor>,
    /// The last hidden layer at the size of the input, `[B, 32, H, W]`.
    pub hidden: Tensor,
    /// The prediction `[B, 1, H, W]`.
    pub inverse_depth: Tensor,
}

impl Features {
    /// Those of one picture of the batch.
    pub(in crate::networks) fn picture(&self, number: usize) -> Result<Self> {
        let one = |x: &Tensor| -> Result<Tensor> { Ok(x.narrow(0, number, 1)?) };
        Ok(Self {
            bottleneck: one(&self.bottleneck)?,
            paths: self.paths.iter().map(one).collect::<Result<_>>()?,
            hidden: one(&self.hidden)?,
            inverse_depth: one(&self.inverse_depth)?,
        })
    }
}

pub(super) struct Decoder {
    /// Finest level first, as everywhere below.
    reassemble: Vec<Reassemble>,
    reduce: Vec<Conv2d>,
    fusion: Vec<FusionBlock>,
    output1: Conv2d,
    output2: Conv2d,
    output: Conv2d,
}

impl Decoder {
    /// Steps that [`forward`](Self::forward) reports.
    pub(super) const STEPS: usize = 6;

    pub(super) fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        let Config {
            ref levels, features, ..
        } = *config;
        let (pretrained, scratch) = (weights.pp("pretrained"), weights.pp("scratch"));
        let head = scratch.pp("output_conv");
        // The hybrid's two finest levels are its stem's maps as they are.
        let reassembled = levels.len() - config.taps.len()..levels.len();
        let hidden = Conv2dConfig {
            activation: Activation::Relu,
            ..conv3x3()
        };
        let last = Conv2dConfig {
            activation: Activation::Relu,
            ..Conv2dConfig::default()
        };
        Ok(Self {
            reassemble: reassembled
                .map(|i| {
                    let weights = pretrained.pp(format!("act_postprocess{}", i + 1));
                    Reassemble::new(&weights, config.width, levels[i], i)
                })
                .collect::<Result<_>>()?,
            reduce: (0..levels.len())
                .map(|i| {
                    let weights = scratch.pp(format!("layer{}_rn", i + 1));
                    conv2d_unbiased(&weights, levels[i], features, 3, conv3x3())
                })
                .collect::<Result<_>>()?,
            fusion: (0..levels.len())
                .map(|i| {
                    let weights = scratch.pp(format!("refinenet{}", i + 1));
                    FusionBlock::new(&weights, features, i == levels.len() - 1)
                })
                .collect::<Result<_>>()?,
            output1: conv2d(&head.pp(0), features, features / 2, 3, conv3x3())?,
            output2: conv2d(&head.pp(2), features / 2, config.hidden, 3, hidden)?,
            output: conv2d(&head.pp(4), config.hidden, 1, 1, last)?,
        })
    }

    /// What the encoder saw of pictures of `grid` (rows, columns) patches.
    pub(super) fn forward(
        &self,
        taps: Taps,
        grid: (usize, usize),
        progress: &mut Progress<'_>,
    ) -> Result<Features> {
        let mut levels = taps.maps;
        for (tokens, reassemble) in taps.tokens.iter().zip(&self.reassemble) {
            let level = reassemble.forward(tokens, grid)?;
            progress.show(
                format_args!("pretrained.act_postprocess{}.4", levels.len() + 1),
                &level,
            );
            levels.push(level);
        }
        let levels = levels
            .iter()
            .zip(&self.reduce)
            .map(|(level, reduce)| reduce.forward(level))
            .collect::<Result<Vec<_>>>()?;
        progress.step()?;

        let bottleneck = levels[levels.len() - 1].clone();
        let mut path = bottleneck.clone();
        let mut paths = Vec::with_capacity(levels.len());
        for (i, fusion) in self.fusion.iter().enumerate().rev() {
            let size = match i {
                0 => (2 * levels[0].dim(2)?, 2 * levels[0].dim(3)?),
                _ => (levels[i - 1].dim(2)?, levels[i - 1].dim(3)?),
            };
            path = fusion.forward(&path, (i + 1 < levels.len()).then(|| &levels[i]), size)?;
            progress.show(format_args!("scratch.refinenet{}", i + 1), &path);
            paths.push(path.clone());
            progress.step()?;
        }

        let size = (PATCH * grid.0, PATCH * grid.1);
        let y = self.output1.forward(&path)?;
        progress.show("scratch.output_conv.0", &y);
        let y = bilinear(&y, size, true)?;
        let hidden = self.output2.forward(&y)?;
        let inverse_depth = self.output.forward(&hidden)?;
        progress.step()?;
        Ok(Features {
            bottleneck,
            paths,
            hidden,
            inverse_depth,
        })
    }
}

/// Tokens to a feature map at the resolution of a decoder's level.
struct Reassemble {
    readout: Readout,
    project: Conv2d,
    resize: Resize,
}

enum Resize {
    Enlarge(ConvTranspose2d),
    Keep,
    Halve(Conv2d),
}

impl Reassemble {
    /// For the level with the number `level`, 0 the finest.
    fn new(weights: &Weights<'_>, width: usize, channels: usize, level: usize) -> Result<Self> {
        let enlarge = |factor| conv_transpose2d(&weights.pp(4), channels, channels, factor);
        let halve = Conv2dConfig {
            stride: 2,
            ..conv3x3()
        };
        Ok(Self {
            readout: Readout::new(&weights.pp("0.project.0"), width)?,
            project: conv2d(&weights.pp(3), width, channels, 1, Conv2dConfig::default())?,
            resize: match level {
                0 => Resize::Enlarge(enlarge(4)?),
                1 => Resize::Enlarge(enlarge(2)?),
                2 => Resize::Keep,
                _ => Resize::Halve(conv2d(&weights.pp(4), channels, channels, 3, halve)?),
            },
        })
    }

    fn forward(&self, tokens: &Tensor, (rows, columns): (usize, usize)) -> Result<Tensor> {
        let tokens = self.readout.forward(tokens)?;
        let (batch, _, width) = tokens.dims3()?;
        let map = tokens.transpose(1, 2)?.reshape((batch, width, rows, columns))?;
        let map = self.project.forward(&map)?;
        match &self.resize {
            Resize::Enlarge(resize) => resize.forward(&map),
            Resize::Keep => Ok(map),
            Resize::Halve(resize) => resize.forward(&map),
        }
    }
}

/// Mixes the class token into every other one: `gelu(W [token, class] + b)`.
///
/// The class token is the same for all of a picture's tokens, so its part of
/// the product is computed once.
struct Readout {
    token: Linear,
    class: Linear,
}

impl Readout {
    fn new(weights: &Weights<'_>, width: usize) -> Result<Self> {
        let matrix = weights.tensor("weight", (width, 2 * width))?;
        let bias = weights.tensor("bias", width)?;
        let half = |from| -> Result<Tensor> { Ok(matrix.narrow(1, from, width)?.contiguous()?) };
        Ok(Self {
            token: Linear::new(half(0)?, Some(bias), Activation::Gelu)?,
            class: Linear::new(half(width)?, None, Activation::None)?,
        })
    }

    fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        let count = tokens.dim(1)? - 1;
        let class = self.class.forward(&tokens.narrow(1, 0, 1)?)?;
        let tokens = tokens.narrow(1, 1, count)?;
        self.token
            .forward_add(&tokens, &class.broadcast_as(tokens.shape())?)
    }
}
