//! `torch.nn.functional.interpolate`, modes `bicubic` and `bilinear` without
//! antialiasing.

use ndarray::{Array, ArrayView};

use super::cubic;
use super::engine::separable;
use super::float::Float;
use super::taps::Taps;
use crate::Result;
use crate::image::size::{Raster, Size};

/// PyTorch's parameter of the cubic kernel.
const A: f32 = -0.75;

/// Resizes as PyTorch's `interpolate(mode="bicubic", antialias=False)` does.
///
/// With `align_corners` the outermost pixel centres of input and output lie on
/// each other, without it the outermost pixel edges. Keys's cubic with
/// a = -0.75, replicated borders, no smoothing when shrinking; places and
/// weights in f32. The result can leave the range of the input.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn torch_bicubic<D: Raster>(
    input: ArrayView<'_, f32, D>,
    size: Size,
    align_corners: bool,
) -> Result<Array<f32, D>> {
    let taps = |inputs: usize, outputs: usize| {
        let scale = scale(inputs, outputs, align_corners);
        Taps::new(inputs, outputs, 4, |output, weights| {
            let place = place(output, scale, align_corners);
            let floor = place.floor();
            weights.extend(cubic::weights_f32(place - floor, A));
            floor as isize - 1
        })
    };
    separable(&Float::NEW, input, size, taps)
}

/// Resizes as PyTorch's `interpolate(mode="bilinear", antialias=False)` does.
///
/// `align_corners` as in [`torch_bicubic`]; replicated borders, no smoothing
/// when shrinking; places and weights in f32.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if the input or the output has no pixels.
pub fn torch_bilinear<D: Raster>(
    input: ArrayView<'_, f32, D>,
    size: Size,
    align_corners: bool,
) -> Result<Array<f32, D>> {
    let taps = |inputs: usize, outputs: usize| {
        let scale = scale(inputs, outputs, align_corners);
        Taps::new(inputs, outputs, 2, |output, weights| {
            let place = place(output, scale, align_corners).max(0.0);
            let floor = place.floor();
            weights.extend([1.0 - (place - floor), place - floor]);
            floor as isize
        })
    };
    separable(&Float::NEW, input, size, taps)
}

/// Input pixels per output pixel.
fn scale(inputs: usize, outputs: usize, align_corners: bool) -> f32 {
    match (align_corners, outputs) {
        (true, 0 | 1) => 0.0,
        (true, _) => (inputs - 1) as f32 / (outputs - 1) as f32,
        (false, _) => inputs as f32 / outputs as f32,
    }
}

/// Where an output pixel lies among the input pixels.
fn place(output: usize, scale: f32, align_corners: bool) -> f32 {
    if align_corners {
        output as f32 * scale
    } else {
        (output as f32 + 0.5) * scale - 0.5
    }
}
