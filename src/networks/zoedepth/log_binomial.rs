//! The distribution over a pixel's bins.

use candle_core::{DType, Tensor};

use super::Activation;
use super::bins::softplus;
use crate::nn::{Conv2d, Conv2dConfig, bilinear, log_binomial_mean};
use crate::weights::Weights;
use crate::{Error, Result};

/// Added to what is divided.
const EPS: f64 = 1e-4;
/// The coldest and the hottest softmax.
const TEMPERATURE: (f64, f64) = (0.0212, 50.0);

/// Mixes bin centres with the weights of a binomial distribution, sharpened
/// by a temperature; both are predicted per pixel.
pub(super) struct LogBinomial {
    /// Of the first layer, what sees the pixels; with its bias.
    seen: Conv2d,
    /// Of the first layer, what sees the embedding.
    condition: Conv2d,
    second: Conv2d,
    bins: usize,
}

impl LogBinomial {
    /// `channels` are those of pixels and embedding; the hidden layer has one `bottleneck`-th of both.
    pub(super) fn new(
        weights: &Weights<'_>,
        channels: (usize, usize),
        bottleneck: usize,
        bins: usize,
    ) -> Result<Self> {
        let (seen, condition) = channels;
        let hidden = (seen + condition) / bottleneck;
        let (first, second) = (weights.pp("mlp.0"), weights.pp("mlp.2"));
        let matrix = first.tensor("weight", (hidden, seen + condition, 1, 1))?;
        let part = |from, count| -> Result<Tensor> { Ok(matrix.narrow(1, from, count)?.contiguous()?) };
        let gelu = Conv2dConfig {
            activation: Activation::Gelu,
            ..Conv2dConfig::default()
        };
        Ok(Self {
            seen: Conv2d::new(part(0, seen)?, Some(first.tensor("bias", hidden)?), gelu)?,
            condition: Conv2d::new(part(seen, condition)?, None, Conv2dConfig::default())?,
            second: Conv2d::new(
                second.tensor("weight", (4, hidden, 1, 1))?,
                Some(second.tensor("bias", 4)?),
                Conv2dConfig::default(),
            )?,
            bins,
        })
    }

    /// The depth `[1, 1, H, W]` of pixels `seen` (`[1, C, H, W]`), given a
    /// level's embedding and bin centres.
    pub(super) fn forward(&self, seen: &Tensor, embedding: &Tensor, centres: &Tensor) -> Result<Tensor> {
        let (_, _, h, w) = seen.dims4()?;
        if centres.dim(1)? != self.bins {
            return Err(Error::invalid(format!(
                "{} bin centres were given to a distribution over {}",
                centres.dim(1)?,
                self.bins
            )));
        }
        // The published order is to enlarge the embedding first; a 1x1 convolution commutes with that.
        let condition = bilinear(&self.condition.forward(embedding)?, (h, w), true)?;
        let y = self.second.forward(&self.seen.forward_add(seen, &condition)?)?;
        // In half precision the logarithms of small shares are no longer told apart.
        let wide = if y.dtype() == DType::F64 {
            DType::F64
        } else {
            DType::F32
        };
        let y = (softplus(&y.to_dtype(wide)?)? + EPS)?;
        let share = |first: usize| -> Result<Tensor> {
            let (a, b) = (y.narrow(1, first, 1)?, y.narrow(1, first + 1, 1)?);
            Ok((&a / (&a + b)?)?)
        };
        let (cold, hot) = TEMPERATURE;
        let (probability, temperature) = (share(0)?, share(2)?.affine(hot - cold, cold)?);
        let centres = bilinear(&centres.to_dtype(wide)?, (h, w), true)?;
        log_binomial_mean(&Tensor::cat(&[probability, temperature], 1)?, &centres)
    }
}
