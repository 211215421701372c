//! The mean of a pixel's bins under a tempered binomial distribution.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::math::exp;
use super::{buffer, fused};
use crate::simd::{Level, per_isa};
use crate::{Error, Result};

/// Probabilities are kept this far from 0.
const LEAST: f64 = 1e-4;
/// Added inside Stirling's logarithms.
const STIRLING: f64 = 1e-7;
/// Pixels a task computes.
const PIXELS: usize = 512;

/// The mean of `centres` (`[B, K, H, W]`) under the binomial distribution
/// over K bins, sharpened by a temperature (Bhat et al. 2023):
/// `softmax((ln C(K-1, k) + k ln p + (K-1-k) ln (1-p)) / t)`, the binomial
/// coefficient by Stirling's formula without its constant.
///
/// `shape` is `[B, 2, H, W]`: p in 0..1, then t above 0. The result is `[B, 1, H, W]`.
///
/// # Errors
/// [`Error::Invalid`] if the shapes do not fit.
pub fn log_binomial_mean(shape: &Tensor, centres: &Tensor) -> Result<Tensor> {
    let (b, bins, h, w) = centres.dims4()?;
    if shape.dims() != [b, 2, h, w] || bins == 0 {
        return Err(Error::invalid(format!(
            "distributions of shape {:?} do not fit bin centres of shape {:?}",
            shape.dims(),
            centres.dims()
        )));
    }
    let coefficients = coefficients(bins);
    if fused::runs_on(shape) && fused::runs_on(centres) {
        return fused::binary(
            "log_binomial_mean",
            shape,
            centres,
            (b, 1, h, w),
            |shape, centres| run(shape, centres, &coefficients, h * w),
        );
    }
    let device = shape.device();
    let (p, t) = (shape.narrow(1, 0, 1)?, shape.narrow(1, 1, 1)?);
    let (log_p, log_q) = (
        p.clamp(LEAST, 1.0)?.log()?,
        p.affine(-1.0, 1.0)?.clamp(LEAST, 1.0)?.log()?,
    );
    let column = |values: Vec<f32>| -> Result<Tensor> {
        Ok(Tensor::from_vec(values, (1, bins, 1, 1), device)?.to_dtype(shape.dtype())?)
    };
    let hits = column((0..bins).map(|k| k as f32).collect())?;
    let misses = column((0..bins).rev().map(|k| k as f32).collect())?;
    let scores = hits
        .broadcast_mul(&log_p)?
        .broadcast_add(&misses.broadcast_mul(&log_q)?)?;
    let scores = scores.broadcast_add(&column(coefficients)?)?.broadcast_div(&t)?;
    let weights = candle_nn::ops::softmax(&scores, 1)?;
    Ok((weights * centres)?.sum_keepdim(1)?)
}

/// `ln C(bins - 1, k)` for every k.
fn coefficients(bins: usize) -> Vec<f32> {
    let n = (bins - 1) as f64;
    let term = |x: f64| (x + STIRLING) * (x + STIRLING).ln();
    (0..bins)
        .map(|k| {
            let misses = n - k as f64;
            (term(n) - term(k as f64) - misses * (misses + STIRLING).ln()) as f32
        })
        .collect()
}

fn run(shape: &[f32], centres: &[f32], coefficients: &[f32], plane: usize) -> Vec<f32> {
    let level = Level::detected();
    let bins = coefficients.len();
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(plane)
            .zip(shape.par_chunks(2 * plane))
            .zip(centres.par_chunks(bins * plane))
            .flat_map(|((out, shape), centres)| {
                let chunks = out.par_chunks_mut(PIXELS).enumerate();
                chunks.map(move |(i, out)| (i * PIXELS, out, shape, centres))
            })
            .for_each_init(
                || vec![0f32; (bins + 4) * PIXELS],
                |scratch, (first, out, shape, centres)| {
                    pixels(level, shape, centres, coefficients, (plane, first), scratch, out);
                },
            );
    };
    // SAFETY: the chunks cover the buffer and `pixels` writes all of a chunk.
    unsafe { buffer::filled(shape.len() / 2, fill) }
}

per_isa! {
    /// Computes the pixels of a plane from the second number of `place` on
    /// into `out`, writing all of it; `scratch` holds `(bins + 4) * PIXELS` values.
    fn pixels<I>(
        isa: I,
        shape: &[f32],
        centres: &[f32],
        coefficients: &[f32],
        place: (usize, usize),
        scratch: &mut [f32],
        out: &mut [MaybeUninit<f32>],
    ) {
        let (plane, first) = place;
        let count = out.len();
        let (p, t) = (&shape[first..][..count], &shape[plane + first..][..count]);
        let last = (coefficients.len() - 1) as f32;
        let (scores, rest) = scratch.split_at_mut(coefficients.len() * PIXELS);
        let (log_p, rest) = rest.split_at_mut(count);
        let (log_q, rest) = rest.split_at_mut(count);
        let (most, rest) = rest.split_at_mut(count);
        let total = &mut rest[..count];
        let least = LEAST as f32;
        for ((log_p, log_q), p) in log_p.iter_mut().zip(log_q.iter_mut()).zip(p) {
            *log_p = p.clamp(least, 1.0).ln();
            *log_q = (1.0 - p).clamp(least, 1.0).ln();
        }
        most.fill(f32::NEG_INFINITY);
        for (k, (scores, coefficient)) in scores.chunks_exact_mut(PIXELS).zip(coefficients).enumerate() {
            let (hits, misses) = (k as f32, last - k as f32);
            let scores = &mut scores[..count];
            for i in 0..count {
                let score = (coefficient + hits * log_p[i] + misses * log_q[i]) / t[i];
                scores[i] = score;
                most[i] = most[i].max(score);
            }
        }
        // What is not needed any more is where the weighted sum goes.
        let sum = log_p;
        sum.fill(0.0);
        total.fill(0.0);
        for (scores, centres) in scores.chunks_exact(PIXELS).zip(centres.chunks_exact(plane)) {
            let (scores, centres) = (&scores[..count], &centres[first..][..count]);
            for i in 0..count {
                let weight = exp(isa, scores[i] - most[i]);
                total[i] += weight;
                sum[i] += weight * centres[i];
            }
        }
        for ((out, sum), total) in out.iter_mut().zip(&*sum).zip(&*total) {
            out.write(sum / total);
        }
    }
}
