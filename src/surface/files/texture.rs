//! The picture on a mesh, as a file.

use image::ExtendedColorType::Rgb8;
use image::codecs::jpeg::JpegEncoder;
use ndarray::ArrayView3;

use crate::{Error, Result};

/// The file format of a texture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextureFormat {
    /// Lossless.
    #[default]
    Png,
    /// Lossy, of this quality from 1 to 100; at most 65535 pixels a side.
    Jpeg(u8),
}

impl TextureFormat {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg(_) => "jpg",
        }
    }

    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg(_) => "image/jpeg",
        }
    }
}

/// Encodes an RGB picture, `[H, W, 3]`.
pub(super) fn encode(picture: ArrayView3<u8>, format: TextureFormat) -> Result<Vec<u8>> {
    let (height, width, _) = picture.dim();
    let pixels = picture.as_standard_layout();
    let pixels = pixels.as_slice().unwrap_or_default();
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (side(width), side(height));
    let encoded = match format {
        TextureFormat::Png => png(pixels, width, height).map_err(|error| error.to_string()),
        TextureFormat::Jpeg(quality) if (1..=100).contains(&quality) => {
            let mut out = Vec::new();
            JpegEncoder::new_with_quality(&mut out, quality)
                .encode(pixels, width, height, Rgb8)
                .map(|()| out)
                .map_err(|error| error.to_string())
        }
        TextureFormat::Jpeg(quality) => {
            return Err(Error::invalid(format!(
                "jpeg quality: {quality} is not between 1 and 100"
            )));
        }
    };
    encoded.map_err(|error| {
        Error::invalid(format!(
            "the texture of {width}x{height} pixels cannot be encoded as {}: {error}",
            format.mime()
        ))
    })
}

fn png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // A mesh is many times as large as its picture: speed counts, size does not.
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}
