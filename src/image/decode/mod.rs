//! Picture files in: PNG, JPEG, WebP, TIFF, BMP, GIF, OpenEXR, Radiance HDR,
//! PNM, QOI, TGA and farbfeld.
//!
//! The format is told by the content, not by the file's name. EXIF rotation is
//! applied. Nothing is decoded before its size is known and within [`Limits`].

mod about;
pub(super) mod color;
mod color_space;
mod jpeg;
pub(super) mod source;

use std::cell::Cell;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use ::image::codecs::jpeg::JpegDecoder;
use ::image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat};

use self::color_space::ColorSpace;
pub use self::source::Source;
use super::depth_files::{exr, tiff};
use super::picture::Picture;
use super::size::Size;
use crate::Result;

/// Bytes of a JPEG file that are looked at before its size is known, since its decoder holds them all.
const FIRST_BYTES: u64 = 32 << 20;

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
/// are taken as linear light, clamped to 0..1 and given the sRGB curve. Colours
/// of another space than sRGB (an ICC profile, a gamma) are converted to it. Of
/// an animation the first frame is taken, with a warning.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io); [`Error::Unreadable`](crate::Error::Unreadable)
/// for a file that is empty, damaged, cut short, too large or no picture;
/// [`Error::UnknownFormat`](crate::Error::UnknownFormat) for one that some other
/// program may well read.
pub fn read_picture(source: &Source, limits: Limits) -> Result<Picture> {
    guarded(source, || match source.format()? {
        ImageFormat::OpenExr => exr::picture(source, limits),
        format => {
            let (image, space) = decode(source, format, limits)?;
            space.convert(color::picture(space.unbent(image))?)
        }
    })
}

/// How the picture is to be turned, 1 to 8 as EXIF has it: [`read_picture`] and [`read_plane`](super::read_plane) do so.
///
/// # Errors
/// As [`read_picture`].
pub fn read_orientation(source: &Source) -> Result<u8> {
    guarded(source, || {
        let format = source.format()?;
        Ok(match format {
            ImageFormat::OpenExr => 1,
            ImageFormat::Jpeg => {
                about::orientation(source, &mut jpeg_decoder(source, FIRST_BYTES)?.0).to_exif()
            }
            _ => about::orientation(source, &mut source.decoder(format)?).to_exif(),
        })
    })
}

/// The decoders are other people's code fed by strangers' files: where one
/// panics, it does not know the file, and that is all the caller has to know.
pub(super) fn guarded<T>(source: &Source, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(|| quietly(read))).unwrap_or_else(|_| {
        Err(source.unsupported("this file is damaged, or of a kind that is not known here"))
    })
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Keeps what this thread says when it panics from the terminal.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    struct Loud(bool);
    impl Drop for Loud {
        fn drop(&mut self) {
            QUIET.set(self.0);
        }
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                other(panic);
            }
        }));
    });
    let _loud = Loud(QUIET.replace(true));
    work()
}

/// Decodes in the file's own number type, turned upright, with what its colours mean.
pub(super) fn decode(
    source: &Source,
    format: ImageFormat,
    limits: Limits,
) -> Result<(DynamicImage, ColorSpace)> {
    if format == ImageFormat::Tiff {
        tiff::check(source)?;
    }
    if format != ImageFormat::Jpeg {
        let decoder = source.decoder(format)?;
        return finish(source, format, limits, decoder, None);
    }
    let (mut decoder, mut bytes) = jpeg_decoder(source, FIRST_BYTES)?;
    if source.len() > FIRST_BYTES {
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        (decoder, bytes) = jpeg_decoder(source, FIRST_BYTES + 4 * pixels)?;
    }
    finish(source, format, limits, decoder, Some(&bytes))
}

type InMemory = Cursor<Vec<u8>>;

/// Over the first `most` bytes, which come with it.
fn jpeg_decoder(source: &Source, most: u64) -> Result<(JpegDecoder<InMemory>, Vec<u8>)> {
    let bytes = source.first_bytes(most)?;
    let decoder = JpegDecoder::new(Cursor::new(bytes.clone())).map_err(|error| {
        // A file that stops in its headers has none of the marks of an end.
        jpeg::check_complete(source, &bytes)
            .err()
            .unwrap_or_else(|| source.error(error))
    })?;
    Ok((decoder, bytes))
}

fn finish(
    source: &Source,
    format: ImageFormat,
    limits: Limits,
    mut decoder: impl ImageDecoder,
    jpeg: Option<&[u8]>,
) -> Result<(DynamicImage, ColorSpace)> {
    let (width, height) = decoder.dimensions();
    limits.check(source, width.into(), height.into())?;
    if let Some(bytes) = jpeg {
        jpeg::check_complete(source, bytes)?;
    }
    about::check_length(source, format, width.into(), height.into())?;
    let mut memory = ::image::Limits::no_limits();
    memory.max_alloc = Some(Limits::max_bytes(&decoder));
    decoder.set_limits(memory).map_err(|error| source.error(error))?;
    if about::is_animated(source, format) {
        source.warn("this picture is animated; only its first frame is taken");
    }
    let orientation = about::orientation(source, &mut decoder);
    let space = ColorSpace::of(source, format, &mut decoder);
    let color = decoder.color_type();
    let pixels = jpeg
        .map(|bytes| jpeg::pixels(source, bytes, color))
        .transpose()?
        .flatten();
    let mut image = match pixels.and_then(|pixels| of_pixels(width, height, color, pixels)) {
        Some(image) => image,
        None => DynamicImage::from_decoder(decoder).map_err(|error| source.error(error))?,
    };
    image.apply_orientation(orientation);
    Ok((image, space))
}

fn of_pixels(width: u32, height: u32, color: ::image::ColorType, pixels: Vec<u8>) -> Option<DynamicImage> {
    match color {
        ::image::ColorType::L8 => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        ::image::ColorType::Rgb8 => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        _ => None,
    }
}

/// The size an image came out with.
fn size_of(image: &DynamicImage) -> Size {
    Size {
        width: image.width() as usize,
        height: image.height() as usize,
    }
}
