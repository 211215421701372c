//! Depth as OpenEXR: one channel, in and out.

use std::path::Path;

use ::exr::error::Error as ExrError;
use ::exr::image::{AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Layer};
use ::exr::meta::attribute::LineOrder;
use ::exr::prelude::{
    Blocks, Compression, LayerAttributes, ReadChannels, ReadLayers, SmallVec, WritableImage, read,
};
use ndarray::ArrayView2;

use super::write_whole;

use crate::image::decode::Limits;
use crate::image::decode::color::first;
use crate::image::decode::source::Source;
use crate::image::plane::Plane;
use crate::image::size::Size;
use crate::{Error, Result};

/// Channels that hold depth, the likeliest first.
const DEPTH_CHANNELS: [&str; 4] = ["Z", "Y", "V", "R"];

pub(super) fn plane(source: &Source, limits: Limits) -> Result<Plane> {
    let reader = source.open_again()?;
    let fail = |error| error_of(source, error);
    let chunks = ::exr::block::read(reader, false).map_err(fail)?;
    for header in chunks.headers() {
        let size = header.layer_size;
        limits.check(source, size.width() as u64, size.height() as u64)?;
    }
    let image = read()
        .no_deep_data()
        .largest_resolution_level()
        .all_channels()
        .first_valid_layer()
        .all_attributes()
        .from_chunks(chunks)
        .map_err(fail)?;
    let layer = image.layer_data;
    let size = Size {
        width: layer.size.width(),
        height: layer.size.height(),
    };
    let channels = layer.channel_data.list;
    let named = |name: &str| {
        // Programs put the name of a view or pass before that of the channel.
        channels
            .iter()
            .find(|channel| channel.name.to_string().rsplit('.').next() == Some(name))
    };
    let channel = DEPTH_CHANNELS
        .iter()
        .find_map(|name| named(name))
        .or(channels.first());
    match channel.map(|channel| &channel.sample_data) {
        Some(FlatSamples::F16(values)) => first(size, 1, values),
        Some(FlatSamples::F32(values)) => first(size, 1, values),
        Some(FlatSamples::U32(values)) => first(size, 1, values),
        None => Err(source.unreadable("the file has no channels; save it anew")),
    }
}

/// Writes one channel `Y`, ZIP.
pub(super) fn write(path: &Path, values: ArrayView2<f32>) -> Result<()> {
    let (height, width) = values.dim();
    // `Y` is the channel that every reader shows as grey.
    let channel = AnyChannel::new("Y", FlatSamples::F32(values.iter().copied().collect()));
    let layer = Layer::new(
        (width, height),
        LayerAttributes::default(),
        Encoding {
            compression: Compression::ZIP16,
            blocks: Blocks::ScanLines,
            line_order: LineOrder::Increasing,
        },
        AnyChannels::sort(SmallVec::from_iter([channel])),
    );
    write_whole(path, |out| Image::from_layer(layer).write().to_buffered(out))
}

fn error_of(source: &Source, error: ExrError) -> Error {
    match error {
        ExrError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => source.cut_short(),
        ExrError::Io(error) => Error::io(source.path(), error),
        ExrError::NotSupported(what) => source.unknown(format!(
            "this kind of OpenEXR is not known here ({what}); convert it to PNG"
        )),
        error => source.unreadable(format!(
            "this file is damaged ({error}); get it again, or save it anew"
        )),
    }
}
