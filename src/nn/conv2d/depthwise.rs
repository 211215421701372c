//! Convolutions in which every channel sees only itself.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::plan::{Limits, Plan};
use super::{Conv2dConfig, Finish, Geometry, Padding, Weights};
use crate::nn::buffer;
use crate::nn::simd::{Isa, Level, Vector, per_isa};

/// Sums of a tile.
const SUMS: usize = 16 * 1024;
/// Tiles there should be at least, so that many cores have work.
const TILES: usize = 16;
/// Sums that are computed at a time, in registers.
const LANES: usize = 64;
/// Lanes of the widest vector.
const MAX_LANES: usize = 16;

pub(super) fn run(
    x: &[f32],
    weights: &Weights,
    residual: Option<&[f32]>,
    geometry: &Geometry,
    config: &Conv2dConfig,
) -> Vec<f32> {
    let plain = (config.stride, config.dilation, config.relu_input) == (1, 1, false);
    match (geometry.kernel_h, geometry.kernel_w) {
        (3, 3) if plain => direct(x, weights, residual, geometry, config, band3),
        (5, 5) if plain => direct(x, weights, residual, geometry, config, band5),
        _ => copied(x, weights, residual, geometry, config),
    }
}

/// By way of a padded copy of the input: every kernel.
fn copied(
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

/// One channel of one picture.
#[derive(Clone, Copy)]
struct Channel<'a> {
    x: &'a [f32],
    h: usize,
    w: usize,
    padding: Padding,
    /// The kernel, row by row.
    taps: &'a [f32],
    finish: Finish<'a>,
}

/// Computes the output rows of a channel from `first` on, `width` wide, and writes all of `out`.
type Band = fn(level: Level, channel: Channel<'_>, first: usize, width: usize, out: &mut [MaybeUninit<f32>]);

/// From the input as it lies, with stride 1: every pixel that is loaded serves all the kernel's rows at once.
fn direct(
    x: &[f32],
    weights: &Weights,
    residual: Option<&[f32]>,
    geometry: &Geometry,
    config: &Conv2dConfig,
    band: Band,
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
    let taps = geometry.kernel_h * geometry.kernel_w;
    let rows = out_h.div_ceil(TILES.div_ceil(batch * outputs));
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(plane)
            .enumerate()
            .flat_map(|(i, out)| {
                out.par_chunks_mut(rows * out_w)
                    .enumerate()
                    .map(move |(number, out)| (i, number * rows, out))
            })
            .for_each(|(i, first, out)| {
                let number = i % outputs;
                let channel = Channel {
                    x: &x[i * h * w..][..h * w],
                    h,
                    w,
                    padding: config.padding,
                    taps: &weights.kernel[number * taps..][..taps],
                    finish: Finish {
                        bias: weights.bias[number],
                        residual: residual.map(|r| &r[i * plane + first * out_w..][..out.len()]),
                        activation: config.activation,
                    },
                };
                band(level, channel, first, out_w, out);
            });
    };
    // SAFETY: the chunks cover the buffer, and a `Band` writes all of a chunk.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

per_isa! {
    fn band3<I>(channel: Channel<'_>, first: usize, width: usize, out: &mut [MaybeUninit<f32>]) {
        rows::<I, 3>(channel, first, width, out);
    }
}
per_isa! {
    fn band5<I>(channel: Channel<'_>, first: usize, width: usize, out: &mut [MaybeUninit<f32>]) {
        rows::<I, 5>(channel, first, width, out);
    }
}

/// A [`Band`] for kernels of `K` x `K`.
#[inline(always)]
fn rows<I: Isa, const K: usize>(
    channel: Channel<'_>,
    first: usize,
    width: usize,
    out: &mut [MaybeUninit<f32>],
) {
    let taps: [[f32; K]; K] = std::array::from_fn(|y| std::array::from_fn(|x| channel.taps[y * K + x]));
    let rows = out.len() / width;
    for column in (0..width).step_by(I::V::LANES) {
        let mut row = 0;
        while row < rows {
            let at = (row, first + row, column);
            row += match rows - row {
                4.. => patch::<I, K, 4>(&channel, &taps, at, width, out),
                2..4 => patch::<I, K, 2>(&channel, &taps, at, width, out),
                _ => patch::<I, K, 1>(&channel, &taps, at, width, out),
            };
        }
    }
}

/// `R` rows of `out` from `row` on, which are the output rows from `y` on, and a vector of columns from
/// `column`; returns `R`.
#[inline(always)]
fn patch<I: Isa, const K: usize, const R: usize>(
    channel: &Channel<'_>,
    taps: &[[f32; K]; K],
    (row, y, column): (usize, usize, usize),
    width: usize,
    out: &mut [MaybeUninit<f32>],
) -> usize {
    let &Channel {
        x,
        h,
        w,
        padding,
        ref finish,
        ..
    } = channel;
    assert_eq!(x.len(), h * w);
    let left = column as isize - padding.left as isize;
    // SAFETY: an `Isa` is only used on processors that have it. Lanes are loaded from rows and columns
    // inside the map alone.
    let sums = unsafe {
        let masks: [_; K] = std::array::from_fn(|i| {
            let left = left + i as isize;
            I::V::lanes(-left, w as isize - left)
        });
        let from = x.as_ptr().wrapping_offset(left);
        let mut sums = [I::V::splat(0.0); R];
        // Written out, so that which taps meet which rows is known when this is compiled.
        macro_rules! source_rows {
            ($($i:literal)*) => {$(
                let source = (y + $i).wrapping_sub(padding.top);
                if $i < R + K - 1 && source < h {
                    source_row::<I::V, K, R, $i>(from.wrapping_add(source * w), &masks, taps, &mut sums);
                }
            )*};
        }
        source_rows!(0 1 2 3 4 5 6 7);
        sums
    };
    let columns = (width - column).min(I::V::LANES);
    let clamp = finish.activation.clamp().filter(|_| finish.residual.is_none());
    for (r, sum) in sums.into_iter().enumerate() {
        let at = (row + r) * width + column;
        let out = &mut out[at..][..columns];
        let to = out.as_mut_ptr().cast();
        // SAFETY: as above; the line holds a vector on every processor, and `out` has `columns` elements.
        unsafe {
            if let Some((least, largest)) = clamp {
                let sum = sum.add(I::V::splat(finish.bias));
                sum.at_least(least).at_most(largest).store_first(to, columns);
            } else {
                let mut line = [0f32; MAX_LANES];
                sum.store(line.as_mut_ptr());
                finish.apply::<I>(&mut line[..columns], at);
                I::V::load(line.as_ptr()).store_first(to, columns);
            }
        }
    }
    R
}

/// Adds what row `I` of those that `R` output rows see contributes to each of them.
///
/// # Safety
/// As [`Vector::load_lanes`], for the lanes of `masks[j]` from `from + j`.
#[inline(always)]
unsafe fn source_row<V: Vector, const K: usize, const R: usize, const I: usize>(
    from: *const f32,
    masks: &[V::Mask; K],
    taps: &[[f32; K]; K],
    sums: &mut [V; R],
) {
    for (j, mask) in masks.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let pixels = V::load_lanes(from.wrapping_add(j), *mask);
            for (r, sum) in sums.iter_mut().enumerate() {
                if r <= I && I - r < K {
                    *sum = V::splat(taps[I - r][j]).mul_add(pixels, *sum);
                }
            }
        }
    }
}
