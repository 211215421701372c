//! Affine maps of tokens.

use std::mem::MaybeUninit;

use candle_core::{D, Tensor};
use rayon::prelude::*;

use super::Activation;
use super::buffer::{self, Shared};
use super::fused::{self, to_vec};
use super::product::{Matrix, Tile, multiply};
use super::simd::{Level, per_isa};
use crate::{Error, Result};

/// Tokens and outputs of one tile.
const TILE: (usize, usize) = (192, 384);

/// `activation(x W' + b)` over the last axis.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    scale: Option<Tensor>,
    activation: Activation,
    kernel: Option<(Vec<f32>, Vec<f32>)>,
}

impl Linear {
    /// A map with the matrix `weight` (`[outputs, inputs]`) and the vector `bias` (`[outputs]`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those.
    pub fn new(weight: Tensor, bias: Option<Tensor>, activation: Activation) -> Result<Self> {
        let (outputs, _) = weight.dims2()?;
        if let Some(bias) = &bias
            && bias.dims() != [outputs]
        {
            return Err(Error::invalid(format!(
                "a linear layer with {outputs} outputs has a bias of shape {:?}; it must be [{outputs}]",
                bias.dims()
            )));
        }
        let kernel = match fused::runs_on(&weight) {
            true => Some((
                to_vec(&weight)?,
                match &bias {
                    Some(bias) => to_vec(bias)?,
                    None => vec![0.0; outputs],
                },
            )),
            false => None,
        };
        Ok(Self {
            weight,
            bias,
            scale: None,
            activation,
            kernel,
        })
    }

    /// The same map with every output multiplied by its element of `scale`
    /// (`[outputs]`) before a residual and the activation.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shape is not that.
    pub fn scaled(mut self, scale: Tensor) -> Result<Self> {
        let (outputs, inputs) = self.weight.dims2()?;
        if scale.dims() != [outputs] {
            return Err(Error::invalid(format!(
                "a linear layer with {outputs} outputs cannot be scaled by a tensor of shape {:?}",
                scale.dims()
            )));
        }
        // In half precision the products would leave the range: there the scale is applied to the result.
        if let Some((weight, bias)) = &mut self.kernel {
            for ((row, bias), scale) in weight.chunks_exact_mut(inputs).zip(bias).zip(to_vec(&scale)?) {
                row.iter_mut().for_each(|weight| *weight *= scale);
                *bias *= scale;
            }
        }
        self.scale = Some(scale);
        Ok(self)
    }

    /// Maps `x` (`[..., inputs]`) to `[..., outputs]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the last axis of `x` is not `inputs` long.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, None)
    }

    /// `activation(x W' + b + residual)`; `residual` has the shape of the result.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a shape does not fit.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.apply(x, Some(residual))
    }

    fn apply(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let mut shape = x.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == inputs => *last = outputs,
            _ => {
                return Err(Error::invalid(format!(
                    "a linear layer with {inputs} inputs was given a tensor of shape {:?}",
                    x.dims()
                )));
            }
        }
        if let Some(residual) = residual
            && residual.dims() != shape
        {
            return Err(Error::invalid(format!(
                "a tensor of shape {:?} cannot be added to a result of shape {shape:?}",
                residual.dims()
            )));
        }
        match (&self.kernel, residual) {
            (Some((weight, bias)), None) if fused::runs_on(x) => fused::unary("linear", x, shape, |x| {
                run(x, weight, bias, None, self.activation)
            }),
            (Some((weight, bias)), Some(residual)) if fused::runs_on(x) && fused::runs_on(residual) => {
                fused::binary("linear", x, residual, shape, |x, residual| {
                    run(x, weight, bias, Some(residual), self.activation)
                })
            }
            _ => self.stock(x, residual, shape),
        }
    }

    fn stock(&self, x: &Tensor, residual: Option<&Tensor>, shape: Vec<usize>) -> Result<Tensor> {
        let y = x
            .contiguous()?
            .reshape(((), x.dim(D::Minus1)?))?
            .matmul(&self.weight.t()?)?;
        let mut y = y.reshape(shape)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(bias)?;
        }
        if let Some(scale) = &self.scale {
            y = y.broadcast_mul(scale)?;
        }
        if let Some(residual) = residual {
            y = (y + residual)?;
        }
        self.activation.stock(&y)
    }
}

fn run(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    residual: Option<&[f32]>,
    activation: Activation,
) -> Vec<f32> {
    let level = Level::detected();
    let outputs = bias.len();
    let inputs = weight.len() / outputs;
    let tokens = x.len() / inputs;
    let (down, across) = (tokens.div_ceil(TILE.0), outputs.div_ceil(TILE.1));
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..down * across).into_par_iter().for_each(|i| {
            let (token, output) = (i / across * TILE.0, i % across * TILE.1);
            let (m, n) = (TILE.0.min(tokens - token), TILE.1.min(outputs - output));
            let tile = Tile {
                out,
                start: token * outputs + output,
                row: outputs,
            };
            let x = Matrix {
                data: &x[token * inputs..],
                row: inputs,
                column: 1,
            };
            let weight = Matrix {
                data: &weight[output * inputs..],
                row: 1,
                column: inputs,
            };
            // SAFETY: no other tile has these rows and columns of the result.
            unsafe { multiply((m, inputs, n), 1.0, x, weight, tile) };
            for row in 0..m {
                // SAFETY: the product wrote the row, and it belongs to this tile alone.
                let y = unsafe { tile.row(row, n) };
                let residual = residual.map(|r| &r[tile.start + row * outputs..][..n]);
                finish(level, y, &bias[output..][..n], residual, activation);
            }
        });
    };
    // SAFETY: the tiles cover the buffer, and a product writes its whole tile.
    unsafe { buffer::filled(tokens * outputs, fill) }
}

per_isa! {
    /// Adds what is added to a row and applies the activation.
    fn finish<I>(y: &mut [f32], bias: &[f32], residual: Option<&[f32]>, activation: Activation) {
        match residual {
            None => activation.map::<I>(y, |i, y| y + bias[i]),
            Some(residual) => activation.map::<I>(y, |i, y| y + bias[i] + residual[i]),
        }
    }
}
