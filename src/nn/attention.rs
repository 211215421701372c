//! Multi-head scaled dot-product attention.

use std::mem::MaybeUninit;

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

use super::buffer::{self, Shared};
use super::fused;
use super::math::exp;
use super::product::{Matrix, Tile, multiply};
use super::simd::{Level, per_isa};
use crate::{Error, Result};

/// Queries of one tile.
const QUERIES: usize = 96;

/// `softmax(q k' / sqrt(d) + bias) v` for every head (Vaswani et al. 2017).
///
/// `qkv` is `[B, N, 3 C]`: queries, keys and values side by side, each
/// `[heads, d]` with `d = C / heads`. `bias`, if there is one, is
/// `[heads, N, N]` (query, key). The result is `[B, N, C]`.
///
/// # Errors
/// [`Error::Invalid`] if a shape does not fit.
pub fn attention(qkv: &Tensor, heads: usize, bias: Option<&Tensor>) -> Result<Tensor> {
    let (b, n, width) = qkv.dims3()?;
    if heads == 0 || width % (3 * heads) != 0 || n == 0 {
        return Err(Error::invalid(format!(
            "attention with {heads} heads was given a tensor of shape {:?}; its last axis must be 3 x heads x head size",
            qkv.dims()
        )));
    }
    if let Some(bias) = bias
        && bias.dims() != [heads, n, n]
    {
        return Err(Error::invalid(format!(
            "an attention bias of shape {:?} does not fit {heads} heads and {n} tokens",
            bias.dims()
        )));
    }
    let shape = Shape {
        b,
        n,
        heads,
        d: width / (3 * heads),
    };
    let result = (b, n, width / 3);
    match bias {
        None if fused::runs_on(qkv) => fused::unary("attention", qkv, result, |qkv| run(qkv, None, shape)),
        Some(bias) if fused::runs_on(qkv) && fused::runs_on(bias) => {
            fused::binary("attention", qkv, bias, result, |qkv, bias| {
                run(qkv, Some(bias), shape)
            })
        }
        _ => stock(qkv, bias, shape),
    }
}

#[derive(Clone, Copy)]
struct Shape {
    b: usize,
    n: usize,
    heads: usize,
    d: usize,
}

fn stock(qkv: &Tensor, bias: Option<&Tensor>, shape: Shape) -> Result<Tensor> {
    let Shape { b, n, heads, d } = shape;
    let parts = qkv.reshape((b, n, 3, heads, d))?.permute((2, 0, 3, 1, 4))?;
    let q = (parts.get(0)?.contiguous()? * (d as f64).sqrt().recip())?;
    let k = parts.get(1)?.contiguous()?;
    let v = parts.get(2)?.contiguous()?;
    let mut scores = q.matmul(&k.t()?)?;
    if let Some(bias) = bias {
        scores = scores.broadcast_add(bias)?;
    }
    // Half precision is too coarse for the sum of the weights.
    let wide = if qkv.dtype() == DType::F64 {
        DType::F64
    } else {
        DType::F32
    };
    let weights = candle_nn::ops::softmax(&scores.to_dtype(wide)?, D::Minus1)?.to_dtype(qkv.dtype())?;
    Ok(weights.matmul(&v)?.transpose(1, 2)?.reshape((b, n, heads * d))?)
}

fn run(qkv: &[f32], bias: Option<&[f32]>, Shape { b, n, heads, d }: Shape) -> Vec<f32> {
    let level = Level::detected();
    let (channels, stride) = (heads * d, 3 * heads * d);
    let blocks = n.div_ceil(QUERIES);
    let scale = (d as f32).sqrt().recip();
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..b * heads * blocks).into_par_iter().for_each_init(
            || vec![MaybeUninit::new(0f32); QUERIES.min(n) * n],
            |scores, i| {
                let (picture, head) = (i / (heads * blocks), i / blocks % heads);
                let first = i % blocks * QUERIES;
                let rows = QUERIES.min(n - first);
                let tokens = &qkv[picture * n * stride..][..n * stride];
                let q = Matrix {
                    data: &tokens[first * stride + head * d..],
                    row: stride,
                    column: 1,
                };
                let k = Matrix {
                    data: &tokens[channels + head * d..],
                    row: 1,
                    column: stride,
                };
                let v = Matrix {
                    data: &tokens[2 * channels + head * d..],
                    row: stride,
                    column: 1,
                };
                let weights = Tile {
                    out: Shared::new(scores),
                    start: 0,
                    row: n,
                };
                // SAFETY: the scratch buffer is this task's own.
                unsafe { multiply((rows, d, n), scale, q, k, weights) };
                let mut shares = [0f32; QUERIES];
                for (row, share) in shares.iter_mut().enumerate().take(rows) {
                    let bias = bias.map(|bias| &bias[(head * n + first + row) * n..][..n]);
                    // SAFETY: the product wrote the row, and the scratch buffer is this task's own.
                    let scores = unsafe { weights.row(row, n) };
                    *share = exponentiate(level, scores, bias).recip();
                }
                // SAFETY: as above.
                let weights = Matrix {
                    data: unsafe { weights.row(0, rows * n) },
                    row: n,
                    column: 1,
                };
                let tile = Tile {
                    out,
                    start: (picture * n + first) * channels + head * d,
                    row: channels,
                };
                // SAFETY: no other tile has these rows and columns of the result.
                unsafe { multiply((rows, n, d), 1.0, weights, v, tile) };
                for (row, share) in shares.iter().enumerate().take(rows) {
                    // SAFETY: the product wrote the row, and it belongs to this tile alone.
                    for y in unsafe { tile.row(row, d) } {
                        *y *= share;
                    }
                }
            },
        );
    };
    // SAFETY: the tiles (picture, head, block of queries) cover the buffer, and the second product of
    // a tile writes all of it.
    unsafe { buffer::filled(b * n * channels, fill) }
}

per_isa! {
    /// Replaces a row of scores by `exp(score + bias - largest)` and returns the sum.
    fn exponentiate<I>(scores: &mut [f32], bias: Option<&[f32]>) -> f32 {
        if let Some(bias) = bias {
            for (score, bias) in scores.iter_mut().zip(bias) {
                *score += bias;
            }
        }
        let mut lanes = [f32::NEG_INFINITY; 16];
        let (whole, rest) = scores.as_chunks::<16>();
        for scores in whole {
            for (lane, &score) in lanes.iter_mut().zip(scores) {
                *lane = if score > *lane { score } else { *lane };
            }
        }
        let largest = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let mut lanes = [0f32; 16];
        let (whole, rest) = scores.as_chunks_mut::<16>();
        for scores in whole {
            for (lane, score) in lanes.iter_mut().zip(scores) {
                *score = exp::<I>(*score - largest);
                *lane += *score;
            }
        }
        let mut total = 0.0;
        for score in rest {
            *score = exp::<I>(*score - largest);
            total += *score;
        }
        for lane in lanes {
            total += lane;
        }
        total
    }
}
