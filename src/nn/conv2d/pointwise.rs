//! 1x1 convolutions: one matrix product whose columns are the pixels.
//!
//! The map is the right matrix as it lies. Only the last few pixels of a
//! picture, fewer than a vector has lanes, are copied to where a whole vector
//! may be read.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Conv2dConfig, Finish, Geometry, Weights};
use crate::nn::buffer::{self, Shared};
use crate::nn::kernel::{self, Left, Rows, Strips, Target, lanes, multiply_and_finish, strip_width};
use crate::nn::simd::{Level, per_isa};

/// Elements of a task's input, as far as one strip allows: what a second cache holds.
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
        && config.padding == super::Padding::default()
        && !config.relu_input
}

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
        ..
    } = *geometry;
    let (plane, width) = (h * w, strip_width(level));
    let whole = plane - plane % lanes(level);
    let rests = Rests::new(x, (batch, plane, whole), lanes(level));
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
            let left = Left {
                data: &weights.kernel[channel * weights.row..][..count * weights.row],
                row: weights.row,
            };
            let at = (picture * outputs + channel) * plane;
            let product = |from: usize, to: usize, right: Strips<'_>| {
                let target = Target {
                    start: out.at(at + from, (count - 1) * plane + to - from),
                    row: plane,
                };
                let finish = config.activation.clamp().map(|clamp| kernel::Finish {
                    bias: &weights.bias[channel..][..count],
                    residual: residual.map(|residual| Left {
                        data: &residual[at + from..],
                        row: plane,
                    }),
                    clamp,
                });
                let size = (count, inputs, to - from);
                // SAFETY: no other task has these channels of these pixels.
                unsafe { multiply_and_finish(level, size, left, right, target, false, finish) };
            };
            if first < whole {
                let data = &x[picture * inputs * plane + first..];
                let rows = Rows::Every(plane);
                product(
                    first,
                    last.min(whole),
                    Strips {
                        data,
                        strip: width,
                        rows,
                    },
                );
            }
            if last > whole {
                product(whole, plane, rests.of(picture));
            }
            if config.activation.clamp().is_some() {
                return;
            }
            for channel in channel..channel + count {
                let at = (picture * outputs + channel) * plane + first;
                let finish = Finish {
                    bias: weights.bias[channel],
                    residual: residual.map(|residual| &residual[at..][..last - first]),
                    activation: config.activation,
                };
                // SAFETY: as above, and the products have written them.
                finish_row(level, finish, unsafe { out.slice(at, last - first) });
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

    fn of(&self, picture: usize) -> Strips<'_> {
        Strips {
            data: &self.data[picture * self.picture..][..self.picture],
            strip: self.lanes,
            rows: Rows::Every(self.lanes),
        }
    }
}

per_isa! {
    fn finish_row<I>(finish: Finish<'_>, row: &mut [f32]) {
        finish.apply::<I>(row, 0);
    }
}
