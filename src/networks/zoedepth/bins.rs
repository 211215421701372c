//! Bin centres: where they start, and what moves them.

use candle_core::Tensor;

use super::Activation;
use crate::Result;
use crate::networks::layers::conv2d;
use crate::nn::{Conv2d, Conv2dConfig, bilinear};
use crate::weights::Weights;

/// The range that K's shares stand for.
const RANGE: (f64, f64) = (1e-3, 10.0);
/// Added to what must not be 0.
const EPS: f64 = 1e-3;

/// Two 1x1 convolutions with a ReLU between.
pub(super) struct PointwiseMlp {
    first: Conv2d,
    second: Conv2d,
}

impl PointwiseMlp {
    pub(super) fn new(weights: &Weights<'_>, channels: [usize; 3]) -> Result<Self> {
        Ok(Self {
            second: conv2d(
                &weights.pp("_net.2"),
                channels[1],
                channels[2],
                1,
                Conv2dConfig::default(),
            )?,
            first: Self::first(weights, channels[0], channels[1])?,
        })
    }

    /// Of `pairs` pairs of output channels the first ones.
    fn firsts_of_pairs(weights: &Weights<'_>, [inputs, hidden, pairs]: [usize; 3]) -> Result<Self> {
        let net = weights.pp("_net.2");
        let weight = net.tensor("weight", (2 * pairs, hidden, 1, 1))?;
        let weight = weight.reshape((pairs, 2, hidden))?.narrow(1, 0, 1)?;
        let bias = net.tensor("bias", 2 * pairs)?;
        let bias = bias.reshape((pairs, 2))?.narrow(1, 0, 1)?;
        Ok(Self {
            second: Conv2d::new(
                weight.contiguous()?.reshape((pairs, hidden, 1, 1))?,
                Some(bias.contiguous()?.flatten_all()?),
                Conv2dConfig::default(),
            )?,
            first: Self::first(weights, inputs, hidden)?,
        })
    }

    fn first(weights: &Weights<'_>, inputs: usize, hidden: usize) -> Result<Conv2d> {
        let relu = Conv2dConfig {
            activation: Activation::Relu,
            ..Conv2dConfig::default()
        };
        conv2d(&weights.pp("_net.0"), inputs, hidden, 1, relu)
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.second.forward(&self.first.forward(x)?)
    }
}

/// The first, coarse bin centres.
pub(super) struct Seed {
    mlp: PointwiseMlp,
    normalised: bool,
}

impl Seed {
    /// `normalised`: centres are shares of a range, else metres.
    pub(super) fn new(weights: &Weights<'_>, channels: [usize; 3], normalised: bool) -> Result<Self> {
        Ok(Self {
            mlp: PointwiseMlp::new(weights, channels)?,
            normalised,
        })
    }

    /// A bottleneck to centres `[1, bins, h, w]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.mlp.forward(x)?;
        if !self.normalised {
            return softplus(&y);
        }
        let widths = (y.relu()? + EPS)?;
        let widths = widths.broadcast_div(&widths.sum_keepdim(1)?)?;
        // Stock sums run along the last axis, and on a GPU along no other.
        let ends = widths.transpose(1, 3)?.contiguous()?.cumsum(3)?.transpose(1, 3)?;
        // A bin's centre is the end of the bin less half of its width.
        Ok((ends - (widths * 0.5)?)?)
    }
}

/// Points on the depth axis that pull the bin centres of their pixel closer.
pub(super) struct Attractor {
    mlp: PointwiseMlp,
    count: usize,
    normalised: bool,
}

impl Attractor {
    pub(super) fn new(
        weights: &Weights<'_>,
        embedding: usize,
        count: usize,
        normalised: bool,
    ) -> Result<Self> {
        let channels = [embedding, embedding, count];
        Ok(Self {
            mlp: match normalised {
                true => PointwiseMlp::firsts_of_pairs(weights, channels)?,
                false => PointwiseMlp::new(weights, channels)?,
            },
            count,
            normalised,
        })
    }

    /// The centres at the resolution of `embedding`, from those of the next coarser level.
    pub(super) fn forward(&self, embedding: &Tensor, coarser: &Tensor, centres: &Tensor) -> Result<Tensor> {
        let (_, _, h, w) = embedding.dims4()?;
        let points = self
            .mlp
            .forward(&(embedding + bilinear(coarser, (h, w), true)?)?)?;
        let points = match self.normalised {
            true => (points.relu()? + EPS)?,
            false => softplus(&points)?,
        };
        let centres = bilinear(centres, (h, w), true)?;
        let mut moved = centres.clone();
        for i in 0..self.count {
            let distance = points.narrow(1, i, 1)?.broadcast_sub(&centres)?;
            let weakness = (distance.sqr()? * 300.0)?.affine(1.0, 1.0)?;
            moved = (moved + ((distance / weakness)? / self.count as f64)?)?;
        }
        Ok(moved)
    }
}

/// Shares of the range as values in it, in ascending order.
pub(super) fn to_range(centres: &Tensor) -> Result<Tensor> {
    let (low, high) = RANGE;
    let values = centres.affine(high - low, low)?;
    let (sorted, _) = values.permute((0, 2, 3, 1))?.contiguous()?.sort_last_dim(true)?;
    Ok(sorted.permute((0, 3, 1, 2))?.contiguous()?.clamp(low, high)?)
}

/// `ln(1 + exp(x))`.
pub(super) fn softplus(x: &Tensor) -> Result<Tensor> {
    // The exponent is never positive: nothing overflows.
    let rest = ((x.abs()?.neg()?.exp()? + 1.0)?).log()?;
    Ok((x.relu()? + rest)?)
}
