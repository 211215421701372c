//! Affine maps of tokens.

use std::mem::MaybeUninit;

use candle_core::{D, Tensor};
use rayon::prelude::*;

use super::Activation;
use super::buffer::{self, Shared};
use super::fused::{self, to_vec};
use super::gemm::{Matrix, gemm, leading_dimension};
use super::packed::Packed;
use crate::simd::{Level, per_isa};
use crate::{Error, Result};

/// The most tokens of a tile: every tile reads its part of the weights once.
const TOKENS: usize = 480;
/// The most outputs of a tile. That and its half are multiples of every panel's width.
const OUTPUTS: usize = 256;
/// With fewer tiles for every thread, tiles become smaller, down to these.
const TILES: usize = 2;
const FEWEST_TOKENS: usize = 48;
const FEWEST_OUTPUTS: usize = 64;
/// Tokens of a tile are a multiple of this: the rows a matrix product computes together.
const ROWS: usize = 12;
/// Inputs that are multiplied at a time: a tile's tokens stay in the second cache, and so does a panel of
/// weights.
const DEPTH: usize = 512;

/// `activation(x W' + b)` over the last axis.
#[derive(Clone, Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    activation: Activation,
    map: Map,
}

#[derive(Clone, Debug)]
enum Map {
    Fused {
        weight: Packed,
        bias: Vec<f32>,
    },
    Stock {
        weight: Tensor,
        bias: Option<Tensor>,
        scale: Option<Tensor>,
    },
}

