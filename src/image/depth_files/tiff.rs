//! Depth as TIFF: one channel, in and out, in more number types than pictures come in.

use std::path::Path;

use ::image::metadata::Orientation;
use ::tiff::decoder::{Decoder, DecodingResult};
use ::tiff::encoder::colortype::ColorType as WrittenColor;
use ::tiff::encoder::{TiffEncoder, TiffValue};
use ::tiff::tags::Tag;
use ::tiff::{ColorType, TiffError};
use ndarray::ArrayView2;

use super::{sides, write_whole};
use crate::image::decode::Limits;
use crate::image::decode::color::first;
use crate::image::decode::source::{Source, Stream};
use crate::image::plane::Plane;
use crate::image::size::Size;
use crate::{Error, Result};

/// The plane of a gray file of at least 8 bits; none of any other, which is for the picture decoder.
pub(super) fn plane(source: &Source, limits: Limits) -> Result<Option<Plane>> {
    let fail = |error| error_of(source, error);
    let mut decoder = open(source)?;
    let (width, height) = decoder.dimensions().map_err(fail)?;
    limits.check(source, width.into(), height.into())?;
    if !matches!(
        decoder.colortype().map_err(fail)?,
        ColorType::Gray(8 | 16 | 32 | 64)
    ) {
        return Ok(None);
    }
    let orientation = tag(&mut decoder, Tag::Orientation)
        .and_then(|tag| Orientation::from_exif(tag.try_into().ok()?))
        .unwrap_or(Orientation::NoTransforms);
    let size = Size {
        width: width as usize,
        height: height as usize,
    };
    let mut memory = ::tiff::decoder::Limits::default();
    memory.decoding_buffer_size = size.width * size.height * size_of::<f64>();
    let mut decoder = decoder.with_limits(memory);
    let plane = match decoder.read_image().map_err(fail)? {
        DecodingResult::U8(values) => first(size, 1, &values),
        DecodingResult::U16(values) => first(size, 1, &values),
        DecodingResult::U32(values) => first(size, 1, &values),
        DecodingResult::I8(values) => first(size, 1, &values),
        DecodingResult::I16(values) => first(size, 1, &values),
        DecodingResult::I32(values) => first(size, 1, &values),
        DecodingResult::F16(values) => first(size, 1, &values),
        DecodingResult::F32(values) => first(size, 1, &values),
        DecodingResult::F64(values) => first(size, 1, &values),
        DecodingResult::U64(_) | DecodingResult::I64(_) => {
            return Err(source.unsupported("its numbers are 64-bit integers, which are not read here"));
        }
    }?;
    Ok(Some(plane.turned(orientation.to_exif())))
}

/// Refuses what the decoder would take for something else.
pub(in crate::image) fn check(source: &Source) -> Result<()> {
    // It reads the bits of a byte from the highest down.
    if tag(&mut open(source)?, Tag::FillOrder) == Some(2) {
        return Err(
            source.unsupported("the bits of this TIFF are stored from the lowest up, which is not read here")
        );
    }
    Ok(())
}

/// The ICC profile.
pub(in crate::image) fn profile(source: &Source) -> Option<Vec<u8>> {
    open(source).ok()?.get_tag_u8_vec(Tag::IccProfile).ok()
}

fn open(source: &Source) -> Result<Decoder<Box<dyn Stream>>> {
    Decoder::new(source.open_again()?).map_err(|error| error_of(source, error))
}

fn tag(decoder: &mut Decoder<Box<dyn Stream>>, tag: Tag) -> Option<u32> {
    decoder.find_tag_unsigned(tag).ok().flatten()
}

/// Writes values as they are, not compressed.
pub(super) fn write<C>(path: &Path, values: ArrayView2<C::Inner>) -> Result<()>
where
    C: WrittenColor,
    C::Inner: Copy,
    [C::Inner]: TiffValue,
{
    let (width, height) = sides(values.dim())?;
    let values = values.as_standard_layout();
    write_whole(path, |out| {
        TiffEncoder::new(out)?.write_image::<C>(width, height, values.as_slice().unwrap_or_default())
    })
}

fn error_of(source: &Source, error: TiffError) -> Error {
    match error {
        TiffError::IoError(error) => source.io(error),
        error => source.unsupported(format!(
            "this kind of TIFF is not known here, or the file is damaged ({error})"
        )),
    }
}
