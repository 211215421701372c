//! What can be told about a picture without decoding its pixels.

use std::io::{Read, Seek, SeekFrom};

use ::image::metadata::Orientation;
use ::image::{ImageDecoder, ImageFormat};

use super::source::{Source, Stream};
use crate::Result;

/// Refuses a file that is too short for the pixels it claims, in formats where a byte makes only so many.
pub(super) fn check_length(source: &Source, format: ImageFormat, width: u64, height: u64) -> Result<()> {
    let head = |at: usize| source.head().get(at).map_or(0, |&byte| u64::from(byte));
    // As many pixels as a byte can be at most.
    let most = match format {
        // A code of 12 bits is a string of at most 3838.
        ImageFormat::Gif => 2600,
        // A bit is the least that a block of 8x8 takes; each of two components may have a side of 4 blocks to itself.
        ImageFormat::Jpeg => 8 * 128,
        // Deflate makes 1032 bytes of one.
        ImageFormat::Png => {
            let samples = match head(25) {
                2 => 3,
                4 => 2,
                6 => 4,
                _ => 1,
            };
            8256 / (head(24).max(1) * samples)
        }
        ImageFormat::Bmp if head(30) == 0 && head(28) > 0 => 8_u64.div_ceil(head(28)),
        ImageFormat::Tga => 128,
        ImageFormat::Pnm => 8,
        ImageFormat::Qoi => 62,
        ImageFormat::Farbfeld => 1,
        // Of the others a few bytes may be any number of pixels.
        _ => return Ok(()),
    };
    if width * height > source.len().saturating_mul(most) {
        return Err(source.too_short_for(width, height));
    }
    Ok(())
}

/// How the picture is to be turned. A wrong tag is no reason to refuse it.
pub(super) fn orientation(source: &Source, decoder: &mut impl ImageDecoder) -> Orientation {
    // The chunk as it stands in a JPEG file is what many programs put into others.
    let chunk = |exif: Vec<u8>| Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif));
    decoder
        .exif_metadata()
        .ok()
        .flatten()
        .and_then(chunk)
        .or_else(|| {
            decoder
                .orientation()
                .ok()
                .filter(|&found| found != Orientation::NoTransforms)
        })
        .or_else(|| raw_profile(source).and_then(chunk))
        .unwrap_or(Orientation::NoTransforms)
}

/// The EXIF data of a PNG file as ImageMagick writes it: in hexadecimal, as a text.
fn raw_profile(source: &Source) -> Option<Vec<u8>> {
    const MOST: usize = 1 << 20;
    let text = png_info(source, |info| {
        let named = |keyword: &str| ["Raw profile type exif", "Raw profile type APP1"].contains(&keyword);
        let mut packed = info
            .compressed_latin1_text
            .iter()
            .filter(|text| named(&text.keyword));
        let mut plain = info
            .uncompressed_latin1_text
            .iter()
            .filter(|text| named(&text.keyword));
        plain.next().map(|text| text.text.clone()).or_else(|| {
            let mut text = packed.next()?.clone();
            text.decompress_text_with_limit(MOST).ok()?;
            text.get_text().ok()
        })
    })??;
    // A name, the number of bytes, and the bytes.
    let digits: Vec<u8> = text
        .trim_start()
        .lines()
        .skip(2)
        .flat_map(str::bytes)
        .filter_map(|digit| char::from(digit).to_digit(16).map(|digit| digit as u8))
        .collect();
    Some(
        digits
            .as_chunks()
            .0
            .iter()
            .map(|[high, low]| high << 4 | low)
            .collect(),
    )
}

/// Something that stands before the pixels of a PNG file.
pub(super) fn png_info<T>(source: &Source, of: impl FnOnce(&png::Info) -> T) -> Option<T> {
    if !source.head().starts_with(b"\x89PNG") {
        return None;
    }
    let limits = png::Limits { bytes: 32 << 20 };
    let reader = png::Decoder::new_with_limits(source.open_again().ok()?, limits)
        .read_info()
        .ok()?;
    Some(of(reader.info()))
}

/// Whether there is more than one frame.
pub(super) fn is_animated(source: &Source, format: ImageFormat) -> bool {
    match format {
        ImageFormat::Png => {
            png_info(source, |info| {
                info.animation_control
                    .is_some_and(|control| control.num_frames > 1)
            }) == Some(true)
        }
        ImageFormat::WebP => {
            source.head().get(12..16) == Some(b"VP8X")
                && source.head().get(20).is_some_and(|flags| flags & 2 != 0)
        }
        ImageFormat::Gif => source
            .open_again()
            .is_ok_and(|stream| second_frame(stream).is_some()),
        _ => false,
    }
}

/// Walks over the blocks of a GIF file up to its second frame.
fn second_frame(mut stream: Box<dyn Stream>) -> Option<()> {
    let mut bytes = [0; 13];
    stream.read_exact(&mut bytes).ok()?;
    let mut skip = |count: i64| stream.seek(SeekFrom::Current(count)).map(drop);
    let colors = |flags: u8| {
        if flags & 0x80 != 0 {
            3 << ((flags & 7) + 1)
        } else {
            0
        }
    };
    skip(colors(bytes[10])).ok()?;
    let mut frames = 0;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        match byte[0] {
            0x21 => stream.seek_relative(1).ok()?,
            0x2c if frames == 1 => return Some(()),
            0x2c => {
                frames += 1;
                let mut frame = [0; 9];
                stream.read_exact(&mut frame).ok()?;
                stream.seek_relative(colors(frame[8]) + 1).ok()?;
            }
            _ => return None,
        }
        loop {
            stream.read_exact(&mut byte).ok()?;
            if byte[0] == 0 {
                break;
            }
            stream.seek_relative(byte[0].into()).ok()?;
        }
    }
}
