//! Bilinear resizing of feature maps.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::{buffer, fused};
use crate::simd::{Level, per_isa};
use crate::{Error, Result};

/// Output rows a task computes.
const ROWS: usize = 16;

/// Resizes `x` (`[B, C, H, W]`) to `size` (`(height, width)`) with PyTorch's
/// bilinear convention: `align_corners` puts the outermost sample points on
/// the outermost pixels' centres; without it pixels are areas with
/// half-integer centres. The border is replicated, nothing is low-passed.
///
/// # Errors
/// [`Error::Invalid`] if `x` is not `[B, C, H, W]` or a side is 0.
pub fn bilinear(x: &Tensor, size: (usize, usize), align_corners: bool) -> Result<Tensor> {
    resized(x, size, |input, output| taps(input, output, align_corners))
}

/// The same with circular padding: opposite borders of the map are neighbours. Pixels are areas
/// with half-integer centres, as nothing else makes the last of them as far
/// from the first as from the one before it.
///
/// # Errors
/// As [`bilinear`].
pub fn bilinear_circular(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    resized(x, size, circular_taps)
}

fn resized(x: &Tensor, size: (usize, usize), taps: impl Fn(usize, usize) -> Vec<Tap>) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    let (out_h, out_w) = size;
    if h == 0 || w == 0 || out_h == 0 || out_w == 0 {
        return Err(Error::invalid(format!(
            "a map of {w} x {h} cannot be resized to {out_w} x {out_h}; every side must be at least 1"
        )));
    }
    if (h, w) == size {
        return Ok(x.clone());
    }
    let (rows, columns) = (taps(h, out_h), taps(w, out_w));
    if fused::runs_on(x) {
        fused::unary("bilinear", x, (b, c, out_h, out_w), |x| {
            run(x, (h, w), &rows, &columns)
        })
    } else {
        let x = lerp(x, 2, &rows)?;
        lerp(&x, 3, &columns)
    }
}

/// Where one output sample lies: between input samples `low` and `high`, a fraction `t` from `low`.
#[derive(Clone, Copy)]
struct Tap {
    low: u32,
    high: u32,
    t: f32,
}

/// The coordinates are single-precision, as PyTorch's are: the networks were trained that way, and
/// exact ones move a prediction by more than all other rounding together.
fn taps(input: usize, output: usize, align_corners: bool) -> Vec<Tap> {
    let last = input - 1;
    let scale = match align_corners {
        true if output > 1 => last as f32 / (output - 1) as f32,
        true => 0.0,
        false => input as f32 / output as f32,
    };
    (0..output)
        .map(|i| {
            let at = match align_corners {
                true => scale * i as f32,
                false => (scale * (i as f32 + 0.5) - 0.5).max(0.0),
            };
            let low = (at as usize).min(last);
            Tap {
                low: low as u32,
                high: (low + 1).min(last) as u32,
                t: at - low as f32,
            }
        })
        .collect()
}

fn circular_taps(input: usize, output: usize) -> Vec<Tap> {
    let scale = input as f64 / output as f64;
    (0..output)
        .map(|i| {
            let at = scale * (i as f64 + 0.5) - 0.5;
            let low = (at.floor() as i64).rem_euclid(input as i64) as usize;
            Tap {
                low: low as u32,
                high: ((low + 1) % input) as u32,
                t: (at - at.floor()) as f32,
            }
        })
        .collect()
}

/// Stock operations: both neighbours gathered along `axis`, then blended.
fn lerp(x: &Tensor, axis: usize, taps: &[Tap]) -> Result<Tensor> {
    let device = x.device();
    let low: Vec<u32> = taps.iter().map(|tap| tap.low).collect();
    let high: Vec<u32> = taps.iter().map(|tap| tap.high).collect();
    let t: Vec<f32> = taps.iter().map(|tap| tap.t).collect();
    let mut row = vec![1; x.rank()];
    row[axis] = taps.len();
    let t = Tensor::new(t, device)?.to_dtype(x.dtype())?.reshape(row)?;
    let low = x.contiguous()?.index_select(&Tensor::new(low, device)?, axis)?;
    let high = x.contiguous()?.index_select(&Tensor::new(high, device)?, axis)?;
    Ok((&low + (high - &low)?.broadcast_mul(&t)?)?)
}

fn run(x: &[f32], (h, w): (usize, usize), rows: &[Tap], columns: &[Tap]) -> Vec<f32> {
    let level = Level::detected();
    let (plane, width) = (rows.len() * columns.len(), columns.len());
    let planes = x.len() / (h * w);
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(plane)
            .zip(x.par_chunks(h * w))
            .flat_map(|(out, x)| {
                out.par_chunks_mut(ROWS * width)
                    .zip(rows.par_chunks(ROWS))
                    .map(move |band| (x, band))
            })
            .for_each_init(
                || vec![0.0; w],
                |mixed, (x, (out, rows))| band(level, x, w, rows, columns, mixed, out),
            );
    };
    // SAFETY: the chunks cover the buffer and `band` writes all of a chunk.
    unsafe { buffer::filled(planes * plane, fill) }
}

/// The fractions of the two samples in a pixel where a map gets twice as wide.
const DOUBLED: [f32; 2] = [0.75, 0.25];

/// Whether, but for the outermost pixels, sample `2 i` lies between pixels `i - 1` and `i` and sample
/// `2 i + 1` between `i` and `i + 1`, each at its fraction of [`DOUBLED`]. Then no table is needed.
#[inline(always)]
fn is_doubled(columns: &[Tap], w: usize) -> bool {
    columns.len() == 2 * w
        && w >= 3
        && columns.as_chunks::<2>().0[1..w - 1]
            .iter()
            .enumerate()
            .all(|(i, [even, odd])| {
                (even.low as usize, even.high as usize, even.t) == (i, i + 1, DOUBLED[0])
                    && (odd.low as usize, odd.high as usize, odd.t) == (i + 1, i + 2, DOUBLED[1])
            })
}

per_isa! {
    /// Computes the output rows `rows` of one plane into `out`, writing all of it.
    fn band<I>(
        isa: I, x: &[f32], w: usize, rows: &[Tap], columns: &[Tap], mixed: &mut [f32], out: &mut [MaybeUninit<f32>],
    ) {
        let doubled = is_doubled(columns, w);
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(columns.len())) {
            let top = &x[row.low as usize * w..][..w];
            let bottom = &x[row.high as usize * w..][..w];
            for ((mixed, a), b) in mixed.iter_mut().zip(top).zip(bottom) {
                *mixed = isa.mul_add(row.t, b - a, *a);
            }
            let sample = |tap: &Tap| {
                let (a, b) = (mixed[tap.low as usize], mixed[tap.high as usize]);
                isa.mul_add(tap.t, b - a, a)
            };
            if !doubled {
                for (out, tap) in out.iter_mut().zip(columns) {
                    out.write(sample(tap));
                }
                continue;
            }
            let (pairs, _) = out.as_chunks_mut::<2>();
            for (pair, neighbours) in pairs.iter_mut().skip(1).zip(mixed.windows(3)) {
                if let &[a, b, c] = neighbours {
                    pair[0].write(isa.mul_add(DOUBLED[0], b - a, a));
                    pair[1].write(isa.mul_add(DOUBLED[1], c - b, b));
                }
            }
            for at in [0, 1, columns.len() - 2, columns.len() - 1] {
                out[at].write(sample(&columns[at]));
            }
        }
    }
}
