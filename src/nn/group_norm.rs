//! Normalisation of groups of channels.

use std::mem::MaybeUninit;

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::fused::{self, to_vec};
use super::math::sum;
use super::{Activation, buffer};
use crate::simd::{Level, per_isa};
use crate::{Error, Result};

/// Group normalisation (Wu and He 2018) of feature maps, with scale and shift
/// per channel, and an activation.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
    activation: Activation,
    kernel: Option<(Vec<f32>, Vec<f32>)>,
}

impl GroupNorm {
    /// A normalisation of `groups` equal groups of channels with scale
    /// `weight` and shift `bias` (`[C]`); `eps` is added to the variance.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those or the groups do not divide the channels.
    pub fn new(
        weight: Tensor,
        bias: Tensor,
        groups: usize,
        eps: f64,
        activation: Activation,
    ) -> Result<Self> {
        let channels = weight.dims1()?;
        if bias.dims() != [channels] || groups == 0 || channels % groups != 0 {
            return Err(Error::invalid(format!(
                "a normalisation of {groups} groups has a scale of shape {:?} and a shift of shape {:?}; both must be \
                 [channels], and the groups must divide the channels",
                weight.dims(),
                bias.dims()
            )));
        }
        let kernel = match fused::runs_on(&weight) {
            true => Some((to_vec(&weight)?, to_vec(&bias)?)),
            false => None,
        };
        Ok(Self {
            weight,
            bias,
            groups,
            eps,
            activation,
            kernel,
        })
    }

    /// Normalises `x` (`[B, C, H, W]`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if `x` has other channels or no pixels.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, None)
    }

    /// `activation(normalised + residual)`; `residual` has the shape of `x`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a shape does not fit.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.apply(x, Some(residual))
    }

    fn apply(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (_, channels, h, w) = x.dims4()?;
        if channels != self.weight.elem_count() || h * w == 0 {
            return Err(Error::invalid(format!(
                "a normalisation of {} channels was given a tensor of shape {:?}",
                self.weight.elem_count(),
                x.dims()
            )));
        }
        if let Some(residual) = residual
            && residual.dims() != x.dims()
        {
            return Err(Error::invalid(format!(
                "a tensor of shape {:?} cannot be added to a result of shape {:?}",
                residual.dims(),
                x.dims()
            )));
        }
        let geometry = (h * w, channels / self.groups);
        match (&self.kernel, residual) {
            (Some(affine), None) if fused::runs_on(x) => fused::unary("group_norm", x, x.shape(), |x| {
                self.run(x, affine, None, geometry)
            }),
            (Some(affine), Some(residual)) if fused::runs_on(x) && fused::runs_on(residual) => {
                fused::binary("group_norm", x, residual, x.shape(), |x, residual| {
                    self.run(x, affine, Some(residual), geometry)
                })
            }
            _ => self.stock(x, residual),
        }
    }

    fn stock(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let batch = x.dim(0)?;
        // Half precision is too coarse for the statistics.
        let wide = if x.dtype() == DType::F64 {
            DType::F64
        } else {
            DType::F32
        };
        let y = x.to_dtype(wide)?.reshape((batch, self.groups, ()))?;
        let y = y.broadcast_sub(&y.mean_keepdim(2)?)?;
        let variance = y.sqr()?.mean_keepdim(2)?;
        let y = y
            .broadcast_div(&(variance + self.eps)?.sqrt()?)?
            .reshape(x.shape())?
            .to_dtype(x.dtype())?;
        let y = y
            .broadcast_mul(&self.weight.reshape((1, (), 1, 1))?)?
            .broadcast_add(&self.bias.reshape((1, (), 1, 1))?)?;
        match residual {
            Some(residual) => self.activation.stock(&(y + residual)?),
            None => self.activation.stock(&y),
        }
    }

    fn run(
        &self,
        x: &[f32],
        (weight, bias): &(Vec<f32>, Vec<f32>),
        residual: Option<&[f32]>,
        (plane, channels): (usize, usize),
    ) -> Vec<f32> {
        let level = Level::detected();
        let size = plane * channels;
        let fill = |out: &mut [MaybeUninit<f32>]| {
            out.par_chunks_mut(size)
                .zip(x.par_chunks(size))
                .enumerate()
                .for_each(|(i, (out, x))| {
                    let first = i % self.groups * channels;
                    let residual = residual.map(|residual| &residual[i * size..][..size]);
                    let (mean, scale) = statistics(level, x, plane, self.eps);
                    for channel in 0..channels {
                        let plane = channel * plane..(channel + 1) * plane;
                        let scale = weight[first + channel] * scale;
                        let bias = bias[first + channel];
                        let out = buffer::copied(&mut out[plane.clone()], &x[plane.clone()]);
                        let residual = residual.map(|residual| &residual[plane]);
                        affine(level, out, (mean, scale, bias), residual, self.activation);
                    }
                });
        };
        // SAFETY: the chunks cover the buffer, and every plane of a chunk is written.
        unsafe { buffer::filled(x.len(), fill) }
    }
}

per_isa! {
    /// The mean and the reciprocal standard deviation of the planes of a group.
    fn statistics<I>(_isa: I, x: &[f32], plane: usize, eps: f64) -> (f32, f32) {
        let count = x.len() as f64;
        let mean = x.chunks_exact(plane).map(|x| f64::from(sum(x, |v| v))).sum::<f64>() / count;
        let centre = mean as f32;
        let squares = |x| f64::from(sum(x, |v| (v - centre) * (v - centre)));
        let variance = x.chunks_exact(plane).map(squares).sum::<f64>() / count;
        (centre, (1.0 / (variance + eps).sqrt()) as f32)
    }
}

per_isa! {
    /// Centres, scales and shifts a plane, adds what is added and applies the activation.
    fn affine<I>(isa: I, y: &mut [f32], by: (f32, f32, f32), residual: Option<&[f32]>, activation: Activation) {
        let (mean, scale, bias) = by;
        for y in &mut *y {
            *y = isa.mul_add(*y - mean, scale, bias);
        }
        if let Some(residual) = residual {
            for (y, residual) in y.iter_mut().zip(residual) {
                *y += residual;
            }
        }
        activation.apply(isa, y);
    }
}
