//! Colour-mapped depth (heat maps).

use ndarray::{Array3, ArrayView2, Ix3};
use rayon::prelude::*;

use super::inferno::INFERNO;
use crate::depth::percentiles_u16;
use crate::image::size::{Raster, array, checked_len};
use crate::memory::zeroed;
use crate::{Error, Result};

/// The percentiles of the depth map that get the first and the last colour.
const ENDS: [f64; 2] = [2.0, 85.0];
/// Pixels a thread takes at a time.
const CHUNK: usize = 1 << 16;

/// A 16-bit depth map (`[H, W]`) in the colours of matplotlib's `inferno`, RGBA `[H, W, 4]`, opaque.
///
/// As in the reference the colours span the percentiles 2 to 85 of the depth,
/// so the nearest 15 % of the picture are of one colour, and so is a map of
/// which these percentiles are equal.
///
/// # Errors
/// [`Error::Invalid`] if there are no pixels.
pub fn heat_map(depth: ArrayView2<'_, u16>) -> Result<Array3<u8>> {
    let shape = depth.raw_dim();
    let length = checked_len(shape.picture_size(), 4)?;
    let [low, high] =
        percentiles_u16(depth, ENDS).ok_or_else(|| Error::invalid("the depth map has no pixels"))?;
    let colors: Vec<[u8; 4]> = (0..=u16::MAX).map(|depth| color(depth, low, high)).collect();

    let depth = depth.as_standard_layout();
    let mut bytes = zeroed(length);
    bytes
        .par_chunks_mut(CHUNK * 4)
        .zip(depth.as_slice().unwrap_or(&[]).par_chunks(CHUNK))
        .for_each(|(bytes, depth)| {
            for (pixel, &depth) in bytes.as_chunks_mut().0.iter_mut().zip(depth) {
                *pixel = colors[usize::from(depth)];
            }
        });
    array(Ix3(shape[0], shape[1], 4), bytes)
}

fn color(depth: u16, low: f64, high: f64) -> [u8; 4] {
    let fraction = if low == high {
        0.0
    } else {
        (f64::from(depth) - low) / (high - low)
    };
    // The cast cuts off the fraction and clamps negative numbers.
    let index = ((fraction * 256.0) as usize).min(255);
    let [red, green, blue] = INFERNO[index];
    [red, green, blue, 255]
}
