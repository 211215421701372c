//! Batch normalisation, folded into the convolution before it.

use candle_core::{DType, Device, Tensor};

use crate::{Error, Result};

/// The statistics and scale of a trained batch normalisation, each of shape `[C]`.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Scale.
    pub weight: Tensor,
    /// Shift.
    pub bias: Tensor,
    /// Mean over the training pictures.
    pub running_mean: Tensor,
    /// Variance over the training pictures.
    pub running_var: Tensor,
    /// What is added to the variance.
    pub eps: f64,
}

impl BatchNorm {
    /// The weight and bias of the one convolution that does what a
    /// convolution (`weight` `[C, ...]`, `bias` `[C]`) followed by this
    /// normalisation does. Computed in double precision, on the CPU: not every
    /// device has it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the channel counts differ.
    pub fn fold(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let channels = weight.dim(0)?;
        for part in [&self.weight, &self.bias, &self.running_mean, &self.running_var] {
            if part.dims() != [channels] {
                return Err(Error::invalid(format!(
                    "the batch normalisation after a convolution with {channels} output channels has a tensor of shape {:?}; \
                     its tensors must have the shape [{channels}]",
                    part.dims()
                )));
            }
        }
        let back = |x: Tensor| x.to_dtype(weight.dtype())?.to_device(weight.device());
        let wide = |x: &Tensor| x.to_device(&Device::Cpu)?.to_dtype(DType::F64);
        let scale = (wide(&self.weight)? / (wide(&self.running_var)? + self.eps)?.sqrt()?)?;
        let shift = (wide(&self.bias)? - (wide(&self.running_mean)? * &scale)?)?;
        let shift = match bias {
            Some(bias) => (shift + (wide(bias)? * &scale)?)?,
            None => shift,
        };
        let mut column = vec![1; weight.rank()];
        column[0] = channels;
        let scaled = wide(weight)?.broadcast_mul(&scale.reshape(column)?)?;
        Ok((back(scaled)?, back(shift)?))
    }
}
