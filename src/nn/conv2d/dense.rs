//! Convolutions that mix channels.
//!
//! A tile of output rows is one matrix product per block of input channels:
//! weights on the left, and on the right the pixels under each tap of the
//! kernel, which the [`Plan`] lays out.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::plan::{Limits, Plan};
use super::{Conv2dConfig, Finish, Geometry, Weights};
use crate::nn::buffer::{self, Shared};
use crate::nn::kernel::{Left, Rows, Strips, Target, multiply, strip_width};
use crate::nn::simd::Level;

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

pub(super) fn run(
    x: &[f32],
    weights: &Weights,
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
        ..
    } = *geometry;
    let groups = config.groups;
    let (group_in, group_out) = (inputs / groups, outputs / groups);
    let split = tile_channels(batch * groups, group_out, out_h * out_w);
    let blocks = group_out.div_ceil(split);
    let limits = Limits {
        columns: SUMS / group_out.min(split),
        bands: TILES.div_ceil(batch * groups * blocks),
        copied: COPIED,
        strip: strip_width(level),
    };
    let plan = Plan::new(geometry, config, limits);
    let bands = out_h.div_ceil(plan.rows);
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..batch * groups * bands * blocks)
            .into_par_iter()
            .for_each(|tile| {
                let (picture, tile) = (tile / (groups * bands * blocks), tile % (groups * bands * blocks));
                let (group, tile) = (tile / (bands * blocks), tile % (bands * blocks));
                let (first, channel) = (tile / blocks * plan.rows, tile % blocks * split);
                let rows = plan.rows.min(out_h - first);
                let channels = split.min(group_out - channel);
                buffer::scratch(plan.copied() + channels * plan.padded(), |scratch| {
                    let (copied, sums) = scratch.split_at_mut(plan.copied());
                    let columns = (rows - 1) * plan.width + out_w;
                    let target = Target {
                        start: sums.as_mut_ptr(),
                        row: plan.padded(),
                    };
                    for from in (0..group_in).step_by(plan.channels) {
                        let count = plan.channels.min(group_in - from);
                        let planes =
                            &x[(picture * inputs + group * group_in + from) * h * w..][..count * h * w];
                        plan.copy(planes, first, rows, geometry, config, copied);
                        let start = (group * group_out + channel) * weights.row + from * plan.taps;
                        let left = Left {
                            data: &weights.kernel[start..],
                            row: weights.row,
                        };
                        let rows = Rows::At(&plan.places);
                        let right = Strips {
                            data: copied,
                            strip: plan.strip,
                            rows,
                        };
                        let size = (channels, count * plan.taps, columns);
                        // SAFETY: the sums are this task's own and hold `channels` rows of `padded` elements,
                        // of which `columns` are the first.
                        unsafe { multiply(level, size, left, right, target, from > 0) };
                    }
                    for (i, sums) in sums.chunks_exact_mut(plan.padded()).enumerate() {
                        let output = group * group_out + channel + i;
                        let at = (picture * outputs + output) * plane + first * out_w;
                        let finish = Finish {
                            bias: weights.bias[output],
                            residual: residual.map(|residual| &residual[at..][..rows * out_w]),
                            activation: config.activation,
                        };
                        // SAFETY: no other tile has these rows of this plane of the result.
                        let y = unsafe { out.uninit(at, rows * out_w) };
                        finish.rows(level, sums, plan.width, out_w, y);
                    }
                });
            });
    };
    // SAFETY: the tiles (picture, group, rows, channels) cover the buffer, and `Finish::rows` writes all of
    // the rows it is given.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

/// Output channels of a tile. A small map is rather cut into channels than into rows: a few rows of it
/// would leave most of a strip empty, and every tile would read the same weights.
fn tile_channels(maps: usize, group_out: usize, pixels: usize) -> usize {
    let bands = pixels.div_ceil(SUMS / group_out.min(CHANNELS));
    let blocks = TILES.div_ceil(maps * bands);
    group_out
        .div_ceil(blocks)
        .next_multiple_of(FEWEST_CHANNELS)
        .min(CHANNELS)
}
