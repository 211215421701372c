//! Decoded images as pictures and planes.

use ::image::DynamicImage;
use ndarray::Ix2;
use rayon::prelude::*;

use super::size_of;
use super::source::Source;
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

/// Why a coloured picture is no depth map.
pub(in crate::image) const COLORED: &str = "its red, green and blue differ, so it is a coloured view of depth (a heat map) or depth \
    packed into colours, not a map; give the gray map, or the numbers as EXR, TIFF, NPY or 16-bit PNG (what CARLA packs are \
    1000 * (red + 256 * green + 65536 * blue) / 16777215 metres)";

/// Of one channel, or of several that are equal but for what a lossy format makes of them.
pub(in crate::image) fn plane(source: &Source, image: DynamicImage, palette: bool) -> Result<Plane> {
    let size = size_of(&image);
    let channels = usize::from(image.color().channel_count());
    let colored = match &image {
        DynamicImage::ImageRgb8(buffer) => colored(channels, buffer, |_| 16),
        DynamicImage::ImageRgba8(buffer) => colored(channels, buffer, |_| 16),
        DynamicImage::ImageRgb16(buffer) => colored(channels, buffer, |_| 16 * 257),
        DynamicImage::ImageRgba16(buffer) => colored(channels, buffer, |_| 16 * 257),
        DynamicImage::ImageRgb32F(buffer) => colored(channels, buffer, |red| red.abs() * 1e-2),
        DynamicImage::ImageRgba32F(buffer) => colored(channels, buffer, |red| red.abs() * 1e-2),
        _ => false,
    };
    if colored {
        return Err(source.unreadable(COLORED));
    }
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

/// Whether green and blue tell more than red does, beyond `tolerance(red)`, in more pixels than damage or a logo explain.
fn colored<T>(channels: usize, samples: &[T], tolerance: impl Fn(T) -> T + Sync) -> bool
where
    T: Copy + PartialOrd + std::ops::Sub<Output = T> + Sync,
{
    let beyond = |a: T, b: T, most: T| if a > b { a - b > most } else { b - a > most };
    let differ = |pixel: &[T]| {
        let most = tolerance(pixel[0]);
        beyond(pixel[0], pixel[1], most) || beyond(pixel[0], pixel[2], most)
    };
    let pixels = samples.len() / channels;
    let count = samples
        .par_chunks_exact(channels)
        .filter(|pixel| differ(pixel))
        .count();
    // Where green and blue are the same everywhere, red alone is the map.
    let alone = || {
        samples
            .par_chunks_exact(channels)
            .all(|pixel| pixel[1] == samples[1] && pixel[2] == samples[2])
    };
    count * 1000 > pixels && !alone()
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

pub(in crate::image) fn fraction(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// Linear light as an sRGB byte (IEC 61966-2-1).
pub(in crate::image) fn display(value: f32) -> u8 {
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
