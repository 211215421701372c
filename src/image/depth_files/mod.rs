//! Depth as a file of numbers, in and out.

mod exr;
mod tiff;

use std::error::Error as StdError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ::image::ImageFormat;
use ::tiff::encoder::colortype::{Gray16, Gray32Float};
use ndarray::{Array2, ArrayView2};

use super::decode::source::Source;
use super::decode::{Limits, color, decode, guarded};
use super::plane::Plane;
use crate::files::AtomicFile;
use crate::{Error, Result};

/// Depth values, `[H, W]`.
#[derive(Clone, Copy, Debug)]
pub enum DepthValues<'a> {
    /// Metres, or any other unit.
    F32(ArrayView2<'a, f32>),
    /// Whole numbers, such as a 16-bit depth map or millimetres.
    U16(ArrayView2<'a, u16>),
}

/// The file formats of depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Exr,
    Npy,
    Png,
    Tiff,
}

/// Reads one channel as it is stored, no bit lost: what depth maps need.
///
/// Of a colour picture the first channel is taken; of a picture with a palette
/// the brightness; of an OpenEXR file the channel `Z`, `Y` or `R`, whichever
/// is there first, or else the first.
///
/// # Errors
/// As [`read_picture`](super::read_picture).
pub fn read_plane(path: &Path, limits: Limits) -> Result<Plane> {
    guarded(path, || {
        let source = Source::open(path)?;
        match source.format()? {
            ImageFormat::OpenExr => exr::plane(&source, limits),
            ImageFormat::Tiff => match tiff::plane(&source, limits)? {
                Some(plane) => Ok(plane),
                None => color::plane(decode(&source, limits)?, false),
            },
            _ => {
                let palette = source.has_palette();
                color::plane(decode(&source, limits)?, palette)
            }
        }
    })
}

/// Writes depth to `path`, whose folder is made if need be; the file appears
/// whole under its name or not at all.
///
/// | extension | `F32` | `U16` |
/// |---|---|---|
/// | `.npy` | as they are | as they are |
/// | `.tif`, `.tiff` | as they are, one channel, not compressed | as they are |
/// | `.exr` | as they are, one channel `Y`, ZIP | as 32-bit floats of the same value |
/// | `.png` | `value * png_scale`, rounded, kept within 0..65535 | as they are |
///
/// `png_scale` belongs to floats in a PNG: 1000 makes millimetres of metres.
/// Without it the range of the finite values is stretched over 0..65535. Values
/// that are not numbers become 0 there, infinite ones the nearest end.
///
/// # Errors
/// [`Error::Invalid`] for an empty array, an unknown extension, a `png_scale` that
/// is not above 0 or has nothing to scale; [`Error::Io`] if writing fails.
pub fn save_depth(path: &Path, values: DepthValues, png_scale: Option<f64>) -> Result<()> {
    let format = Format::from_path(path)?;
    let (height, width) = match values {
        DepthValues::F32(values) => values.dim(),
        DepthValues::U16(values) => values.dim(),
    };
    if height == 0 || width == 0 {
        return Err(Error::invalid(format!(
            "depth: its shape is [{height}, {width}]; there is nothing to save"
        )));
    }
    if let Some(scale) = png_scale {
        if format != Format::Png || matches!(values, DepthValues::U16(_)) {
            return Err(Error::invalid(
                "png_scale: only floats saved as PNG are scaled; leave it out",
            ));
        }
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(Error::invalid(format!(
                "png_scale: {scale} is not a number above 0"
            )));
        }
    }
    match (format, values) {
        (Format::Npy, DepthValues::F32(values)) => npy(path, "<f4", values, f32::to_le_bytes),
        (Format::Npy, DepthValues::U16(values)) => npy(path, "<u2", values, u16::to_le_bytes),
        (Format::Tiff, DepthValues::F32(values)) => tiff::write::<Gray32Float>(path, values),
        (Format::Tiff, DepthValues::U16(values)) => tiff::write::<Gray16>(path, values),
        (Format::Exr, DepthValues::F32(values)) => exr::write(path, values),
        (Format::Exr, DepthValues::U16(values)) => exr::write(path, values.mapv(f32::from).view()),
        (Format::Png, DepthValues::F32(values)) => png16(path, sixteen_bit(values, png_scale).view()),
        (Format::Png, DepthValues::U16(values)) => png16(path, values),
    }
}

impl Format {
    fn from_path(path: &Path) -> Result<Self> {
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        match extension.as_str() {
            "exr" => Ok(Self::Exr),
            "npy" => Ok(Self::Npy),
            "png" => Ok(Self::Png),
            "tif" | "tiff" => Ok(Self::Tiff),
            _ => Err(Error::invalid(format!(
                "{}: \"{extension}\" is no depth format; end the name in .exr, .npy, .png or .tiff",
                path.display()
            ))),
        }
    }
}

fn sixteen_bit(values: ArrayView2<f32>, scale: Option<f64>) -> Array2<u16> {
    let (offset, scale) = match scale {
        Some(scale) => (0.0, scale),
        None => {
            let finite = || {
                values
                    .iter()
                    .copied()
                    .filter(|value| value.is_finite())
                    .map(f64::from)
            };
            let min = finite().fold(f64::INFINITY, f64::min);
            let max = finite().fold(f64::NEG_INFINITY, f64::max);
            (min, if max > min { 65535.0 / (max - min) } else { 0.0 })
        }
    };
    // The cast takes NaN to 0 and the rest to the nearest end.
    values.mapv(|value| ((f64::from(value) - offset) * scale).round() as u16)
}

/// NumPy's format, version 1.0.
fn npy<T: Copy, const N: usize>(
    path: &Path,
    kind: &str,
    values: ArrayView2<T>,
    bytes: impl Fn(T) -> [u8; N],
) -> Result<()> {
    let (height, width) = values.dim();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    // Magic, version, length and header together are a multiple of 64, with a line end.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', padded - 1 - header.len()));
    header.push('\n');
    write_whole(path, |out| {
        out.write_all(b"\x93NUMPY\x01\x00")?;
        out.write_all(&(header.len() as u16).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        values.iter().try_for_each(|&value| out.write_all(&bytes(value)))
    })
}

fn png16(path: &Path, values: ArrayView2<u16>) -> Result<()> {
    let (width, height) = sides(values.dim())?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
    write_whole(path, |out| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(out, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Sixteen);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&bytes)?;
        writer.finish()
    })
}

fn sides((height, width): (usize, usize)) -> Result<(u32, u32)> {
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(Error::invalid(format!(
            "depth: {width}x{height} is too large for a picture file; save it as .npy"
        ))),
    }
}

fn write_whole<E: Into<Box<dyn StdError + Send + Sync>>>(
    path: &Path,
    encode: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), E>,
) -> Result<()> {
    let mut file = AtomicFile::create_with_folder(path)?;
    file.encode(encode)?;
    file.commit()
}
