//! Convolutions that mix channels.
//!
//! A tile of output rows is one matrix product per block of input channels:
//! weights on the left, and on the right the pixels under each tap of the
//! kernel. The latter are never written out tap by tap. The tile's input is
//! copied once, padded, with the pixels of each phase of the stride together;
//! then the pixels under a tap are a contiguous run of that copy, and the
//! product only needs to know where each run begins.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Conv2dConfig, Geometry, Weights};
use crate::nn::Activation;
use crate::nn::buffer::{self, Shared};
use crate::nn::kernel::{Left, Rows, Strips, Target, multiply, strip_width};
use crate::nn::simd::{Level, per_isa};

/// Output pixels of a tile.
const PIXELS: usize = 1024;
/// Output channels of a tile.
const CHANNELS: usize = 96;
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
    let plan = Plan::new(geometry, config, level);
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
    let blocks = group_out.div_ceil(CHANNELS);
    let bands = out_h.div_ceil(plan.rows);
    let depth = group_in * plan.taps.len();
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let out = Shared::new(out);
        (0..batch * groups * bands * blocks)
            .into_par_iter()
            .for_each_init(
                || {
                    (
                        vec![0f32; plan.copied()],
                        vec![0f32; CHANNELS.min(group_out) * plan.padded()],
                    )
                },
                |(copied, sums), tile| {
                    let (picture, tile) =
                        (tile / (groups * bands * blocks), tile % (groups * bands * blocks));
                    let (group, tile) = (tile / (bands * blocks), tile % (bands * blocks));
                    let (first, channel) = (tile / blocks * plan.rows, tile % blocks * CHANNELS);
                    let rows = plan.rows.min(out_h - first);
                    let channels = CHANNELS.min(group_out - channel);
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
                        let start = (group * group_out + channel) * depth + from * plan.taps.len();
                        let left = Left {
                            data: &weights.kernel[start..],
                            row: depth,
                        };
                        let right = Strips {
                            data: copied,
                            strip: strip_width(level),
                            rows: Rows::At(&plan.places),
                        };
                        let size = (channels, count * plan.taps.len(), columns);
                        // SAFETY: the sums are this task's own and hold `CHANNELS` rows of `padded` elements,
                        // of which `columns` are the first.
                        unsafe { multiply(level, size, left, right, target, from > 0) };
                    }
                    for (i, sums) in sums.chunks_exact_mut(plan.padded()).take(channels).enumerate() {
                        let output = group * group_out + channel + i;
                        let at = ((picture * outputs) + output) * plane + first * out_w;
                        // SAFETY: no other tile has these rows of these planes of the result.
                        let y = unsafe { out.uninit(at, rows * out_w) };
                        let residual = residual.map(|residual| &residual[at..][..rows * out_w]);
                        finish(
                            level,
                            sums,
                            plan.width,
                            out_w,
                            weights.bias[output],
                            residual,
                            config.activation,
                            y,
                        );
                    }
                },
            );
    };
    // SAFETY: the tiles (picture, group, rows, channels) cover the buffer, and `finish` writes all of
    // the rows it is given.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

/// How a convolution is cut into tiles, and how a tile's input is laid out.
struct Plan {
    /// Output rows of a tile.
    rows: usize,
    /// Input channels copied at a time.
    channels: usize,
    /// The kernel's taps.
    taps: Vec<Tap>,
    /// The phases of the stride that any tap needs.
    phases: Vec<(usize, usize)>,
    /// Pixels of a copied row: an output row and what the kernel sees beyond it.
    width: usize,
    /// Rows of a copied phase.
    height: usize,
    /// Where the run under each tap begins, channel by channel.
    places: Vec<usize>,
    /// Columns of a product beyond which a strip may reach.
    strip: usize,
}

/// Where a tap of the kernel lies: in which phase, and how many of its rows and columns in.
struct Tap {
    phase: (usize, usize),
    row: usize,
    column: usize,
}

