//! Decoded images as pictures and planes.

use ::image::DynamicImage;
use ndarray::Ix2;
use rayon::prelude::*;

use super::size_of;
use crate::image::picture::Picture;
use crate::image::plane::{Plane, Stored};
use crate::image::size::{Size, array};
use crate::{Error, Result};

pub(super) fn picture(image: DynamicImage) -> Result<Picture> {
    let size = size_of(&image);
    let channels = usize::from(image.color().channel_count());
    let samples = match image {
        DynamicImage::ImageLuma8(buffer) => buffer.into_raw(),
        DynamicImage::ImageLumaA8(buffer) => buffer.into_raw(),
        DynamicImage::ImageRgb8(buffer) => buffer.into_raw(),
        DynamicImage::ImageRgba8(buffer) => buffer.into_raw(),
        DynamicImage::ImageLuma16(buffer) => eight_bits(&buffer),
        DynamicImage::ImageLumaA16(buffer) => eight_bits(&buffer),
        DynamicImage::ImageRgb16(buffer) => eight_bits(&buffer),
        DynamicImage::ImageRgba16(buffer) => eight_bits(&buffer),
        DynamicImage::ImageRgb32F(buffer) => buffer.par_iter().map(|&value| display(value)).collect(),
        DynamicImage::ImageRgba32F(buffer) => buffer
            .par_iter()
            .enumerate()
            .map(|(index, &value)| {
                if index % 4 == 3 {
                    fraction(value)
                } else {
                    display(value)
                }
            })
            .collect(),
        other => return Err(unexpected(&other)),
    };
    Picture::from_samples(size, channels, samples)
}

pub(in crate::image) fn plane(image: DynamicImage, palette: bool) -> Result<Plane> {
    let size = size_of(&image);
    let channels = usize::from(image.color().channel_count());
    match image {
        DynamicImage::ImageRgb8(buffer) if palette => brightness(size, channels, &buffer),
        DynamicImage::ImageRgba8(buffer) if palette => brightness(size, channels, &buffer),
        DynamicImage::ImageLuma8(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageLumaA8(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageRgb8(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageRgba8(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageLuma16(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageLumaA16(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageRgb16(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageRgba16(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageRgb32F(buffer) => first(size, channels, &buffer),
        DynamicImage::ImageRgba32F(buffer) => first(size, channels, &buffer),
        other => Err(unexpected(&other)),
    }
}

/// The first of `channels` interleaved channels.
pub(in crate::image) fn first<T: Stored>(size: Size, channels: usize, samples: &[T]) -> Result<Plane> {
    let values = samples
        .iter()
        .step_by(channels)
        .map(|value| value.kept())
        .collect();
    Ok(T::plane(array(Ix2(size.height, size.width), values)?))
}

/// ITU-R 601 luma in 16-bit fixed point, as Pillow's `convert("L")` has it.
fn brightness(size: Size, channels: usize, samples: &[u8]) -> Result<Plane> {
    let values = samples.chunks_exact(channels).map(|pixel| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
    });
    Ok(Plane::U8(array(Ix2(size.height, size.width), values.collect())?))
}

/// 16 bits as 8: the nearest of 256 values that cover the same range.
fn eight_bits(samples: &[u16]) -> Vec<u8> {
    samples
        .par_iter()
        .map(|&value| ((u32::from(value) + 128) / 257) as u8)
        .collect()
}

fn fraction(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// Linear light as an sRGB byte (IEC 61966-2-1).
fn display(value: f32) -> u8 {
    let value = value.clamp(0.0, 1.0);
    fraction(if value <= 0.003_130_8 {
        value * 12.92
    } else {
        1.055 * value.powf(1.0 / 2.4) - 0.055
    })
}

fn unexpected(image: &DynamicImage) -> Error {
    Error::invalid(format!(
        "pictures of kind {:?} are not known here; convert it to PNG or JPEG",
        image.color()
    ))
}
