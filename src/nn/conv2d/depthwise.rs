//! Convolutions in which every channel sees only itself.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Conv2dConfig, Geometry};
use crate::nn::buffer;
use crate::nn::simd::{Level, per_isa};

/// Output rows of one tile.
const ROWS: usize = 64;

pub(super) fn run(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    residual: Option<&[f32]>,
    geometry: &Geometry,
    config: &Conv2dConfig,
) -> Vec<f32> {
    let level = Level::detected();
    let Geometry {
        batch,
        outputs,
        h,
        w,
        out_h,
        out_w,
        kernel_h,
        kernel_w,
        ..
    } = *geometry;
    let plane = out_h * out_w;
    let padded = w + config.padding.left + config.padding.right;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(plane)
            .enumerate()
            .flat_map(|(i, out)| {
                out.par_chunks_mut(ROWS * out_w)
                    .enumerate()
                    .map(move |band| (i, band))
            })
            .for_each_init(
                || (vec![0f32; padded], vec![0f32; out_w]),
                |(source, sums), (i, (tile, out))| {
                    let channel = i % outputs;
                    band(
                        level,
                        &x[i * h * w..][..h * w],
                        &weight[channel * kernel_h * kernel_w..][..kernel_h * kernel_w],
                        bias[channel],
                        residual.map(|r| &r[i * plane + tile * ROWS * out_w..][..out.len()]),
                        tile * ROWS,
                        geometry,
                        config,
                        source,
                        sums,
                        out,
                    );
                },
            );
    };
    // SAFETY: the chunks cover the buffer, and `band` writes all of a chunk.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

per_isa! {
    /// Computes output rows from `first` of one channel into `out`, writing all of it.
    ///
    /// `source` is a row of the padded input, its borders zero; `sums` a row of the result.
    fn band<I>(
        x: &[f32], weight: &[f32], bias: f32, residual: Option<&[f32]>, first: usize,
        geometry: &Geometry, config: &Conv2dConfig,
        source: &mut [f32], sums: &mut [f32], out: &mut [MaybeUninit<f32>],
    ) {
        let Geometry { h, w, out_w, kernel_h, kernel_w, .. } = *geometry;
        let Conv2dConfig { stride, padding, dilation, relu_input, activation, .. } = *config;
        for (row, out) in out.chunks_exact_mut(out_w).enumerate() {
            sums.fill(bias);
            for ky in 0..kernel_h {
                let Some(y) = ((first + row) * stride + ky * dilation).checked_sub(padding.top) else { continue };
                if y >= h {
                    continue;
                }
                let inside = &mut source[padding.left..][..w];
                inside.copy_from_slice(&x[y * w..][..w]);
                if relu_input {
                    for value in inside {
                        *value = value.max(0.0);
                    }
                }
                for (kx, &tap) in weight[ky * kernel_w..][..kernel_w].iter().enumerate() {
                    let from = &source[kx * dilation..];
                    if stride == 1 {
                        for (sum, value) in sums.iter_mut().zip(from) {
                            *sum = I::mul_add(tap, *value, *sum);
                        }
                    } else {
                        for (i, sum) in sums.iter_mut().enumerate() {
                            *sum = I::mul_add(tap, from[i * stride], *sum);
                        }
                    }
                }
            }
            if let Some(residual) = residual {
                for (sum, residual) in sums.iter_mut().zip(&residual[row * out_w..]) {
                    *sum += residual;
                }
            }
            activation.apply::<I>(sums);
            for (out, sum) in out.iter_mut().zip(sums.iter()) {
                out.write(*sum);
            }
        }
    }
}
