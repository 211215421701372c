//! 3x3 convolutions of stride 1 with a quarter of the multiplications
//! (Lavin and Gray 2016).
//!
//! F(4x4, 3x3): 4x4 output pixels are computed from 6x6 input pixels. Inputs
//! and weights are evaluated as polynomials at six points in each direction,
//! multiplied there channel by channel, and interpolated. The points 0,
//! +-1/sqrt 2, +-sqrt 2 and infinity keep the rounding error within three
//! times that of the plain sum; the customary 0, +-1, +-2 make it ten times.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Conv2dConfig, Finish, Geometry};
use crate::nn::buffer::{self, Shared};
use crate::nn::kernel::{Left, Rows, Strips, Target, multiply, strip_width};
use crate::nn::simd::{Isa, Level, per_isa};

/// Side of a tile's output, of its input, and of its kernel.
const OUT: usize = 4;
const IN: usize = 6;
const KERNEL: usize = 3;
/// Points at which the products are taken.
const POINTS: usize = IN * IN;
/// Output channels of a task.
const CHANNELS: usize = 128;
/// Elements of a task's scratch memory, as far as its channels allow: what a second cache holds.
const SCRATCH: usize = 160 * 1024;
/// Tiles that are transformed at a time.
const LANES: usize = 16;
type Lane = [f32; LANES];

