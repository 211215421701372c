//! Fog between the camera and things.

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use super::{Relief, checked};
use crate::image::light::{decode, encode};
use crate::monitor::Stage;
use crate::options::options;
use crate::{Monitor, Result};

options! {
    /// Even fog.
    #[derive(Copy)]
    pub struct FogOptions("fog", "fog_") {
        /// Of the light of the farthest point exp(-density) is left.
        ///
        /// The optical depth from the nearest to the farthest point.
        density: f32 = 2.0, least(0.0), most(50.0);
        /// As #rrggbb.
        ///
        /// The colour of the fog, sRGB.
        color: [u8; 3] = [200, 208, 216];
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
    options: &FogOptions,
    monitor: &Monitor<'_>,
) -> Result<Array3<u8>> {
    options.check()?;
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
