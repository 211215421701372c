//! Winograd convolution F(m, r) with m = 4 and r = 3: 3x3 convolutions of stride
//! 1 with a quarter of the multiplications (Lavin and Gray 2016).
//!
//! F(4x4, 3x3): 4x4 output pixels are computed from 6x6 input pixels. Inputs
//! and weights are evaluated as polynomials at six points in each direction,
//! multiplied there channel by channel, and interpolated. The points 0,
//! +-1/sqrt 2, +-sqrt 2 and infinity keep the rounding error within three
//! times that of the plain sum; the customary 0, +-1, +-2 make it ten times.
//!
//! Under a dilated kernel the pixels fall into phases that never meet; the
//! tiles of a phase take every so many-th pixel in each direction.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Call, ChannelEpilogue, Conv2dConfig, Geometry};
use crate::nn::buffer::{self, Shared, Tile};
use crate::nn::gemm::{Matrix, Panels, Rows, gemm, leading_dimension, panel_width};
use crate::simd::{Isa, Vector, per_isa};

/// Side of a tile's output, of its input, and of its kernel.
const OUT: usize = 4;
const IN: usize = 6;
const KERNEL: usize = 3;
/// Points at which the products are taken.
const POINTS: usize = IN * IN;
/// Elements of a task's scratch memory, as far as its channels allow. Every task reads all weights,
/// so it is as large as seems decent; a cache need only hold what belongs to one point.
const SCRATCH: usize = 2 * 1024 * 1024;
/// The most vectors of tiles of a task.
const MOST: usize = 16;
/// The most pairs of channels whose weights may take four times the memory.
pub(in crate::nn) const MOST_WEIGHTS: usize = 256 * 512;
/// The widest dilation: the tiles of a row are transformed together, and the phases of a small map have
/// too few of them.
const MOST_DILATION: usize = 2;
/// Output channels of a task are a multiple of this: the rows a matrix product computes together.
const ROWS: usize = 12;
/// Tiles that are transformed at a time.
const LANES: usize = 16;
/// Elements between the scratch of two points beyond what they need. Were they a power of two apart,
/// they would all fall on the same few lines of the first cache; and the last group of a run is
/// transformed as if it were full, so its lanes without a tile need a place.
const GAP: usize = LANES;

/// The weights, evaluated at every point.
#[derive(Clone, Debug)]
pub(super) struct Transformed {
    /// `[POINTS, outputs, ld]`.
    kernel: Vec<f32>,
    /// The leading dimension: elements from one output channel's weights to the next's.
    ld: usize,
    bias: Vec<f32>,
}

impl Transformed {
    /// Whether this way pays for a convolution: there must be sums long and
    /// many enough to make up for the transforms, and few enough weights, as
    /// they take four times the memory.
    pub(super) fn suits(
        (outputs, inputs, h, w): (usize, usize, usize, usize),
        config: &Conv2dConfig,
    ) -> bool {
        (h, w) == (KERNEL, KERNEL)
            && (config.stride, config.groups) == (1, 1)
            && config.dilation <= MOST_DILATION
            && inputs >= 16
            && outputs >= 16
            && inputs * outputs <= MOST_WEIGHTS
    }

    /// The weight transform: evaluates `kernel` (`[outputs, inputs, 3, 3]`).
    pub(super) fn new(kernel: &[f32], bias: Vec<f32>) -> Self {
        let (a, b) = (FRAC_1_SQRT_2, SQRT_2);
        // At point p: (w0 + w1 p + w2 p^2) / product of the distances to the other points.
        let at = |p: f64, distances: f64| [1.0 / distances, p / distances, p * p / distances];
        let (near, far) = (2.0 * a * a * (a * a - b * b), 2.0 * b * b * (b * b - a * a));
        let points = [
            at(0.0, a * a * b * b),
            at(a, near),
            at(-a, near),
            at(b, far),
            at(-b, far),
            [0.0, 0.0, 1.0],
        ];
        let (outputs, taps) = (bias.len(), KERNEL * KERNEL);
        let inputs = kernel.len() / taps / outputs;
        let ld = leading_dimension(inputs);
        let mut evaluated = vec![0.0; POINTS * outputs * ld];
        for (pair, kernel) in kernel.chunks_exact(taps).enumerate() {
            let place = pair / inputs * ld + pair % inputs;
            for (i, down) in points.iter().enumerate() {
                for (j, across) in points.iter().enumerate() {
                    let mut sum = 0.0;
                    for (kernel, down) in kernel.chunks_exact(KERNEL).zip(down) {
                        for (kernel, across) in kernel.iter().zip(across) {
                            sum += f64::from(*kernel) * down * across;
                        }
                    }
                    evaluated[(i * IN + j) * outputs * ld + place] = sum as f32;
                }
            }
        }
        Self {
            kernel: evaluated,
            ld,
            bias,
        }
    }

