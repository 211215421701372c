//! Picture files in: PNG, JPEG, WebP, TIFF, BMP, GIF, OpenEXR, Radiance HDR,
//! PNM, QOI, TGA and farbfeld.
//!
//! The format is told by the content, not by the file's name. EXIF rotation is
//! applied. Nothing is decoded before its size is known and within [`Limits`].

pub(super) mod color;
mod jpeg;
pub(super) mod source;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::image::{DynamicImage, ImageDecoder, ImageFormat};

use self::source::Source;
use super::picture::Picture;
use super::size::Size;
use crate::{Error, Result};

/// What is refused before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels a picture may have.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 250 megapixels: more than any camera makes, less than fills a machine.
    fn default() -> Self {
        Self {
            max_pixels: 250_000_000,
        }
    }
}

impl Limits {
    pub(super) fn check(self, source: &Source, width: u64, height: u64) -> Result<()> {
        let pixels = width.saturating_mul(height);
        if pixels == 0 {
            return Err(source.unreadable("the picture in this file has no pixels; save it anew"));
        }
        if pixels > self.max_pixels {
            return Err(source.unreadable(format!(
                "the picture is {width}x{height}, {pixels} pixels where {} are allowed; \
                 make it smaller, or raise the limit (RILIEVO_MAX_PIXELS)",
                self.max_pixels
            )));
        }
        Ok(())
    }

    /// Bytes a decoder may use for a picture that passed: generous, since the
    /// picture's own bytes are bounded already; a bomb in a side chunk is not.
    fn max_bytes(decoder: &impl ImageDecoder) -> u64 {
        decoder.total_bytes().saturating_mul(4).saturating_add(64 << 20)
    }
}

/// Reads a colour picture.
///
/// Palette, black-and-white, gray and CMYK pictures become RGB. 16-bit values
/// are divided by 257 and rounded; floating-point values (OpenEXR, HDR, TIFF)
/// are taken as linear light, clamped to 0..1 and given the sRGB curve. Of an
/// animation the first frame is taken.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`]; [`Error::Unreadable`] for a file that
/// is empty, damaged, cut short, too large or no picture;
/// [`Error::UnknownFormat`] for one that some other program may well read.
pub fn read_picture(path: &Path, limits: Limits) -> Result<Picture> {
    guarded(path, || {
        let source = Source::open(path)?;
        color::picture(decode(&source, limits)?)
    })
}

/// The decoders are other people's code fed by strangers' files: where one
/// panics, the file is broken, and that is all the caller has to know.
pub(super) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::Unreadable {
            path: path.to_owned(),
            reason: "this file is damaged beyond decoding; get it again, or save it anew".to_owned(),
        })
    })
}

/// Decodes in the file's own number type, turned upright.
pub(super) fn decode(source: &Source, limits: Limits) -> Result<DynamicImage> {
    let format = source.format()?;
    if format == ImageFormat::Jpeg {
        jpeg::check_complete(source)?;
    }
    let mut decoder = source.decoder(format)?;
    let (width, height) = decoder.dimensions();
    limits.check(source, width.into(), height.into())?;
    let mut memory = ::image::Limits::no_limits();
    memory.max_alloc = Some(Limits::max_bytes(&decoder));
    decoder.set_limits(memory).map_err(|error| source.error(error))?;
    // A wrong orientation tag is no reason to refuse the picture.
    let orientation = decoder
        .orientation()
        .unwrap_or(::image::metadata::Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| source.error(error))?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The size an image came out with.
fn size_of(image: &DynamicImage) -> Size {
    Size {
        width: image.width() as usize,
        height: image.height() as usize,
    }
}
