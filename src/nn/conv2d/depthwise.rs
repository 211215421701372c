//! Depthwise convolutions: every channel sees only itself.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::im2col::{Im2col, Limits};
use super::{Call, ChannelEpilogue, Geometry, Padding, Weights};
use crate::nn::buffer;
use crate::simd::{Isa, Level, Mask, Vector, per_isa};

/// Sums of a tile.
const SUMS: usize = 16 * 1024;
/// Tiles there should be at least, so that many cores have work.
const TILES: usize = 16;
/// Sums that are computed at a time, in registers.
const LANES: usize = 64;
/// Lanes of the widest vector.
const MAX_LANES: usize = 16;

pub(super) fn run(call: &Call<'_>, weights: &Weights) -> Vec<f32> {
    let (geometry, config) = (&call.geometry, call.config);
    let plain = (config.stride, config.dilation, config.relu_input) == (1, 1, false);
    match (geometry.kernel_h, geometry.kernel_w) {
        (3, 3) if plain => direct(call, weights, band3),
        (5, 5) if plain => direct(call, weights, band5),
        _ => copied(call, weights),
    }
}

/// By way of a padded copy of the input: every kernel.
fn copied(call: &Call<'_>, weights: &Weights) -> Vec<f32> {
    let Geometry {
        batch,
        outputs,
        h,
        w,
        out_h,
        out_w,
        ..
    } = call.geometry;
    let limits = Limits {
        columns: SUMS,
        bands: TILES.div_ceil(batch * outputs),
        copied: 0,
        panel: LANES,
    };
    let im2col = Im2col::new(call, limits);
    let plane = out_h * out_w;
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(plane)
            .enumerate()
            .flat_map(|(i, out)| {
                out.par_chunks_mut(im2col.rows * out_w)
                    .enumerate()
                    .map(move |band| (i, band))
            })
            .for_each(|(i, (band, out))| {
                let (channel, first, rows) = (i % outputs, band * im2col.rows, out.len() / out_w);
                let taps = &weights.kernel[channel * im2col.taps..][..im2col.taps];
                let epilogue = call.epilogue(weights.bias[channel], i * plane + first * out_w, out.len());
                buffer::scratch(im2col.copied() + im2col.padded(), |scratch| {
                    let (copied, sums) = scratch.split_at_mut(im2col.copied());
                    im2col.copy(call, &call.x[i * h * w..][..h * w], first, rows, copied);
                    let sums = &mut sums[..((rows - 1) * im2col.width + out_w).next_multiple_of(LANES)];
                    slide(call.level, copied, &im2col.places, taps, sums);
                    epilogue.rows(call.level, sums, im2col.width, out_w, out);
                });
            });
    };
    // SAFETY: the chunks cover the buffer, and `ChannelEpilogue::rows` writes all of a chunk.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

per_isa! {
    /// The sums over all taps of the runs of `copied` that begin at `places`.
    fn slide<I>(isa: I, copied: &[f32], places: &[usize], taps: &[f32], sums: &mut [f32]) {
        for (i, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let mut lanes = [0f32; LANES];
            for (place, tap) in places.iter().zip(taps) {
                if let Some(from) = copied[place + i * LANES..].first_chunk::<LANES>() {
                    for (lane, from) in lanes.iter_mut().zip(from) {
                        *lane = isa.mul_add(*tap, *from, *lane);
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
    map: Map<'a>,
    padding: Padding,
    /// The kernel, row by row.
    taps: &'a [f32],
    epilogue: ChannelEpilogue<'a>,
}

/// The rows of a map, whose size was checked once.
#[derive(Clone, Copy)]
struct Map<'a> {
    x: &'a [f32],
    h: usize,
    w: usize,
}

impl<'a> Map<'a> {
    fn new(x: &'a [f32], h: usize, w: usize) -> Self {
        assert!(h.checked_mul(w) == Some(x.len()));
        Self { x, h, w }
    }

    /// Row `y`, if it is inside the map.
    #[inline(always)]
    fn row(self, y: usize) -> Option<&'a [f32]> {
        // SAFETY: of the `h` rows of `w` elements that `x` has, as was checked when this was made.
        (y < self.h).then(|| unsafe { self.x.get_unchecked(y * self.w..(y + 1) * self.w) })
    }
}

/// Computes the output rows of a channel from `first` on, `width` wide, and writes all of `out`.
type Band = fn(level: Level, channel: Channel<'_>, first: usize, width: usize, out: &mut [MaybeUninit<f32>]);

/// From the input as it lies, with stride 1: every pixel that is loaded serves all the kernel's rows at once.
fn direct(call: &Call<'_>, weights: &Weights, band: Band) -> Vec<f32> {
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
    } = call.geometry;
    let taps = kernel_h * kernel_w;
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
                    map: Map::new(&call.x[i * h * w..][..h * w], h, w),
                    padding: call.config.padding,
                    taps: &weights.kernel[number * taps..][..taps],
                    epilogue: call.epilogue(weights.bias[number], i * plane + first * out_w, out.len()),
                };
                band(call.level, channel, first, out_w, out);
            });
    };
    // SAFETY: the chunks cover the buffer, and a `Band` writes all of a chunk.
    unsafe { buffer::filled(batch * outputs * plane, fill) }
}

