//! Multi-head scaled dot-product attention.

use std::mem::MaybeUninit;

use candle_core::{D, DType, Tensor};
use rayon::prelude::*;

use super::buffer::{self, Shared, Tile};
use super::fused;
use super::gemm::{Matrix, Panels, Rows, gemm, leading_dimension, panel_width};
use super::math::exp;
use crate::simd::{Level, per_isa};
use crate::{Error, Result};

/// Queries of one tile.
const QUERIES: usize = 48;

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

fn run(qkv: &[f32], bias: Option<&[f32]>, shape: Shape) -> Vec<f32> {
    let Shape { b, n, heads, d } = shape;
    let level = Level::detected();
    let (channels, stride, width) = (heads * d, 3 * heads * d, panel_width(level));
    let blocks = n.div_ceil(QUERIES);
    let ld = leading_dimension(n);
    let packed = PackedHeads {
        keys: n.next_multiple_of(width) * d,
        values: d.next_multiple_of(width) * n,
    };
    let sides = packed.all(qkv, shape, width);
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..b * heads * blocks).into_par_iter().for_each(|tile| {
            buffer::scratch(QUERIES.min(n) * (ld + leading_dimension(d)), |scratch| {
                let (sequence, block) = (tile / blocks, tile % blocks);
                let (picture, head) = (sequence / heads, sequence % heads);
                let first = block * QUERIES;
                let rows = QUERIES.min(n - first);
                let (keys, values) = sides[sequence * packed.size()..][..packed.size()].split_at(packed.keys);
                let (scores, copied) = scratch.split_at_mut(QUERIES.min(n) * ld);
                let queries = qkv[(picture * n + first) * stride..].chunks(stride);
                for (to, from) in copied
                    .chunks_exact_mut(leading_dimension(d))
                    .zip(queries)
                    .take(rows)
                {
                    to[..d].copy_from_slice(&from[head * d..][..d]);
                }
                let queries = Matrix {
                    data: copied,
                    ld: leading_dimension(d),
                };
                let keys = Panels {
                    data: keys,
                    panel: d * width,
                    rows: Rows::Every(width),
                };
                let mut products = Tile::new(scores, (rows, n), ld);
                gemm(level, d, queries, keys, &mut products, false);
                let mut shares = [0f32; QUERIES];
                for (query, share) in shares.iter_mut().enumerate().take(rows) {
                    let bias = bias.map(|bias| &bias[(head * n + first + query) * n..][..n]);
                    *share = exponentiate(level, products.row(query), bias).recip();
                }
                let at = (picture * n + first) * channels + head * d;
                let weights = Matrix { data: scores, ld };
                let values = Panels {
                    data: values,
                    panel: n * width,
                    rows: Rows::Every(width),
                };
                // SAFETY: no other tile has these tokens and this head of the result.
                let mut y = unsafe { out.tile(at, (rows, d), channels) };
                gemm(level, n, weights, values, &mut y, false);
                for (query, share) in shares.iter().enumerate().take(rows) {
                    for y in y.row(query) {
                        *y *= share;
                    }
                }
            });
        });
    };
    // SAFETY: the tiles (picture, head, block of queries) cover the buffer, and the second product of
    // a tile writes all of it.
    unsafe { buffer::filled(b * n * channels, fill) }
}

/// The keys and values of one head packed in panels for the two products.
#[derive(Clone, Copy)]
struct PackedHeads {
    /// Elements of the scaled, transposed keys.
    keys: usize,
    /// Elements of the values.
    values: usize,
}

impl PackedHeads {
    fn size(&self) -> usize {
        self.keys + self.values
    }

    /// Packs every head of every picture.
    fn all(&self, qkv: &[f32], Shape { b, n, heads, d }: Shape, width: usize) -> Vec<f32> {
        let stride = 3 * heads * d;
        let scale = (d as f32).sqrt().recip();
        let mut all = vec![0f32; b * heads * self.size()];
        all.par_chunks_exact_mut(self.size())
            .enumerate()
            .for_each(|(sequence, packed)| {
                let (picture, head) = (sequence / heads, sequence % heads);
                let (keys, values) = packed.split_at_mut(self.keys);
                for (token, qkv) in qkv[picture * n * stride..][..n * stride]
                    .chunks_exact(stride)
                    .enumerate()
                {
                    let key = &qkv[heads * d + head * d..][..d];
                    let to = &mut keys[token / width * d * width + token % width..];
                    for (to, value) in to.iter_mut().step_by(width).zip(key) {
                        *to = value * scale;
                    }
                    let value = &qkv[2 * heads * d + head * d..][..d];
                    for (panel, value) in value.chunks(width).enumerate() {
                        values[(panel * n + token) * width..][..value.len()].copy_from_slice(value);
                    }
                }
            });
        all
    }
}

per_isa! {
    /// Replaces a row of scores by `exp(score + bias - largest)` and returns the sum.
    fn exponentiate<I>(isa: I, scores: &mut [f32], bias: Option<&[f32]>) -> f32 {
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
                *score = exp(isa, *score - largest);
                *lane += *score;
            }
        }
        let mut total = 0.0;
        for score in rest {
            *score = exp(isa, *score - largest);
            total += *score;
        }
        for lane in lanes {
            total += lane;
        }
        total
    }
}
