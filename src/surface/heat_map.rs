//! Colour-mapped depth (heat maps).

use ndarray::{Array3, ArrayView2, Ix3};
use rayon::prelude::*;

use super::inferno::INFERNO;
use crate::depth::percentiles_u16;
use crate::image::size::{Raster, array, checked_len};
use crate::memory::zeroed;
use crate::options::{Called, options};
use crate::{Error, Result};

options! {
    /// How a [`heat_map`] is made.
    #[derive(Copy)]
    pub struct HeatMapOptions("heat_map", "heatmap_") {
        /// Percentile of the depth map that gets the first colour.
        far_percentile as _: f64 = 2.0, least(0.0), below(100.0);
        /// Percentile of the depth map that gets the last colour; 100: what is near is not saturated.
        near_percentile: f64 = 85.0, above(2.0), most(100.0);
    }
    rules HeatMapOptions::ends_in_order;
}

impl HeatMapOptions {
    fn ends_in_order(&self, called: Called<'_>) -> Result<()> {
        if self.far_percentile < self.near_percentile {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} is {}, but {} is {}; the first colour must lie below the last",
            called("far_percentile"),
            self.far_percentile,
            called("near_percentile"),
            self.near_percentile
        )))
    }
}
/// Pixels a thread takes at a time.
const CHUNK: usize = 1 << 16;

/// A 16-bit depth map (`[H, W]`) in the colours of matplotlib's `inferno`, RGBA `[H, W, 4]`, opaque.
///
/// The colours span the percentiles of the depth that the options say, in the reference 2 to 85: the nearest
/// 15 % of the picture are of one colour then, and so is a map of which these percentiles are equal.
///
/// # Errors
/// [`Error::Invalid`] if there are no pixels.
pub fn heat_map(depth: ArrayView2<'_, u16>, options: &HeatMapOptions) -> Result<Array3<u8>> {
    options.check()?;
    let shape = depth.raw_dim();
    let length = checked_len(shape.picture_size(), 4)?;
    let ends = [options.far_percentile, options.near_percentile];
    let [low, high] =
        percentiles_u16(depth, ends).ok_or_else(|| Error::invalid("the depth map has no pixels"))?;
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
