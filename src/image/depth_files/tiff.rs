//! Depth as TIFF: one channel, in and out, in more number types than pictures come in.

use std::io::ErrorKind;
use std::path::Path;

use ::tiff::decoder::{Decoder, DecodingResult};
use ::tiff::encoder::colortype::ColorType as WrittenColor;
use ::tiff::encoder::{TiffEncoder, TiffValue};
use ::tiff::{ColorType, TiffError};
use ndarray::ArrayView2;

use super::{sides, write_whole};

use crate::image::decode::Limits;
use crate::image::decode::color::first;
use crate::image::decode::source::Source;
use crate::image::plane::Plane;
use crate::image::size::Size;
use crate::{Error, Result};

/// The plane of a gray file of at least 8 bits; none of any other, which is for the picture decoder.
pub(super) fn plane(source: &Source, limits: Limits) -> Result<Option<Plane>> {
    let reader = source.open_again()?;
    let fail = |error| error_of(source, error);
    let mut decoder = Decoder::new(reader).map_err(fail)?;
    let (width, height) = decoder.dimensions().map_err(fail)?;
    limits.check(source, width.into(), height.into())?;
    if !matches!(
        decoder.colortype().map_err(fail)?,
        ColorType::Gray(8 | 16 | 32 | 64)
    ) {
        return Ok(None);
    }
    let size = Size {
        width: width as usize,
        height: height as usize,
    };
    let mut memory = ::tiff::decoder::Limits::default();
    memory.decoding_buffer_size = size.width * size.height * size_of::<f64>();
    let mut decoder = decoder.with_limits(memory);
    match decoder.read_image().map_err(fail)? {
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
            return Err(source.unknown(
                "its numbers are 64-bit integers, which are not read here; convert it to 16 or 32 bits",
            ));
        }
    }
    .map(Some)
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
        TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => source.cut_short(),
        TiffError::IoError(error) => Error::io(source.path(), error),
        TiffError::UnsupportedError(error) => source.unknown(format!(
            "this kind of TIFF is not known here ({error}); convert it to PNG"
        )),
        error => source.unreadable(format!(
            "this file is damaged ({error}); get it again, or save it anew"
        )),
    }
}
