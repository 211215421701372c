//! Implicit GEMM: convolutions that mix channels.
//!
//! A tile of output rows is one GEMM per block of input channels: A are the
//! weights, and B the pixels under each tap of the kernel, which [`Im2col`]
//! lays out.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::im2col::{Im2col, Limits};
use super::{Call, Geometry, Weights};
use crate::nn::buffer::{self, Shared, Tile};
use crate::nn::gemm::{Matrix, Panels, Rows, gemm, panel_width};

/// Sums of a tile, as far as its rows allow: what stays in a second cache.
const SUMS: usize = 64 * 1024;
/// Output channels of a tile, where there are enough tiles.
const CHANNELS: usize = 96;
/// Output channels of a tile at least, and what they are a multiple of: the rows a matrix product
/// computes together, twice.
const FEWEST_CHANNELS: usize = 24;
/// Tiles there should be at least, so that many cores have work.
const TILES: usize = 16;
/// Elements of the copied input at a time: with the weights for them, what a second cache holds.
const COPIED: usize = 48 * 1024;

pub(super) fn run(call: &Call<'_>, weights: &Weights) -> Vec<f32> {
    let Geometry {
        batch,
        inputs,
        outputs,
        h,
        w,
        out_h,
        out_w,
        ..
    } = call.geometry;
    let (level, groups) = (call.level, call.config.groups);
    let (group_in, group_out) = (inputs / groups, outputs / groups);
    let split = tile_channels(batch * groups, group_out, out_h * out_w);
    let blocks = group_out.div_ceil(split);
    let limits = Limits {
        columns: SUMS / group_out.min(split),
        bands: TILES.div_ceil(batch * groups * blocks),
        copied: COPIED,
        panel: panel_width(level),
    };
    let im2col = Im2col::new(call, limits);
    let bands = out_h.div_ceil(im2col.rows);
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..batch * groups * bands * blocks)
            .into_par_iter()
            .for_each(|tile| {
                let (picture, tile) = (tile / (groups * bands * blocks), tile % (groups * bands * blocks));
                let (group, tile) = (tile / (bands * blocks), tile % (bands * blocks));
                let (first, channel) = (tile / blocks * im2col.rows, tile % blocks * split);
                let rows = im2col.rows.min(out_h - first);
                let channels = split.min(group_out - channel);
                buffer::scratch(im2col.copied() + channels * im2col.padded(), |scratch| {
                    let (copied, sums) = scratch.split_at_mut(im2col.copied());
                    let columns = (rows - 1) * im2col.width + out_w;
                    let mut products = Tile::new(sums, (channels, columns), im2col.padded());
                    for from in (0..group_in).step_by(im2col.channels) {
                        let count = im2col.channels.min(group_in - from);
                        let planes =
                            &call.x[(picture * inputs + group * group_in + from) * h * w..][..count * h * w];
                        im2col.copy(call, planes, first, rows, copied);
                        let start = (group * group_out + channel) * weights.ld + from * im2col.taps;
                        let kernel = Matrix {
                            data: &weights.kernel[start..],
                            ld: weights.ld,
                        };
                        let pixels = Panels {
                            data: copied,
                            panel: im2col.panel,
                            rows: Rows::At(&im2col.places),
                        };
                        gemm(
                            level,
                            count * im2col.taps,
                            kernel,
                            pixels,
                            &mut products,
                            from > 0,
                        );
                    }
                    for (i, sums) in sums.chunks_exact_mut(im2col.padded()).enumerate() {
                        let output = group * group_out + channel + i;
                        let at = (picture * outputs + output) * plane + first * out_w;
                        let epilogue = call.epilogue(weights.bias[output], at, rows * out_w);
                        // SAFETY: no other tile has these rows of this plane of the result.
                        let y = unsafe { out.uninit(at, rows * out_w) };
                        epilogue.rows(level, sums, im2col.width, out_w, y);
                    }
                });
            });
    };
    // SAFETY: the tiles (picture, group, rows, channels) cover the buffer, and `ChannelEpilogue::rows` writes all of
    // the rows it is given.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

/// Output channels of a tile. A small map is rather cut into channels than into rows: a few rows of it
/// would leave most of a panel empty, and every tile would read the same weights.
fn tile_channels(maps: usize, group_out: usize, pixels: usize) -> usize {
    let bands = pixels.div_ceil(SUMS / group_out.min(CHANNELS));
    let blocks = TILES.div_ceil(maps * bands);
    group_out
        .div_ceil(blocks)
        .next_multiple_of(FEWEST_CHANNELS)
        .min(CHANNELS)
}