    pub(super) fn run(&self, call: &Call<'_>) -> Vec<f32> {
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
        let level = call.level;
        let tiles = Tiles::new((out_h, out_w), call.config.dilation);
        let (width, lanes) = (panel_width(level), level.lanes());
        let threads = rayon::current_num_threads();
        // Tiles of a task, whole vectors of them; as many tasks for each thread.
        let most = (SCRATCH / (POINTS * (inputs + outputs)) / lanes).clamp(2, MOST) * lanes;
        let runs = (batch * tiles.count().div_ceil(most)).next_multiple_of(threads) / batch;
        let count = tiles.count().div_ceil(runs.max(1)).next_multiple_of(lanes);
        let runs = tiles.count().div_ceil(count);
        // A small map is cut into output channels, at the price of evaluating its tiles again.
        let blocks = threads.div_ceil(batch * runs).min(outputs.div_ceil(ROWS));
        let most_channels = outputs.div_ceil(blocks).next_multiple_of(ROWS);
        let blocks = outputs.div_ceil(most_channels);
        let plane = out_h * out_w;
        let fill = |out: &mut [MaybeUninit<f32>]| {
            let out = Shared::new(out);
            (0..batch * runs * blocks).into_par_iter().for_each(|task| {
                let (picture, task) = (task / (runs * blocks), task % (runs * blocks));
                let (first, output) = (task / blocks * count, task % blocks * most_channels);
                let channels = most_channels.min(outputs - output);
                let run = Run {
                    first,
                    last: (first + count).min(tiles.count()),
                    tiles,
                };
                // Whole vectors, so that no product has an edge.
                let columns = (run.last - first).next_multiple_of(lanes);
                let maps = &call.x[picture * inputs * h * w..][..inputs * h * w];
                let (value_step, product_step) = (inputs * count + GAP, channels * count + GAP);
                buffer::scratch(POINTS * (value_step + product_step), |scratch| {
                    let (values, products) = scratch.split_at_mut(POINTS * value_step);
                    for (channel, map) in maps.chunks_exact(h * w).enumerate() {
                        let values = &mut values[channel * count..];
                        transform_input(level, map, call, run, values, value_step);
                    }
                    for point in 0..POINTS {
                        let kernel = Matrix {
                            data: &self.kernel[(point * outputs + output) * self.ld..],
                            ld: self.ld,
                        };
                        let values = Panels {
                            data: &values[point * value_step..][..inputs * count],
                            panel: width,
                            rows: Rows::Every(count),
                        };
                        let products = &mut products[point * product_step..][..channels * count];
                        let mut products = Tile::new(products, (channels, columns), count);
                        gemm(level, inputs, kernel, values, &mut products, false);
                    }
                    for channel in 0..channels {
                        let at = (picture * outputs + output + channel) * plane;
                        let epilogue = call.epilogue(self.bias[output + channel], at, plane);
                        let products = &products[channel * count..];
                        let mut lines = [[0f32; OUT * LANES]; OUT];
                        for group in run.groups() {
                            let window = group.window(out_h, out_w);
                            transform_output(
                                level,
                                &products[group.place..],
                                product_step,
                                window,
                                epilogue,
                                &mut lines,
                            );
                            for (line, row) in lines.iter().zip(0..window.rows) {
                                let pixels = &line[..window.columns];
                                // SAFETY: a tile's pixels of a channel are one task's alone.
                                unsafe { out.write(at + window.row(row), window.step, pixels) };
                            }
                        }
                    }
                });
            });
        };
        // SAFETY: the runs of tiles cover every plane, and every pixel of a tile inside it is written.
        unsafe { buffer::filled(batch * outputs * plane, fill) }
    }
}

/// How a result is cut into tiles.
#[derive(Clone, Copy)]
struct Tiles {
    /// Pixels from one pixel of a tile to the next.
    step: usize,
    /// Phases (down, across) that have pixels.
    phases: (usize, usize),
    /// Tiles of a phase's columns and rows; the last phases may need fewer.
    down: usize,
    across: usize,
}

impl Tiles {
    fn new((h, w): (usize, usize), dilation: usize) -> Self {
        Self {
            step: dilation,
            phases: (dilation.min(h), dilation.min(w)),
            down: h.div_ceil(dilation).div_ceil(OUT),
            across: w.div_ceil(dilation).div_ceil(OUT),
        }
    }