impl Plan {
    fn new(geometry: &Geometry, config: &Conv2dConfig, level: Level) -> Self {
        let Geometry {
            batch,
            inputs,
            outputs,
            out_h,
            out_w,
            kernel_h,
            kernel_w,
            ..
        } = *geometry;
        let Conv2dConfig {
            stride,
            dilation,
            groups,
            ..
        } = *config;
        let taps: Vec<Tap> = (0..kernel_h)
            .flat_map(|y| (0..kernel_w).map(move |x| (y * dilation, x * dilation)))
            .map(|(y, x)| Tap {
                phase: (y % stride, x % stride),
                row: y / stride,
                column: x / stride,
            })
            .collect();
        let mut phases: Vec<_> = taps.iter().map(|tap| tap.phase).collect();
        phases.sort_unstable();
        phases.dedup();
        let width = out_w + taps.iter().map(|tap| tap.column).max().unwrap_or(0);
        let beyond = taps.iter().map(|tap| tap.row).max().unwrap_or(0);
        let others = batch * groups * (outputs / groups).div_ceil(CHANNELS);
        let rows = (PIXELS / width)
            .min(out_h.div_ceil(TILES.div_ceil(others)))
            .max(1);
        let height = rows + beyond;
        let channels = (COPIED / (phases.len() * width * height)).clamp(1, inputs / groups);
        let places = (0..channels)
            .flat_map(|channel| taps.iter().map(move |tap| (channel, tap)))
            .map(|(channel, tap)| {
                let phase = phases.binary_search(&tap.phase).unwrap_or(0);
                ((channel * phases.len() + phase) * height + tap.row) * width + tap.column
            })
            .collect();
        Self {
            rows,
            channels,
            taps,
            phases,
            width,
            height,
            places,
            strip: strip_width(level),
        }
    }

    /// Elements of a copied block of channels, and what the last strip may read beyond it.
    fn copied(&self) -> usize {
        self.channels * self.phases.len() * self.height * self.width + self.strip
    }

    /// Columns of a product, filled up to whole strips.
    fn padded(&self) -> usize {
        (self.rows * self.width).next_multiple_of(self.strip)
    }

    /// Copies what the output rows `first..first + rows` see of the planes `x`, zeros outside the map.
    fn copy(
        &self,
        x: &[f32],
        first: usize,
        rows: usize,
        geometry: &Geometry,
        config: &Conv2dConfig,
        copied: &mut [f32],
    ) {
        let Geometry { h, w, .. } = *geometry;
        let Conv2dConfig {
            stride,
            padding,
            relu_input,
            ..
        } = *config;
        let planes = copied.chunks_exact_mut(self.phases.len() * self.height * self.width);
        for (x, copied) in x.chunks_exact(h * w).zip(planes) {
            for (&(down, across), copied) in self
                .phases
                .iter()
                .zip(copied.chunks_exact_mut(self.height * self.width))
            {
                // Columns of this phase that lie inside the map.
                let column = |edge: usize| edge.saturating_sub(across).div_ceil(stride).min(self.width);
                let inside = column(padding.left)..column(w + padding.left);
                let used = self.height - self.rows + rows;
                for (row, to) in copied.chunks_exact_mut(self.width).take(used).enumerate() {
                    let y = ((first + row) * stride + down)
                        .checked_sub(padding.top)
                        .filter(|&y| y < h);
                    let Some(y) = y.filter(|_| !inside.is_empty()) else {
                        to.fill(0.0);
                        continue;
                    };
                    to[..inside.start].fill(0.0);
                    to[inside.end..].fill(0.0);
                    let to = &mut to[inside.clone()];
                    let from = &x[y * w..][..w][inside.start * stride + across - padding.left..];
                    if stride == 1 {
                        to.copy_from_slice(&from[..to.len()]);
                    } else {
                        to.iter_mut()
                            .zip(from.iter().step_by(stride))
                            .for_each(|(to, from)| *to = *from);
                    }
                    if relu_input {
                        to.iter_mut().for_each(|to| *to = to.max(0.0));
                    }
                }
            }
        }
    }
}

per_isa! {
    /// Adds what is added to the sums of one channel (rows of `width`), applies the activation and
    /// writes the rows of `out_w`, all of them.
    fn finish<I>(
        sums: &mut [f32], width: usize, out_w: usize, bias: f32, residual: Option<&[f32]>,
        activation: Activation, out: &mut [MaybeUninit<f32>],
    ) {
        for (row, (sums, out)) in sums.chunks_mut(width).zip(out.chunks_exact_mut(out_w)).enumerate() {
            let sums = &mut sums[..out_w];
            match residual {
                None => {
                    for sum in sums.iter_mut() {
                        *sum += bias;
                    }
                }
                Some(residual) => {
                    for (sum, residual) in sums.iter_mut().zip(&residual[row * out_w..]) {
                        *sum += bias + residual;
                    }
                }
            }
            activation.apply::<I>(sums);
            for (out, sum) in out.iter_mut().zip(sums.iter()) {
                out.write(*sum);
            }
        }
    }
}
