//! Normalisation of every token.

use std::mem::MaybeUninit;

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

use super::math::sum;
use super::{buffer, fused, fused::to_vec};
use crate::simd::{Level, per_isa};
use crate::{Error, Result};

/// Tokens a task normalises.
const TOKENS: usize = 64;

/// Layer normalisation over the last axis, with scale and shift.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    kernel: Option<(Vec<f32>, Vec<f32>)>,
}

impl LayerNorm {
    /// A normalisation with scale `weight` and shift `bias` (`[C]`); `eps` is added to the variance.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those.
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Result<Self> {
        if weight.rank() != 1 || weight.dims() != bias.dims() {
            return Err(Error::invalid(format!(
                "a normalisation has a scale of shape {:?} and a shift of shape {:?}; both must be [channels]",
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
            eps,
            kernel,
        })
    }

    /// Normalises `x` (`[..., C]`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if the last axis of `x` is not `C` long.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.weight.elem_count();
        if x.dim(D::Minus1)? != channels {
            return Err(Error::invalid(format!(
                "a normalisation of {channels} channels was given a tensor of shape {:?}",
                x.dims()
            )));
        }
        match &self.kernel {
            Some((weight, bias)) if fused::runs_on(x) => fused::unary("layer_norm", x, x.shape(), |x| {
                run(x, weight, bias, self.eps as f32)
            }),
            _ => self.stock(x),
        }
    }

    fn stock(&self, x: &Tensor) -> Result<Tensor> {
        // Half precision is too coarse for the statistics.
        let wide = if x.dtype() == DType::F64 {
            DType::F64
        } else {
            DType::F32
        };
        let y = x.to_dtype(wide)?;
        let y = y.broadcast_sub(&y.mean_keepdim(D::Minus1)?)?;
        let variance = y.sqr()?.mean_keepdim(D::Minus1)?;
        let y = y
            .broadcast_div(&(variance + self.eps)?.sqrt()?)?
            .to_dtype(x.dtype())?;
        Ok(y.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?)
    }
}

fn run(x: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let level = Level::detected();
    let chunk = TOKENS * weight.len();
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk))
            .for_each(|(out, x)| rows(level, x, weight, bias, eps, out));
    };
    // SAFETY: the chunks of `out` cover it, and `rows` writes all of a chunk.
    unsafe { buffer::filled(x.len(), fill) }
}

per_isa! {
    /// Normalises the tokens of `x` into `out`, writing all of it.
    fn rows<I>(isa: I, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [MaybeUninit<f32>]) {
        let channels = weight.len();
        for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            let mean = sum(x, |v| v) / channels as f32;
            let variance = sum(x, |v| (v - mean) * (v - mean)) / channels as f32;
            let scale = 1.0 / (variance + eps).sqrt();
            for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
                out.write(isa.mul_add((x - mean) * scale, *weight, *bias));
            }
        }
    }
}