impl Linear {
    /// A map with the matrix `weight` (`[outputs, inputs]`) and the vector `bias` (`[outputs]`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those.
    pub fn new(weight: Tensor, bias: Option<Tensor>, activation: Activation) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        if outputs == 0 || inputs == 0 {
            return Err(Error::invalid("a linear layer needs inputs and outputs"));
        }
        if let Some(bias) = &bias
            && bias.dims() != [outputs]
        {
            return Err(Error::invalid(format!(
                "a linear layer with {outputs} outputs has a bias of shape {:?}; it must be [{outputs}]",
                bias.dims()
            )));
        }
        let map = if fused::runs_on(&weight) {
            Map::Fused {
                weight: Packed::transposed(Level::detected(), &to_vec(&weight)?, inputs),
                bias: match &bias {
                    Some(bias) => to_vec(bias)?,
                    None => vec![0.0; outputs],
                },
            }
        } else {
            Map::Stock {
                weight,
                bias,
                scale: None,
            }
        };
        Ok(Self {
            inputs,
            outputs,
            activation,
            map,
        })
    }

    /// The same map with every output multiplied by its element of `scale`
    /// (`[outputs]`) before a residual and the activation.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shape is not that.
    pub fn scaled(mut self, factors: Tensor) -> Result<Self> {
        if factors.dims() != [self.outputs] {
            return Err(Error::invalid(format!(
                "a linear layer with {} outputs cannot be scaled by a tensor of shape {:?}",
                self.outputs,
                factors.dims()
            )));
        }
        match &mut self.map {
            Map::Fused { weight, bias } => {
                let factors = to_vec(&factors)?;
                weight.scale(&factors);
                bias.iter_mut()
                    .zip(factors)
                    .for_each(|(bias, factor)| *bias *= factor);
            }
            // Products of weights and factors could leave the range of half precision.
            Map::Stock { scale, .. } => *scale = Some(factors),
        }
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
        let mut shape = x.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == self.inputs => *last = self.outputs,
            _ => {
                return Err(Error::invalid(format!(
                    "a linear layer with {} inputs was given a tensor of shape {:?}",
                    self.inputs,
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
        match (&self.map, residual) {
            (Map::Fused { weight, bias }, None) => fused::unary("linear", x, shape, |x| {
                run(x, weight, bias, None, self.activation)
            }),
            (Map::Fused { weight, bias }, Some(residual)) => {
                fused::binary("linear", x, residual, shape, |x, residual| {
                    run(x, weight, bias, Some(residual), self.activation)
                })
            }
            (Map::Stock { weight, bias, scale }, _) => {
                let y = x
                    .contiguous()?
                    .reshape(((), x.dim(D::Minus1)?))?
                    .matmul(&weight.t()?)?;
                let mut y = y.reshape(shape)?;
                if let Some(bias) = bias {
                    y = y.broadcast_add(bias)?;
                }
                if let Some(scale) = scale {
                    y = y.broadcast_mul(scale)?;
                }
                if let Some(residual) = residual {
                    y = (y + residual)?;
                }
                self.activation.stock(&y)
            }
        }
    }
}

fn run(
    x: &[f32],
    weight: &Packed,
    bias: &[f32],
    residual: Option<&[f32]>,
    activation: Activation,
) -> Vec<f32> {
    let Packed {
        level,
        depth,
        columns: outputs,
        ..
    } = *weight;
    let tokens = x.len() / depth;
    let (rows, columns) = tile(tokens, outputs, rayon::current_num_threads());
    let (down, across) = (tokens.div_ceil(rows), outputs.div_ceil(columns));
    let ld = leading_dimension(depth);
    let copied = copied(x, depth, ld);
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..down * across).into_par_iter().for_each(|tile| {
            // All tokens for some outputs first: their weights are read from memory once.
            let (token, output) = (tile % down * rows, tile / down * columns);
            let (m, n) = (rows.min(tokens - token), columns.min(outputs - output));
            let start = token * outputs + output;
            // SAFETY: no other tile has these rows and columns of the result.
            let mut y = unsafe { out.tile(start, (m, n), outputs) };
            for first in (0..depth).step_by(DEPTH) {
                let count = DEPTH.min(depth - first);
                let tokens = Matrix {
                    data: &copied[token * ld + first..],
                    ld,
                };
                gemm(
                    level,
                    count,
                    tokens,
                    weight.panels(first, output),
                    &mut y,
                    first > 0,
                );
            }
            for i in 0..m {
                let at = start + i * outputs;
                epilogue(
                    level,
                    y.row(i),
                    &bias[output..][..n],
                    residual.map(|r| &r[at..][..n]),
                    activation,
                );
            }
        });
    };
    // SAFETY: the tiles cover the buffer, and the products write a whole tile.
    unsafe { buffer::filled(tokens * outputs, fill) }
}

/// Tokens and outputs of a tile.
fn tile(tokens: usize, outputs: usize, threads: usize) -> (usize, usize) {
    let rows = |most: usize| {
        tokens
            .div_ceil(tokens.div_ceil(most).max(1))
            .next_multiple_of(ROWS)
    };
    let (mut most, mut columns) = (TOKENS, OUTPUTS);
    let few = |most, columns| tokens.div_ceil(rows(most)) * outputs.div_ceil(columns) < TILES * threads;
    while few(most, columns) && columns > FEWEST_OUTPUTS {
        columns /= 2;
    }
    while few(most, columns) && most > FEWEST_TOKENS {
        most /= 2;
    }
    (rows(most), columns)
}

/// The tokens of `x` with leading dimension `ld`: as they lie, the same input of all would
/// often be a power of two apart and fall on the same few lines of the first cache.
fn copied(x: &[f32], depth: usize, ld: usize) -> Vec<f32> {
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_exact_mut(ld)
            .zip(x.par_chunks_exact(depth))
            .for_each(|(out, x)| {
                buffer::copied(&mut out[..depth], x);
                out[depth..].fill(MaybeUninit::new(0.0));
            });
    };
    // SAFETY: the rows are the whole buffer, and all of each is written.
    unsafe { buffer::filled(x.len() / depth * ld, fill) }
}

per_isa! {
    /// The epilogue of a row: adds what is added and applies the activation.
    fn epilogue<I>(isa: I, y: &mut [f32], bias: &[f32], residual: Option<&[f32]>, activation: Activation) {
        match residual {
            None => {
                for (y, bias) in y.iter_mut().zip(bias) {
                    *y += bias;
                }
            }
            Some(residual) => {
                for ((y, bias), residual) in y.iter_mut().zip(bias).zip(residual) {
                    *y += bias + residual;
                }
            }
        }
        activation.apply(isa, y);
    }
}