per_isa! {
    fn band3<I>(isa: I, channel: Channel<'_>, first: usize, width: usize, out: &mut [MaybeUninit<f32>]) {
        rows::<I, 3>(isa, channel, first, width, out);
    }
}
per_isa! {
    fn band5<I>(isa: I, channel: Channel<'_>, first: usize, width: usize, out: &mut [MaybeUninit<f32>]) {
        rows::<I, 5>(isa, channel, first, width, out);
    }
}

/// A [`Band`] for kernels of `K` x `K`.
#[inline(always)]
fn rows<I: Isa, const K: usize>(
    isa: I,
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
                4.. => patch::<I, K, 4>(isa, &channel, &taps, at, width, out),
                2..4 => patch::<I, K, 2>(isa, &channel, &taps, at, width, out),
                _ => patch::<I, K, 1>(isa, &channel, &taps, at, width, out),
            };
        }
    }
}

/// `R` rows of `out` from `row` on, which are the output rows from `y` on, and a vector of columns from
/// `column`; returns `R`.
#[inline(always)]
fn patch<I: Isa, const K: usize, const R: usize>(
    isa: I,
    channel: &Channel<'_>,
    taps: &[[f32; K]; K],
    (row, y, column): (usize, usize, usize),
    width: usize,
    out: &mut [MaybeUninit<f32>],
) -> usize {
    let &Channel {
        map,
        padding,
        ref epilogue,
        ..
    } = channel;
    let left = column as isize - padding.left as isize;
    let masks: [_; K] = std::array::from_fn(|i| isa.mask(left + i as isize, map.w));
    let mut sums = [isa.splat(0.0); R];
    // Written out, so that which taps meet which rows is known when this is compiled.
    macro_rules! source_rows {
        ($($i:literal)*) => {$(
            if $i < R + K - 1 && let Some(source) = map.row((y + $i).wrapping_sub(padding.top)) {
                source_row::<I, K, R, $i>(isa, source, &masks, taps, &mut sums);
            }
        )*};
    }
    source_rows!(0 1 2 3 4 5 6 7);
    let columns = (width - column).min(I::V::LANES);
    let clamp = epilogue
        .activation
        .clamp()
        .filter(|_| epilogue.residual.is_none());
    for (r, sum) in sums.into_iter().enumerate() {
        let at = (row + r) * width + column;
        let out = &mut out[at..][..columns];
        if let Some((least, largest)) = clamp {
            let sum = sum.add(isa.splat(epilogue.bias));
            sum.clamp(least, largest).store_partial(out);
        } else {
            let mut line = [0f32; MAX_LANES];
            sum.store(&mut line);
            epilogue.apply(isa, &mut line[..columns], at);
            isa.load(&line).store_partial(out);
        }
    }
    R
}

/// Adds what row `S` of those that `R` output rows see contributes to each of them.
#[inline(always)]
fn source_row<I: Isa, const K: usize, const R: usize, const S: usize>(
    isa: I,
    source: &[f32],
    masks: &[Mask<I::Lanes>; K],
    taps: &[[f32; K]; K],
    sums: &mut [I::V; R],
) {
    for (j, mask) in masks.iter().enumerate() {
        let pixels = isa.load_masked(source, mask);
        for (r, sum) in sums.iter_mut().enumerate() {
            if r <= S && S - r < K {
                *sum = isa.splat(taps[S - r][j]).mul_add(pixels, *sum);
            }
        }
    }
}
