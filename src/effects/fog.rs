//! Fog between the camera and things.

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use super::{Relief, checked, within};
use crate::image::light::{decode, encode};
use crate::monitor::Stage;
use crate::{Monitor, Result};

/// Even fog.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fog {
    /// Optical depth from the nearest to the farthest point, 0 to 50: of the
    /// light of the farthest point `exp(-density)` is left.
    pub density: f32,
    /// Colour of the fog, sRGB.
    pub color: [u8; 3],
}

impl Default for Fog {
    /// Density 2, a pale blue grey.
    fn default() -> Self {
        Self {
            density: 2.0,
            color: [200, 208, 216],
        }
    }
}

/// Lays fog over a picture, RGB `[H, W, 3]`.
///
/// The law of Bouguer and Lambert, in linear light: at distance `d` there is
/// `light * t + color * (1 - t)` with `t = exp(-density * d)`, where `d` goes
/// from 0 (the nearest point) to 1 (the farthest); see [`Relief::distance`].
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for another shape of picture or a
/// density out of range; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn fog(
    image: ArrayView3<'_, u8>,
    relief: &Relief,
    options: &Fog,
    monitor: &Monitor<'_>,
) -> Result<Array3<u8>> {
    within("the fog's density", options.density.into(), 0.0, 50.0)?;
    let mut image = checked(image, relief)?.into_owned();
    let distance = relief.distance();
    let width = distance.ncols();
    let color = options.color.map(decode);
    monitor.check()?;
    if let (Some(pixels), Some(distance)) = (image.as_slice_mut(), distance.as_slice()) {
        pixels
            .par_chunks_mut(3 * width)
            .zip(distance.par_chunks(width))
            .for_each(|(row, distance)| {
                for (pixel, d) in row.as_chunks_mut::<3>().0.iter_mut().zip(distance) {
                    let left = (-options.density * d).exp();
                    for (value, fog) in pixel.iter_mut().zip(color) {
                        *value = encode(decode(*value) * left + fog * (1.0 - left));
                    }
                }
            });
    }
    monitor.report(Stage::Fog, 1, 1)?;
    Ok(image)
}
