//! Activation functions that other kernels end with.

use candle_core::Tensor;

use super::math::gelu;
use crate::Result;
use crate::simd::Isa;

/// What is applied to every element of a layer's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// The exact Gaussian error linear unit, `x/2 (1 + erf(x / sqrt 2))`.
    Gelu,
}

impl Activation {
    /// Applies the function with stock operations.
    pub(super) fn stock(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::None => x.clone(),
            Self::Relu => x.relu()?,
            Self::Relu6 => x.clamp(0f64, 6f64)?,
            Self::Gelu => x.gelu_erf()?,
        })
    }

    /// The least and the largest result of an activation that does nothing but limit its argument.
    pub(super) fn clamp(self) -> Option<(f32, f32)> {
        match self {
            Self::None => Some((f32::NEG_INFINITY, f32::INFINITY)),
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Relu6 => Some((0.0, 6.0)),
            Self::Gelu => None,
        }
    }

    /// Applies the function to every element.
    #[inline(always)]
    pub(super) fn apply<I: Isa>(self, isa: I, row: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Relu => {
                for x in row {
                    *x = x.max(0.0);
                }
            }
            Self::Relu6 => {
                for x in row {
                    *x = x.clamp(0.0, 6.0);
                }
            }
            Self::Gelu => {
                for x in row {
                    *x = gelu(isa, *x);
                }
            }
        }
    }
}
