//! What the colours of a file mean, where it is not sRGB.

use ::image::{DynamicImage, ImageDecoder, ImageFormat};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use rayon::prelude::*;

use super::about::png_info;
use super::source::Source;
use crate::Result;
use crate::image::depth_files::tiff;
use crate::image::picture::Picture;

/// Colours that come out this close to what went in are sRGB already, by a profile of other rounding.
const SAME: u8 = 3;

/// The gamma of a file as the display has it, within a few percent.
const DISPLAY: f32 = 0.45455;

/// How the numbers of a picture become colours.
pub(in crate::image) enum ColorSpace {
    /// As displays have it.
    Srgb,
    /// By an ICC profile.
    Profile(Box<ColorProfile>),
    /// Numbers are light to this power.
    Gamma(f32),
}

impl ColorSpace {
    pub(super) fn of(source: &Source, format: ImageFormat, decoder: &mut impl ImageDecoder) -> Self {
        let profile = match format {
            ImageFormat::Tiff => tiff::profile(source),
            _ => decoder.icc_profile().ok().flatten(),
        };
        if let Some(profile) = profile {
            // One that cannot be read changes nothing; that is what programs without colour management do.
            return match ColorProfile::new_from_slice(&profile) {
                Ok(profile) if profile.color_space == DataColorSpace::Rgb => Self::Profile(Box::new(profile)),
                _ => Self::Srgb,
            };
        }
        if format != ImageFormat::Png {
            return Self::Srgb;
        }
        let gamma = png_info(source, |info| {
            let said = info.srgb.is_some() || info.coding_independent_code_points.is_some();
            info.gama_chunk.filter(|_| !said).map(|gamma| gamma.into_value())
        });
        match gamma.flatten() {
            Some(gamma) if gamma > 0.0 && (gamma / DISPLAY - 1.0).abs() > 0.05 => Self::Gamma(gamma),
            _ => Self::Srgb,
        }
    }

    /// The picture with the curve of sRGB instead of its own gamma.
    pub(super) fn unbent(&self, image: DynamicImage) -> DynamicImage {
        let Self::Gamma(gamma) = *self else { return image };
        let table: Vec<u16> = (0..=u16::MAX)
            .map(|value| {
                let light = (f32::from(value) / 65535.0).powf(1.0 / gamma);
                let shown = if light <= 0.003_130_8 {
                    light * 12.92
                } else {
                    1.055 * light.powf(1.0 / 2.4) - 0.055
                };
                (shown * 65535.0 + 0.5) as u16
            })
            .collect();
        let bend = |value: &mut u16| *value = table[usize::from(*value)];
        if image.color().has_alpha() {
            let mut image = image.into_rgba16();
            image
                .par_chunks_exact_mut(4)
                .for_each(|pixel| pixel[..3].iter_mut().for_each(bend));
            DynamicImage::ImageRgba16(image)
        } else {
            let mut image = image.into_rgb16();
            image.par_iter_mut().for_each(bend);
            DynamicImage::ImageRgb16(image)
        }
    }

    /// The picture in sRGB.
    pub(super) fn convert(&self, picture: Picture) -> Result<Picture> {
        let Self::Profile(profile) = self else {
            return Ok(picture);
        };
        let srgb = ColorProfile::new_srgb();
        let exact = TransformOptions {
            prefer_fixed_point: false,
            ..TransformOptions::default()
        };
        let Ok(transform) = profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, exact) else {
            return Ok(picture);
        };
        let levels = || (0..=u8::MAX).step_by(17);
        let colors: Vec<u8> = levels()
            .flat_map(|red| levels().flat_map(move |green| levels().flat_map(move |blue| [red, green, blue])))
            .collect();
        let mut shown = vec![0; colors.len()];
        let same = transform.transform(&colors, &mut shown).is_err()
            || colors.iter().zip(&shown).all(|(a, b)| a.abs_diff(*b) <= SAME);
        if same {
            return Ok(picture);
        }
        let (mut rgb, alpha) = picture.into_parts();
        let row = 3 * rgb.dim().1;
        if let Some(values) = rgb.as_slice_mut() {
            values.par_chunks_exact_mut(row).for_each(|row| {
                let stored = row.to_vec();
                if transform.transform(&stored, row).is_err() {
                    row.copy_from_slice(&stored);
                }
            });
        }
        Picture::new(rgb, alpha)
    }
}