    fn count(&self) -> usize {
        self.phases.0 * self.phases.1 * self.down * self.across
    }
}

/// Consecutive tiles of a map: phase by phase, row by row.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    last: usize,
    tiles: Tiles,
}

impl Run {
    /// The run in groups of at most [`LANES`] tiles in the same row.
    #[inline(always)]
    fn groups(self) -> impl Iterator<Item = Group> {
        let Tiles {
            step,
            phases,
            down,
            across,
        } = self.tiles;
        let mut next = self.first;
        std::iter::from_fn(move || {
            let tile = next;
            let (row, column) = (tile / across, tile % across);
            let (phase, row) = (row / down, row % down);
            let tiles = LANES.min(across - column).min(self.last - tile);
            next += tiles;
            (tiles > 0).then_some(Group {
                place: tile - self.first,
                y: row * OUT * step + phase / phases.1,
                x: column * OUT * step + phase % phases.1,
                step,
                tiles,
            })
        })
    }
}

/// Neighbouring tiles: their place in the run, and the first pixel of their output.
#[derive(Clone, Copy)]
struct Group {
    place: usize,
    y: usize,
    x: usize,
    /// Pixels from one pixel of a tile to the next.
    step: usize,
    tiles: usize,
}

impl Group {
    /// The output pixels of the group that lie inside a plane of `h` x `w`.
    fn window(&self, h: usize, w: usize) -> Window {
        let inside = |place: usize, side: usize| side.saturating_sub(place).div_ceil(self.step);
        let columns = (self.tiles * OUT).min(inside(self.x, w));
        Window {
            start: self.y * w + self.x,
            width: w * self.step,
            step: self.step,
            rows: if columns > 0 {
                OUT.min(inside(self.y, h))
            } else {
                0
            },
            columns,
        }
    }
}

/// Every so many-th pixel of a rectangle of a plane.
#[derive(Clone, Copy)]
struct Window {
    /// Its first pixel.
    start: usize,
    /// Elements from one of its rows to the next.
    width: usize,
    /// Elements from one of its columns to the next.
    step: usize,
    rows: usize,
    columns: usize,
}

impl Window {
    /// The first pixel of a row.
    fn row(&self, row: usize) -> usize {
        self.start + row * self.width
    }
}

per_isa! {
    /// The input transform: evaluates the tiles of one channel; point `p` of tile `t` goes to
    /// `out[p * step + t]`. Up to `LANES - 1` elements behind the last tile are overwritten.
    fn transform_input<I>(isa: I, map: &[f32], call: &Call<'_>, run: Run, out: &mut [f32], step: usize) {
        let Geometry { h, w, .. } = call.geometry;
        let Conv2dConfig { padding, relu_input, input_slope, .. } = *call.config;
        // By column, then row: what the second pass reads is together.
        let mut half = [[[0f32; LANES]; IN]; IN];
        // The pixels of one row, and room for the vectors that begin with the last tile's.
        let mut line = [0f32; OUT * (LANES + 1)];
        for Group { place, y, x, step: dilation, tiles } in run.groups() {
            // Elements of the line that lie inside the map.
            let most = tiles * OUT + IN - OUT;
            let before = |column: usize| column.saturating_sub(x).div_ceil(dilation).min(most);
            let inside = before(padding.left)..before(padding.left + w);
            line.fill(0.0);
            for i in 0..IN {
                let y = (y + i * dilation).wrapping_sub(padding.top);
                if y >= h || inside.is_empty() {
                    half.iter_mut().for_each(|half| half[i] = [0.0; LANES]);
                    continue;
                }
                let from = &map[y * w..][..w][x + inside.start * dilation - padding.left..];
                let to = &mut line[inside.clone()];
                let rectified = |from: f32| if relu_input { from.max(input_slope * from) } else { from };
                if dilation == 1 {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = rectified(*from);
                    }
                } else {
                    for (to, from) in to.iter_mut().zip(from.iter().step_by(dilation)) {
                        *to = rectified(*from);
                    }
                }
                for first in (0..LANES).step_by(I::V::LANES) {
                    let [x0, x1, x2, x3] = isa.deinterleave4(&line[first * OUT..]);
                    let [x4, x5, _, _] = isa.deinterleave4(&line[(first + 1) * OUT..]);
                    for (half, y) in half.iter_mut().zip(at_points(isa, [x0, x1, x2, x3, x4, x5])) {
                        y.store(&mut half[i][first..]);
                    }
                }
            }
            for (j, half) in half.iter().enumerate() {
                for first in (0..LANES).step_by(I::V::LANES) {
                    let at = |i: usize| isa.load(&half[i][first..]);
                    let y = at_points(isa, [at(0), at(1), at(2), at(3), at(4), at(5)]);
                    for (i, y) in y.into_iter().enumerate() {
                        y.store(&mut out[(i * IN + j) * step + place + first..]);
                    }
                }
            }
        }
    }
}

