//! Pointwise (1x1) convolutions: one GEMM whose columns are the pixels.
//!
//! The map is B as it lies. Only the last few pixels of a
//! picture, fewer than a vector has lanes, are copied to where a whole vector
//! may be read.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Call, ChannelEpilogue, Conv2dConfig, Geometry, Padding, Weights};
use crate::nn::buffer::{self, Shared};
use crate::nn::gemm::{Epilogue, Matrix, Panels, Rows, gemm_with_epilogue, panel_width};
use crate::simd::per_isa;

/// Elements of a task's input, as far as one panel allows: what a second cache holds.
const INPUT: usize = 64 * 1024;
/// The most pixels of a task.
const PIXELS: usize = 512;
/// Tasks there should be at least, so that many cores have work.
const TASKS: usize = 16;
/// Output channels of a task are a multiple of this: the rows a matrix product computes together.
const ROWS: usize = 12;

/// Whether a convolution is of this kind.
pub(super) fn suits((_, _, h, w): (usize, usize, usize, usize), config: &Conv2dConfig) -> bool {
    (h, w, config.stride, config.groups) == (1, 1, 1, 1)
        && config.padding == Padding::default()
        && !config.relu_input
}

pub(super) fn run(call: &Call<'_>, weights: &Weights) -> Vec<f32> {
    let (level, x) = (call.level, call.x);
    let Geometry {
        batch,
        inputs,
        outputs,
        h,
        w,
        ..
    } = call.geometry;
    let (plane, width, lanes) = (h * w, panel_width(level), level.lanes());
    let whole = plane - plane % lanes;
    let rests = Rests::new(x, (batch, plane, whole), lanes);
    let columns = (INPUT / inputs / width).clamp(1, PIXELS / width) * width;
    let tiles = plane.div_ceil(columns);
    let blocks = TASKS.div_ceil(batch * tiles).min(outputs.div_ceil(ROWS));
    let channels = outputs.div_ceil(blocks).next_multiple_of(ROWS);
    let blocks = outputs.div_ceil(channels);
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..batch * tiles * blocks).into_par_iter().for_each(|task| {
            let (picture, task) = (task / (tiles * blocks), task % (tiles * blocks));
            let (first, channel) = (task / blocks * columns, task % blocks * channels);
            let (last, count) = ((first + columns).min(plane), channels.min(outputs - channel));
            let kernel = Matrix {
                data: &weights.kernel[channel * weights.ld..][..count * weights.ld],
                ld: weights.ld,
            };
            let product = |from: usize, to: usize, pixels: Panels<'_>| {
                let at = (picture * outputs + channel) * plane + from;
                // SAFETY: no other task has these channels of these pixels.
                let mut y = unsafe { out.tile(at, (count, to - from), plane) };
                let epilogue = call.config.activation.clamp().map(|clamp| Epilogue {
                    bias: &weights.bias[channel..][..count],
                    residual: call.residual.map(|residual| Matrix {
                        data: &residual[at..],
                        ld: plane,
                    }),
                    clamp,
                });
                gemm_with_epilogue(level, inputs, kernel, pixels, &mut y, epilogue);
                if epilogue.is_none() {
                    for i in 0..count {
                        let epilogue = call.epilogue(weights.bias[channel + i], at + i * plane, to - from);
                        epilogue_of_row(level, epilogue, y.row(i));
                    }
                }
            };
            if first < whole {
                let pixels = Panels {
                    data: &x[picture * inputs * plane + first..],
                    panel: width,
                    rows: Rows::Every(plane),
                };
                product(first, last.min(whole), pixels);
            }
            if last > whole {
                product(whole, plane, rests.of(picture));
            }
        });
    };
    // SAFETY: the tasks cover every picture's channels and pixels, and the products write them all.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

/// The pixels behind the last whole vector of every plane, each plane's in a vector of their own.
struct Rests {
    data: Vec<f32>,
    lanes: usize,
    /// Elements of a picture.
    picture: usize,
}

impl Rests {
    fn new(x: &[f32], (batch, plane, whole): (usize, usize, usize), lanes: usize) -> Self {
        let planes = if whole == plane { 0 } else { x.len() / plane };
        let mut data = vec![0.0; planes * lanes];
        for (rest, x) in data.chunks_exact_mut(lanes).zip(x.chunks_exact(plane)) {
            rest[..plane - whole].copy_from_slice(&x[whole..]);
        }
        let picture = data.len() / batch;
        Self { data, lanes, picture }
    }

    fn of(&self, picture: usize) -> Panels<'_> {
        Panels {
            data: &self.data[picture * self.picture..][..self.picture],
            panel: self.lanes,
            rows: Rows::Every(self.lanes),
        }
    }
}

per_isa! {
    fn epilogue_of_row<I>(isa: I, epilogue: ChannelEpilogue<'_>, row: &mut [f32]) {
        epilogue.apply(isa, row, 0);
    }
}
