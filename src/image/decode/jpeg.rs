//! JPEG: whether all of the picture is there.
//!
//! The decoder is a patient one: where data are damaged it fills up with gray,
//! and where they end early it goes on with zeros. Both are found out here.

use ::image::ColorType;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::source::Source;
use crate::Result;

const MARK: u8 = 0xff;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Refuses a file that ends before the picture does: the decoder would fill
/// up with gray what is missing.
pub(super) fn check_complete(source: &Source, bytes: &[u8]) -> Result<()> {
    let complete = first_scan(bytes).is_some_and(|scan| {
        // Within a scan this pair cannot occur, and after it comes little, so the end is where to look.
        scan.windows(2).rev().any(|pair| pair == [MARK, END_OF_IMAGE])
    });
    if complete { Ok(()) } else { Err(source.cut_short()) }
}
/// Everything from the first scan on; before it a thumbnail may hold a whole picture of its own.
fn first_scan(bytes: &[u8]) -> Option<&[u8]> {
    segments(bytes, |_, _| {})
}

/// Columns, from the frame header.
fn width(bytes: &[u8]) -> Option<usize> {
    let mut width = None;
    segments(bytes, |kind, segment| {
        // All from C0 to CF but tables of codes (C4, CC) and what is reserved (C8).
        if matches!(kind, 0xc0..=0xcf) && ![0xc4, 0xc8, 0xcc].contains(&kind) {
            width = segment
                .get(5..7)
                .map(|sides| usize::from(sides[0]) << 8 | usize::from(sides[1]));
        }
    })?;
    width
}

/// Shows every segment (its kind; what follows that, the length first); returns what is left from the first scan on.
fn segments(bytes: &[u8], mut show: impl FnMut(u8, &[u8])) -> Option<&[u8]> {
    let mut rest = bytes.get(2..)?;
    loop {
        let (&[MARK, kind], after) = rest.split_first_chunk::<2>()? else {
            // Filling between segments.
            rest = rest.get(1..)?;
            continue;
        };
        if kind == START_OF_SCAN {
            return Some(after);
        }
        if kind == MARK {
            rest = rest.get(1..)?;
            continue;
        }
        show(kind, after);
        let length = u16::from_be_bytes(*after.first_chunk()?);
        rest = after.get(usize::from(length)..)?;
    }
}

/// Pixels in `color`, where the file keeps to the standard; none where only a
/// patient decoder can tell what it holds, after a warning.
///
/// # Errors
/// [`Error::Unreadable`](crate::Error::Unreadable) if part of the picture is missing.
pub(super) fn pixels(source: &Source, bytes: &[u8], color: ColorType) -> Result<Option<Vec<u8>>> {
    let decode = |bytes: &[u8], strict| {
        let options = DecoderOptions::default()
            .set_strict_mode(strict)
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX)
            .jpeg_set_out_colorspace(match color {
                ColorType::L8 => ColorSpace::Luma,
                ColorType::La8 => ColorSpace::LumaA,
                ColorType::Rgba8 => ColorSpace::RGBA,
                _ => ColorSpace::RGB,
            });
        JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode()
    };
    let pixels = match decode(bytes, true) {
        Ok(pixels) => pixels,
        Err(error) => {
            let error = error.to_string();
            if error.contains("Premature end") || error.contains("Exhausted") {
                return Err(source.cut_short());
            }
            // Between headers nothing is lost.
            if !error.contains("between headers") {
                source.warn(format!(
                    "parts of this JPEG are damaged ({error}) and may be gray; get it again"
                ));
            }
            return Ok(None);
        }
    };
    if repeats_itself(&pixels, bytes, color.channel_count().into()) {
        // What follows the last bit of a whole picture does not matter.
        let end = bytes.len() - first_scan(bytes).map_or(0, <[u8]>::len);
        let end = bytes[end..]
            .windows(2)
            .position(|pair| pair == [MARK, END_OF_IMAGE])
            .map_or(bytes.len(), |at| end + at);
        let mut other = bytes[..end].to_vec();
        other.extend_from_slice(&[0x5a; 256]);
        other.extend_from_slice(&[MARK, END_OF_IMAGE]);
        if !decode(&other, false).is_ok_and(|other| other == pixels) {
            return Err(source.cut_short());
        }
    }
    Ok(Some(pixels))
}

/// Whether the last row of pixels may be what zeros decode to: every block as the one before, but for brightness.
fn repeats_itself(pixels: &[u8], bytes: &[u8], channels: usize) -> bool {
    const LARGEST_BLOCK: usize = 32;
    const TOLERANCE: i32 = 6;
    let width = width(bytes).unwrap_or(0) * channels;
    let step = LARGEST_BLOCK * channels;
    let Some(row) = pixels.len().checked_sub(width).map(|at| &pixels[at..]) else {
        return true;
    };
    let steps = row.len().saturating_sub(2 * step);
    let steady = (0..steps)
        .filter(|&at| {
            let [a, b, c] = [row[at], row[at + step], row[at + 2 * step]].map(i32::from);
            (a - 2 * b + c).abs() <= TOLERANCE
        })
        .count();
    steady * 10 >= steps * 9
}
