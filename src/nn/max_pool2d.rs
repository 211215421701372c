//! Max pooling.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::padding::{crop, pad_circular};
use super::{Padding, buffer, fused};
use crate::{Error, Result};

/// The largest value under a `kernel` x `kernel` window moved by `stride`;
/// pixels of the padding never win. `x` is `[B, C, H, W]`.
///
/// # Errors
/// [`Error::Invalid`] if the window does not fit or `stride` is 0.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: Padding) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    let Some((out_h, out_w)) = padding.output((h, w), (kernel, kernel), stride, 1) else {
        return Err(Error::invalid(format!(
            "a pooling window of {kernel} with stride {stride} does not fit a map of {w} x {h}"
        )));
    };
    let window = Window {
        h,
        w,
        out_h,
        out_w,
        kernel,
        stride,
        padding,
    };
    if fused::runs_on(x) {
        return fused::unary("max_pool2d", x, (b, c, out_h, out_w), |x| run(x, &window));
    }
    // Stock pooling has no padding of its own: surround the map with the lowest value.
    let Padding {
        top,
        bottom,
        left,
        right,
    } = padding;
    let x = pad_lowest(x, 2, top, bottom)?;
    let x = pad_lowest(&x, 3, left, right)?;
    Ok(x.max_pool2d_with_stride(kernel, stride)?)
}

/// `x` with the lowest value `before` and `after` it along `axis`. A GPU has no empty tensors to join.
fn pad_lowest(x: &Tensor, axis: usize, before: usize, after: usize) -> Result<Tensor> {
    let band = |length: usize| -> Result<Option<Tensor>> {
        if length == 0 {
            return Ok(None);
        }
        let mut shape = x.dims().to_vec();
        shape[axis] = length;
        let low = Tensor::full(f32::MIN, shape, x.device())?;
        Ok(Some(low.to_dtype(x.dtype())?))
    };
    let parts: Vec<Tensor> = [band(before)?, Some(x.clone()), band(after)?]
        .into_iter()
        .flatten()
        .collect();
    Ok(Tensor::cat(&parts, axis)?)
}

/// The same with circular padding, which holds the pixels of the opposite side. The sides of `x` are multiples of `stride`.
///
/// # Errors
/// As [`max_pool2d`].
pub fn max_pool2d_circular(x: &Tensor, kernel: usize, stride: usize, padding: Padding) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    let ring = kernel.next_multiple_of(stride.max(1));
    let y = max_pool2d(&pad_circular(x, ring)?, kernel, stride, padding)?;
    crop(&y, ring / stride, (h / stride, w / stride))
}

struct Window {
    h: usize,
    w: usize,
    out_h: usize,
    out_w: usize,
    kernel: usize,
    stride: usize,
    padding: Padding,
}

fn run(x: &[f32], window: &Window) -> Vec<f32> {
    let Window {
        h, w, out_h, out_w, ..
    } = *window;
    let planes = x.len() / (h * w);
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(out_h * out_w)
            .zip(x.par_chunks(h * w))
            .for_each_init(|| vec![0f32; w], |column, (out, x)| plane(x, window, column, out));
    };
    // SAFETY: the chunks cover the buffer, and `plane` writes all of a chunk.
    unsafe { buffer::filled(planes * out_h * out_w, fill) }
}

fn plane(x: &[f32], window: &Window, column: &mut [f32], out: &mut [MaybeUninit<f32>]) {
    let Window {
        h,
        w,
        out_w,
        kernel,
        stride,
        padding,
        ..
    } = *window;
    // The part of `length` that the window at output `i` sees.
    let seen = |i: usize, before: usize, length: usize| {
        let start = i * stride;
        start.saturating_sub(before).min(length)..(start + kernel).saturating_sub(before).min(length)
    };
    for (y, out) in out.chunks_exact_mut(out_w).enumerate() {
        column.fill(f32::NEG_INFINITY);
        for row in seen(y, padding.top, h) {
            for (column, &x) in column.iter_mut().zip(&x[row * w..][..w]) {
                *column = column.max(x);
            }
        }
        for (i, out) in out.iter_mut().enumerate() {
            let seen = &column[seen(i, padding.left, w)];
            out.write(seen.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b)));
        }
    }
}
