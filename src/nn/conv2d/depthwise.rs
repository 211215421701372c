//! Convolutions in which every channel sees only itself.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::plan::{Limits, Plan};
use super::{Conv2dConfig, Finish, Geometry, Weights};
use crate::nn::buffer;
use crate::nn::simd::{Level, per_isa};

/// Sums of a tile.
const SUMS: usize = 16 * 1024;
/// Tiles there should be at least, so that many cores have work.
const TILES: usize = 16;
/// Sums that are computed at a time, in registers.
const LANES: usize = 64;

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
        outputs,
        h,
        w,
        out_h,
        out_w,
        ..
    } = *geometry;
    let bands = TILES.div_ceil(batch * outputs);
    let plan = Plan::new(
        geometry,
        config,
        Limits {
            columns: SUMS,
            bands,
            copied: 0,
            strip: LANES,
        },
    );
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(plane)
            .enumerate()
            .flat_map(|(i, out)| {
                out.par_chunks_mut(plan.rows * out_w)
                    .enumerate()
                    .map(move |band| (i, band))
            })
            .for_each(|(i, (band, out))| {
                let (channel, first, rows) = (i % outputs, band * plan.rows, out.len() / out_w);
                let taps = &weights.kernel[channel * plan.taps..][..plan.taps];
                let finish = Finish {
                    bias: weights.bias[channel],
                    residual: residual.map(|r| &r[i * plane + first * out_w..][..out.len()]),
                    activation: config.activation,
                };
                buffer::scratch(plan.copied() + plan.padded(), |scratch| {
                    let (copied, sums) = scratch.split_at_mut(plan.copied());
                    plan.copy(&x[i * h * w..][..h * w], first, rows, geometry, config, copied);
                    let sums = &mut sums[..((rows - 1) * plan.width + out_w).next_multiple_of(LANES)];
                    slide(level, copied, &plan.places, taps, sums);
                    finish.rows(level, sums, plan.width, out_w, out);
                });
            });
    };
    // SAFETY: the chunks cover the buffer, and `Finish::rows` writes all of a chunk.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

per_isa! {
    /// The sums over all taps of the runs of `copied` that begin at `places`.
    fn slide<I>(copied: &[f32], places: &[usize], taps: &[f32], sums: &mut [f32]) {
        for (i, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let mut lanes = [0f32; LANES];
            for (place, tap) in places.iter().zip(taps) {
                if let Some(from) = copied[place + i * LANES..].first_chunk::<LANES>() {
                    for (lane, from) in lanes.iter_mut().zip(from) {
                        *lane = I::mul_add(*tap, *from, *lane);
                    }
                }
            }
            *sums = lanes;
        }
    }
}