/// Six pixels of a row or column as a polynomial's coefficients, to its values for the product with
/// the weights at the six points (the transpose of interpolation).
#[inline(always)]
fn at_points<I: Isa>(isa: I, [x0, x1, x2, x3, x4, x5]: [I::V; IN]) -> [I::V; IN] {
    const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const B: f32 = std::f32::consts::SQRT_2;
    // A B = 1, A^2 = 1/2, B^2 = 2, A^2 + B^2 = 5/2.
    let (a, b, minus_a, minus_b) = (isa.splat(A), isa.splat(B), isa.splat(-A), isa.splat(-B));
    let outer = isa.splat(-2.5);
    let (even_a, odd_a) = (isa.splat(-2.0).mul_add(x2, x4), a.mul_add(x3, minus_b.mul(x1)));
    let (even_b, odd_b) = (isa.splat(-0.5).mul_add(x2, x4), b.mul_add(x3, minus_a.mul(x1)));
    [
        outer.mul_add(x2, x0.add(x4)),
        even_a.add(odd_a),
        even_a.sub(odd_a),
        even_b.add(odd_b),
        even_b.sub(odd_b),
        outer.mul_add(x3, x1.add(x5)),
    ]
}

/// The products at the six points to the four sums.
#[inline(always)]
fn from_points<I: Isa>(isa: I, [m0, m1, m2, m3, m4, m5]: [I::V; IN]) -> [I::V; OUT] {
    const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const B: f32 = std::f32::consts::SQRT_2;
    let (even_a, odd_a) = (m1.add(m2), m1.sub(m2));
    let (even_b, odd_b) = (m3.add(m4), m3.sub(m4));
    [
        m0.add(even_a).add(even_b),
        isa.splat(A).mul_add(odd_a, isa.splat(B).mul(odd_b)),
        isa.splat(A * A).mul_add(even_a, isa.splat(B * B).mul(even_b)),
        isa.splat(A * A * A)
            .mul_add(odd_a, isa.splat(B * B * B).mul_add(odd_b, m5)),
    ]
}

per_isa! {
    /// The output transform: interpolates a group of tiles, whose products at point `p` begin at
    /// `products[p * step]`, and finishes their pixels, of which `window` says which are needed.
    fn transform_output<I>(
        isa: I, products: &[f32], step: usize, window: Window, epilogue: ChannelEpilogue<'_>,
        lines: &mut [[f32; OUT * LANES]; OUT],
    ) {
        // By row, then column.
        let mut half = [[[0f32; LANES]; IN]; OUT];
        for j in 0..IN {
            let sources: [&[f32]; IN] = std::array::from_fn(|i| &products[(i * IN + j) * step..][..LANES]);
            for first in (0..LANES).step_by(I::V::LANES) {
                let at = |i: usize| isa.load(&sources[i][first..]);
                let y = from_points(isa, [at(0), at(1), at(2), at(3), at(4), at(5)]);
                for (half, y) in half.iter_mut().zip(y) {
                    y.store(&mut half[j][first..]);
                }
            }
        }
        for (i, (half, line)) in half.iter().zip(lines).enumerate().take(window.rows) {
            let mut sums = [[0f32; LANES]; OUT];
            for first in (0..LANES).step_by(I::V::LANES) {
                let at = |j: usize| isa.load(&half[j][first..]);
                let y = from_points(isa, [at(0), at(1), at(2), at(3), at(4), at(5)]);
                for (sums, y) in sums.iter_mut().zip(y) {
                    y.store(&mut sums[first..]);
                }
            }
            for t in 0..LANES {
                for j in 0..OUT {
                    line[t * OUT + j] = sums[j][t];
                }
            }
            let line = &mut line[..window.columns];
            match epilogue.residual {
                Some(residual) if window.step > 1 => {
                    for (sum, residual) in line.iter_mut().zip(residual[window.row(i)..].iter().step_by(window.step)) {
                        *sum += residual;
                    }
                    ChannelEpilogue { residual: None, ..epilogue }.apply(isa, line, 0);
                }
                _ => epilogue.apply(isa, line, window.row(i)),
            }
        }
    }
}
