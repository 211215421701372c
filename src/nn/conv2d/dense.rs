//! Convolutions that mix channels: tiles of output rows, each a matrix product.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Conv2dConfig, Geometry};
use crate::nn::Activation;
use crate::nn::buffer::{self, Shared};
use crate::nn::product::{Matrix, Tile, multiply};
use crate::nn::simd::{Level, per_isa};

/// Elements of a tile's unfolded input: what stays in a core's second-level cache.
const UNFOLDED: usize = 128 * 1024;
/// Tiles there should be, so that many cores have work.
const TILES: usize = 16;

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
        inputs,
        outputs,
        h,
        w,
        out_h,
        out_w,
        kernel_h,
        kernel_w,
    } = *geometry;
    let groups = config.groups;
    let (group_in, group_out) = (inputs / groups, outputs / groups);
    let depth = group_in * kernel_h * kernel_w;
    let rows = (UNFOLDED / (depth * out_w).max(1)).clamp(1, out_h.div_ceil(TILES.div_ceil(batch * groups)));
    let tiles = out_h.div_ceil(rows);
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..batch * groups * tiles).into_par_iter().for_each_init(
            || vec![0f32; depth * rows * out_w],
            |unfolded, i| {
                let (picture, group) = (i / (groups * tiles), i / tiles % groups);
                let first = i % tiles * rows;
                let rows = rows.min(out_h - first);
                let columns = rows * out_w;
                let from = (picture * inputs + group * group_in) * h * w;
                unfold(
                    &x[from..][..group_in * h * w],
                    first,
                    rows,
                    geometry,
                    config,
                    unfolded,
                );
                let weight = Matrix {
                    data: &weight[group * group_out * depth..],
                    row: depth,
                    column: 1,
                };
                let unfolded = Matrix {
                    data: unfolded,
                    row: columns,
                    column: 1,
                };
                let channel = picture * outputs + group * group_out;
                let tile = Tile {
                    out,
                    start: channel * plane + first * out_w,
                    row: plane,
                };
                // SAFETY: no other tile has these rows of these planes of the result.
                unsafe { multiply((group_out, depth, columns), 1.0, weight, unfolded, tile) };
                for output in 0..group_out {
                    // SAFETY: the product wrote the row, and it belongs to this tile alone.
                    let y = unsafe { tile.row(output, columns) };
                    let residual = residual.map(|r| &r[tile.start + output * plane..][..columns]);
                    finish(
                        level,
                        y,
                        bias[group * group_out + output],
                        residual,
                        config.activation,
                    );
                }
            },
        );
    };
    // SAFETY: the tiles (picture, group, rows) cover the buffer, and a product writes its whole tile.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

/// Writes, for every channel and tap of the kernel, the input pixels under
/// the output rows `first..first + rows` (zeros outside the map).
fn unfold(x: &[f32], first: usize, rows: usize, geometry: &Geometry, config: &Conv2dConfig, out: &mut [f32]) {
    let Geometry {
        h,
        w,
        out_w,
        kernel_h,
        kernel_w,
        ..
    } = *geometry;
    let Conv2dConfig {
        stride,
        padding,
        dilation,
        relu_input,
        ..
    } = *config;
    let taps = x.chunks_exact(h * w).flat_map(|plane| {
        (0..kernel_h).flat_map(move |ky| (0..kernel_w).map(move |kx| (plane, ky * dilation, kx * dilation)))
    });
    for ((plane, dy, dx), out) in taps.zip(out.chunks_exact_mut(rows * out_w)) {
        // Output columns whose tap lies inside the map.
        let inside = padding.left.saturating_sub(dx).div_ceil(stride).min(out_w)
            ..(w + padding.left).saturating_sub(dx).div_ceil(stride).min(out_w);
        for (row, out) in out.chunks_exact_mut(out_w).enumerate() {
            let y = ((first + row) * stride + dy)
                .checked_sub(padding.top)
                .filter(|&y| y < h);
            let Some(y) = y.filter(|_| !inside.is_empty()) else {
                out.fill(0.0);
                continue;
            };
            let source = &plane[y * w..][..w];
            let start = inside.start * stride + dx - padding.left;
            out[..inside.start].fill(0.0);
            out[inside.end..].fill(0.0);
            let out = &mut out[inside.clone()];
            if stride == 1 {
                out.copy_from_slice(&source[start..][..out.len()]);
            } else {
                for (out, value) in out.iter_mut().zip(source[start..].iter().step_by(stride)) {
                    *out = *value;
                }
            }
            if relu_input {
                for out in out {
                    *out = out.max(0.0);
                }
            }
        }
    }
}

per_isa! {
    /// Adds what is added to a row and applies the activation.
    fn finish<I>(y: &mut [f32], bias: f32, residual: Option<&[f32]>, activation: Activation) {
        match residual {
            None => activation.map::<I>(y, |_, y| y + bias),
            Some(residual) => activation.map::<I>(y, |i, y| y + bias + residual[i]),
        }
    }
}
