//! The fusion blocks of dense prediction transformers' decoders (Ranftl et al. 2021).

use candle_core::Tensor;

use crate::Result;
use crate::networks::layers::conv2d;
use crate::nn::{Activation, Conv2d, Conv2dConfig, Padding, bilinear};
use crate::weights::Weights;

/// A 3x3 convolution that keeps the size.
pub(in crate::networks) fn conv3x3() -> Conv2dConfig {
    Conv2dConfig {
        padding: Padding::all(1),
        ..Conv2dConfig::default()
    }
}

/// `x + conv(relu(conv(relu(x))))`.
struct ResidualConvUnit {
    conv1: Conv2d,
    conv2: Conv2d,
}

impl ResidualConvUnit {
    fn new(weights: &Weights<'_>, features: usize) -> Result<Self> {
        let first = Conv2dConfig {
            relu_input: true,
            activation: Activation::Relu,
            ..conv3x3()
        };
        Ok(Self {
            conv1: conv2d(&weights.pp("conv1"), features, features, 3, first)?,
            conv2: conv2d(&weights.pp("conv2"), features, features, 3, conv3x3())?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.conv2.forward_add(&self.conv1.forward(x)?, x)
    }
}

/// Merges a level into the coarser ones and goes on to the size of the next finer one.
pub(in crate::networks) struct FusionBlock {
    /// The coarsest level has nothing to merge.
    merge: Option<ResidualConvUnit>,
    refine: ResidualConvUnit,
    out_conv: Conv2d,
}

impl FusionBlock {
    pub(in crate::networks) fn new(weights: &Weights<'_>, features: usize, coarsest: bool) -> Result<Self> {
        Ok(Self {
            merge: match coarsest {
                true => None,
                false => Some(ResidualConvUnit::new(&weights.pp("resConfUnit1"), features)?),
            },
            refine: ResidualConvUnit::new(&weights.pp("resConfUnit2"), features)?,
            out_conv: conv2d(
                &weights.pp("out_conv"),
                features,
                features,
                1,
                Conv2dConfig::default(),
            )?,
        })
    }

    /// `coarser` and `level` (none for the coarsest) at the same size, to a map of `size` (height, width).
    pub(in crate::networks) fn forward(
        &self,
        coarser: &Tensor,
        level: Option<&Tensor>,
        size: (usize, usize),
    ) -> Result<Tensor> {
        let x = match (&self.merge, level) {
            (Some(merge), Some(level)) => (coarser + merge.forward(level)?)?,
            _ => coarser.clone(),
        };
        let x = self.refine.forward(&x)?;
        // The published order is to resize first. A 1x1 convolution and a resampling whose weights
        // add up to one commute, and this way the convolution has a quarter of the pixels.
        bilinear(&self.out_conv.forward(&x)?, size, true)
    }
}