/// The weights, evaluated at every point.
#[derive(Clone, Debug)]
pub(super) struct Transformed {
    /// `[POINTS, outputs, inputs]`.
    kernel: Vec<f32>,
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
            && (config.stride, config.dilation, config.groups) == (1, 1, 1)
            && inputs >= 16
            && outputs >= 16
            && inputs * outputs <= 256 * 256
    }

    /// Evaluates `kernel` (`[outputs, inputs, 3, 3]`).
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
        let pairs = kernel.len() / (KERNEL * KERNEL);
        let mut evaluated = vec![0.0; POINTS * pairs];
        for (pair, kernel) in kernel.chunks_exact(KERNEL * KERNEL).enumerate() {
            for (i, row) in points.iter().enumerate() {
                for (j, column) in points.iter().enumerate() {
                    let mut sum = 0.0;
                    for (kernel, row) in kernel.chunks_exact(KERNEL).zip(row) {
                        for (kernel, column) in kernel.iter().zip(column) {
                            sum += f64::from(*kernel) * row * column;
                        }
                    }
                    evaluated[(i * IN + j) * pairs + pair] = sum as f32;
                }
            }
        }
        Self {
            kernel: evaluated,
            bias,
        }
    }

    pub(super) fn run(
        &self,
        x: &[f32],
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
        let (down, across) = (out_h.div_ceil(OUT), out_w.div_ceil(OUT));
        let width = strip_width(level);
        let blocks = outputs.div_ceil(CHANNELS);
        // Tiles of a task, whole strips of them.
        let count = (SCRATCH / (POINTS * (inputs + outputs.min(CHANNELS))) / width).clamp(1, 4) * width;
        let runs = (down * across).div_ceil(count);
        let plane = out_h * out_w;
        let fill = |out: &mut [MaybeUninit<f32>]| {
            let out = Shared::new(out);
            (0..batch * runs * blocks).into_par_iter().for_each(|task| {
                let (picture, task) = (task / (runs * blocks), task % (runs * blocks));
                let (first, output) = (task / blocks * count, task % blocks * CHANNELS);
                let channels = CHANNELS.min(outputs - output);
                let run = Run {
                    first,
                    last: (first + count).min(down * across),
                    across,
                };
                let maps = &x[picture * inputs * h * w..][..inputs * h * w];
                buffer::scratch(POINTS * (inputs + channels) * count, |scratch| {
                    let (values, products) = scratch.split_at_mut(POINTS * inputs * count);
                    for (channel, map) in maps.chunks_exact(h * w).enumerate() {
                        let values = &mut values[channel * count..];
                        evaluate(level, map, geometry, config, run, values, inputs * count, count);
                    }
                    for point in 0..POINTS {
                        let start = (point * outputs + output) * inputs;
                        let left = Left {
                            data: &self.kernel[start..],
                            row: inputs,
                        };
                        let data = &values[point * inputs * count..][..inputs * count];
                        let right = Strips {
                            data,
                            strip: width,
                            rows: Rows::Every(count),
                        };
                        let products = &mut products[point * channels * count..][..channels * count];
                        let target = Target {
                            start: products.as_mut_ptr(),
                            row: count,
                        };
                        // SAFETY: the scratch memory is this task's own; the target has `channels` rows
                        // of `count` elements.
                        unsafe { multiply(level, (channels, inputs, count), left, right, target, false) };
                    }
                    for channel in 0..channels {
                        let at = (picture * outputs + output + channel) * plane;
                        let finish = Finish {
                            bias: self.bias[output + channel],
                            residual: residual.map(|residual| &residual[at..][..plane]),
                            activation: config.activation,
                        };
                        let products = &products[channel * count..];
                        let mut lines = [[0f32; OUT * LANES]; OUT];
                        for group in run.groups() {
                            let window = group.window(out_h, out_w);
                            interpolate(
                                level,
                                &products[group.place..],
                                channels * count,
                                window,
                                finish,
                                &mut lines,
                            );
                            for (line, row) in lines.iter().zip(0..window.rows) {
                                let to = out.at(at + window.start + row * out_w, window.columns);
                                // SAFETY: the pixels are inside the buffer, as `at` checks, and a tile's
                                // pixels of a channel are one task's alone.
                                unsafe { to.copy_from_nonoverlapping(line.as_ptr(), window.columns) };
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

/// Consecutive tiles of a map, row by row.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    last: usize,
    /// Tiles in a row of the map.
    across: usize,
}

impl Run {
    /// The run in groups of at most [`LANES`] tiles in the same row.
    #[inline(always)]
    fn groups(self) -> impl Iterator<Item = Group> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let tile = next;
            let (row, column) = (tile / self.across, tile % self.across);
            let tiles = LANES.min(self.across - column).min(self.last - tile);
            next += tiles;
            (tiles > 0).then_some(Group {
                place: tile - self.first,
                row,
                column,
                tiles,
            })
        })
    }
}

/// Neighbouring tiles: their place in the run, and in the map's rows and columns of tiles.
#[derive(Clone, Copy)]
struct Group {
    place: usize,
    row: usize,
    column: usize,
    tiles: usize,
}

impl Group {
    /// The output pixels of the group that lie inside a plane of `h` x `w`.
    fn window(&self, h: usize, w: usize) -> Window {
        let (y, x) = (self.row * OUT, self.column * OUT);
        Window {
            start: y * w + x,
            width: w,
            rows: OUT.min(h - y),
            columns: (self.tiles * OUT).min(w - x),
        }
    }
}

/// A rectangle of a plane.
#[derive(Clone, Copy)]
struct Window {
    /// Its first pixel.
    start: usize,
    /// Pixels from one of its rows to the next.
    width: usize,
    rows: usize,
    columns: usize,
}

per_isa! {
    /// Evaluates the tiles of one channel: point `p` of tile `t` goes to `out[p * step + t]`, `t` below `count`.
    fn evaluate<I>(
        map: &[f32], geometry: &Geometry, config: &Conv2dConfig, run: Run, out: &mut [f32], step: usize,
        count: usize,
    ) {
        let Geometry { h, w, .. } = *geometry;
        let padding = config.padding;
        let mut line = [0f32; OUT * LANES + IN - OUT];
        for Group { place, row, column, tiles } in run.groups() {
            let mut half = [[[0f32; LANES]; IN]; IN];
            // Columns of the line that lie inside the map.
            let left = (column * OUT) as isize - padding.left as isize;
            let inside = (-left).clamp(0, line.len() as isize) as usize
                ..(w as isize - left).clamp(0, (tiles * OUT + IN - OUT) as isize) as usize;
            for (i, half) in half.iter_mut().enumerate() {
                let y = (row * OUT + i).wrapping_sub(padding.top);
                if y >= h || inside.is_empty() {
                    continue;
                }
                let from = &map[y * w + inside.start.wrapping_add_signed(left)..][..inside.len()];
                line[..inside.start].fill(0.0);
                line[inside.end..].fill(0.0);
                if config.relu_input {
                    for (to, from) in line[inside.clone()].iter_mut().zip(from) {
                        *to = from.max(0.0);
                    }
                } else {
                    for (to, from) in line[inside.clone()].iter_mut().zip(from) {
                        *to = *from;
                    }
                }
                let pixels: [Lane; IN] = std::array::from_fn(|j| std::array::from_fn(|t| line[t * OUT + j]));
                *half = at_points::<I>(&pixels);
            }
            for j in 0..IN {
                let column: [Lane; IN] = std::array::from_fn(|i| half[i][j]);
                for (i, values) in at_points::<I>(&column).iter().enumerate() {
                    let to = &mut out[(i * IN + j) * step + place..];
                    if place + LANES <= count {
                        to[..LANES].copy_from_slice(values);
                    } else {
                        to[..tiles].copy_from_slice(&values[..tiles]);
                    }
                }
            }
        }
    }
}

/// Six pixels of a row or column as a polynomial's coefficients, to its values for the product with
/// the weights at the six points (the transpose of interpolation).
#[inline(always)]
fn at_points<I: Isa>(x: &[Lane; IN]) -> [Lane; IN] {
    const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const B: f32 = std::f32::consts::SQRT_2;
    let mut y = [[0f32; LANES]; IN];
    for t in 0..LANES {
        let [x0, x1, x2, x3, x4, x5] = [x[0][t], x[1][t], x[2][t], x[3][t], x[4][t], x[5][t]];
        // With a b = 1: a b^2 = b, b a^2 = a; a^2 = 1/2, b^2 = 2, a^2 + b^2 = 5/2.
        let (even_a, odd_a) = (I::mul_add(-2.0, x2, x4), I::mul_add(A, x3, -B * x1));
        let (even_b, odd_b) = (I::mul_add(-0.5, x2, x4), I::mul_add(B, x3, -A * x1));
        y[0][t] = I::mul_add(-2.5, x2, x0 + x4);
        y[1][t] = even_a + odd_a;
        y[2][t] = even_a - odd_a;
        y[3][t] = even_b + odd_b;
        y[4][t] = even_b - odd_b;
        y[5][t] = I::mul_add(-2.5, x3, x1 + x5);
    }
    y
}

/// The products at the six points to the four sums.
#[inline(always)]
fn from_points<I: Isa>(m: &[Lane; IN]) -> [Lane; OUT] {
    const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const B: f32 = std::f32::consts::SQRT_2;
    let mut y = [[0f32; LANES]; OUT];
    for t in 0..LANES {
        let (even_a, odd_a) = (m[1][t] + m[2][t], m[1][t] - m[2][t]);
        let (even_b, odd_b) = (m[3][t] + m[4][t], m[3][t] - m[4][t]);
        y[0][t] = m[0][t] + even_a + even_b;
        y[1][t] = I::mul_add(A, odd_a, B * odd_b);
        y[2][t] = I::mul_add(0.5, even_a, 2.0 * even_b);
        y[3][t] = I::mul_add(A * A * A, odd_a, I::mul_add(B * B * B, odd_b, m[5][t]));
    }
    y
}

per_isa! {
    /// Interpolates a group of tiles, whose products at point `p` begin at `products[p * step]`, and
    /// finishes their pixels, of which `window` says which are needed.
    fn interpolate<I>(
        products: &[f32], step: usize, window: Window, finish: Finish<'_>,
        lines: &mut [[f32; OUT * LANES]; OUT],
    ) {
        let mut half = [[[0f32; LANES]; IN]; OUT];
        for j in 0..IN {
            let column: [Lane; IN] = std::array::from_fn(|i| {
                let from = &products[(i * IN + j) * step..];
                match from.first_chunk::<LANES>() {
                    Some(from) => *from,
                    None => std::array::from_fn(|t| from.get(t).copied().unwrap_or(0.0)),
                }
            });
            for (half, sums) in half.iter_mut().zip(from_points::<I>(&column)) {
                half[j] = sums;
            }
        }
        for (i, (half, line)) in half.iter().zip(lines).enumerate().take(window.rows) {
            let sums = from_points::<I>(half);
            for t in 0..LANES {
                for j in 0..OUT {
                    line[t * OUT + j] = sums[j][t];
                }
            }
            finish.apply::<I>(&mut line[..window.columns], window.start + i * window.width);
        }
    }
}
