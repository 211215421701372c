//! OpenEXR in: the channels that are wanted, of the part they are in, where the
//! display window shows them; and depth as OpenEXR out: one channel.

use std::path::Path;

use ::exr::block::UncompressedBlock;
use ::exr::block::chunk::Chunk;
use ::exr::block::reader::{ChunksReader, Reader};
use ::exr::error::Error as ExrError;
use ::exr::image::{AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Layer};
use ::exr::meta::attribute::{LineOrder, SampleType};
use ::exr::meta::header::Header;
use ::exr::prelude::{Blocks, Compression, LayerAttributes, SmallVec, WritableImage};
use half::f16;
use ndarray::{ArrayView2, Ix2};
use rayon::prelude::*;

use super::write_whole;
use crate::image::decode::color::{COLORED, display, fraction};
use crate::image::decode::source::{Source, Stream};
use crate::image::decode::{Limits, quietly};
use crate::image::picture::Picture;
use crate::image::plane::Plane;
use crate::image::size::{Size, array};
use crate::{Error, Result};

/// What the best of the compressions makes of one byte (deflate: 1032).
const RATIO: u64 = 1100;

/// Bytes that may be unpacked at a time.
const BATCH: usize = 64 << 20;

/// Rec. 709 luminance of red, green and blue, which luminance-chroma files go by.
const LUMINANCE: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// The channel that holds depth, in whatever part it is; of a gray picture in
/// red, green and blue the red. NaN where nothing is stored.
pub(super) fn plane(source: &Source, limits: Limits) -> Result<Plane> {
    let reader = open(source)?;
    let Some((layer, channels)) = depth_channels(reader.headers()) else {
        return Err(source.unsupported("this OpenEXR file has no flat part with channels"));
    };
    let header = reader.headers()[layer].clone();
    let window = Window::of(source, limits, &header)?;
    let shape = Ix2(window.size.height, window.size.width);
    let pixels = window.size.width * window.size.height;
    if header.channels.list[channels[0]].sample_type == SampleType::U32 {
        let mut values = vec![0; pixels];
        rows(source, reader, layer, &channels[..1], &window, |at, row| {
            for (value, stored) in values[at].iter_mut().zip(row[0]) {
                *value = *stored as u32;
            }
        })?;
        return Ok(Plane::U32(array(shape, values)?));
    }
    let mut values = vec![f32::NAN; pixels];
    let mut colored = 0;
    rows(source, reader, layer, &channels, &window, |at, row| {
        for (index, value) in values[at].iter_mut().enumerate() {
            *value = row[0][index] as f32;
            let spread = row.iter().map(|channel| (channel[index] - row[0][index]).abs());
            if spread.fold(0.0, f64::max) > row[0][index].abs() * 1e-2 {
                colored += 1;
            }
        }
    })?;
    if colored * 1000 > pixels {
        return Err(source.unreadable(COLORED));
    }
    Ok(Plane::F32(array(shape, values)?))
}

/// Red, green and blue; or luminance, with or without chroma. Linear light gets the sRGB curve.
pub(in crate::image) fn picture(source: &Source, limits: Limits) -> Result<Picture> {
    let reader = open(source)?;
    let Some((layer, channels, colors)) = color_channels(reader.headers()) else {
        return Err(source.unreadable(
            "this OpenEXR file has no flat part with colours or luminance; it may be a depth map",
        ));
    };
    let header = &reader.headers()[layer];
    let window = Window::of(source, limits, header)?;
    let opaque = channels.len() == colors.count();
    let count = if opaque { 3 } else { 4 };
    let mut samples = vec![0; window.size.width * window.size.height * count];
    rows(source, reader, layer, &channels, &window, |at, row| {
        let pixels = samples[at.start * count..at.end * count].chunks_exact_mut(count);
        for (index, pixel) in pixels.enumerate() {
            let stored = |channel: usize| row[channel][index];
            let rgb = match colors {
                Colors::Rgb => [0, 1, 2].map(stored),
                Colors::Luminance => [stored(0); 3],
                Colors::LuminanceChroma => {
                    let [light, red, blue] = [0, 1, 2].map(stored);
                    let (red, blue) = ((red + 1.0) * light, (blue + 1.0) * light);
                    let green = (light - red * LUMINANCE[0] - blue * LUMINANCE[2]) / LUMINANCE[1];
                    [red, green, blue]
                }
            };
            for (byte, light) in pixel.iter_mut().zip(rgb) {
                *byte = display(light as f32);
            }
            if !opaque {
                pixel[3] = fraction(stored(colors.count()) as f32);
            }
        }
    })?;
    Picture::from_samples(window.size, count, samples)
}

type Chunks = Reader<Box<dyn Stream>>;

fn open(source: &Source) -> Result<Chunks> {
    ::exr::block::read(source.open_again()?, false).map_err(|error| error_of(source, error))
}

/// Which of red, green, blue and luminance a picture is made of.
#[derive(Clone, Copy)]
enum Colors {
    Rgb,
    Luminance,
    LuminanceChroma,
}

impl Colors {
    fn count(self) -> usize {
        match self {
            Self::Luminance => 1,
            Self::Rgb | Self::LuminanceChroma => 3,
        }
    }
}

/// Indices of the channels called `prefix` + each of `names`; none if one is missing.
fn named(header: &Header, prefix: &str, names: &[&str]) -> Option<Vec<usize>> {
    let index = |name: &&str| {
        let wanted = format!("{prefix}{name}");
        header
            .channels
            .list
            .iter()
            .position(|channel| channel.name.to_string() == wanted)
    };
    names.iter().map(index).collect()
}

/// What comes before the last name of every channel, with its dot: layers and passes.
fn prefixes(header: &Header) -> Vec<String> {
    let mut prefixes = vec![String::new()];
    for channel in &header.channels.list {
        let name = channel.name.to_string();
        let prefix = name.rfind('.').map_or("", |dot| &name[..=dot]).to_owned();
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    }
    prefixes
}

/// Part and channels, opacity last, of what is to be seen.
fn color_channels(headers: &[Header]) -> Option<(usize, Vec<usize>, Colors)> {
    let flat = || headers.iter().enumerate().filter(|(_, header)| !header.deep);
    for (colors, names) in [
        (Colors::Rgb, &["R", "G", "B"][..]),
        (Colors::LuminanceChroma, &["Y", "RY", "BY"]),
        (Colors::Luminance, &["Y"]),
        (Colors::Luminance, &["L"]),
        (Colors::Luminance, &["R"]),
    ] {
        for (layer, header) in flat() {
            for prefix in prefixes(header) {
                if let Some(mut channels) = named(header, &prefix, names) {
                    channels.extend(named(header, &prefix, &["A"]).into_iter().flatten());
                    return Some((layer, channels, colors));
                }
            }
        }
    }
    None
}

/// Part and channel of depth; three channels where only a gray picture can be meant.
fn depth_channels(headers: &[Header]) -> Option<(usize, Vec<usize>)> {
    let mut best: Option<(usize, usize, Vec<usize>)> = None;
    for (layer, header) in headers.iter().enumerate().filter(|(_, header)| !header.deep) {
        let part = header.own_attributes.layer_name.as_ref().map(ToString::to_string);
        for (index, channel) in header.channels.list.iter().enumerate() {
            let name = channel.name.to_string();
            let (prefix, leaf) = name.rsplit_once('.').map_or(("", name.as_str()), |pair| pair);
            let about = format!("{}.{prefix}", part.as_deref().unwrap_or_default()).to_lowercase();
            let leaf = leaf.to_lowercase();
            let dotted = if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}.")
            };
            // The Z of an X, a Y and a Z is a direction or a place.
            let vector = ["X", "x"].iter().any(|x| named(header, &dotted, &[x]).is_some());
            let rank = match leaf.as_str() {
                "z" if !vector && (prefix.is_empty() || about.contains("depth")) => 0,
                "z" | "v" | "y" | "r" if about.contains("depth") && !vector => 0,
                leaf if leaf.contains("depth") && !leaf.contains("alpha") => 1,
                "z" if !vector => 2,
                "v" => 3,
                "y" if !vector => 4,
                "r" => 5,
                _ => 6,
            };
            if best.as_ref().is_none_or(|(other, ..)| rank < *other) {
                let gray = (rank == 5)
                    .then(|| named(header, &dotted, &["R", "G", "B"]))
                    .flatten();
                best = Some((rank, layer, gray.unwrap_or_else(|| vec![index])));
            }
        }
    }
    best.map(|(_, layer, channels)| (layer, channels))
}

/// What is to be seen, and where the stored pixels lie in it.
struct Window {
    size: Size,
    left: i64,
    top: i64,
}

impl Window {
    fn of(source: &Source, limits: Limits, header: &Header) -> Result<Self> {
        let display = header.shared_attributes.display_window;
        let stored = header.layer_size;
        limits.check(source, stored.width() as u64, stored.height() as u64)?;
        limits.check(source, display.size.width() as u64, display.size.height() as u64)?;
        let bytes = stored.area() as u64 * header.channels.bytes_per_pixel as u64;
        if bytes > source.len().saturating_mul(RATIO) {
            return Err(source.too_short_for(stored.width() as u64, stored.height() as u64));
        }
        let offset = |stored: i32, shown: i32| i64::from(stored) - i64::from(shown);
        let position = header.own_attributes.layer_position;
        let window = Self {
            size: Size {
                width: display.size.width(),
                height: display.size.height(),
            },
            left: offset(position.x(), display.position.x()),
            top: offset(position.y(), display.position.y()),
        };
        let seen =
            |offset: i64, stored: usize, shown: usize| offset < shown as i64 && offset + stored as i64 > 0;
        if !seen(window.left, stored.width(), window.size.width)
            || !seen(window.top, stored.height(), window.size.height)
        {
            return Err(source.unreadable(
                "the stored pixels lie outside of what the file says is to be seen; save it anew",
            ));
        }
        Ok(window)
    }
}

/// Shows every row of `channels` that is to be seen, as far as it is: where it
/// belongs in the window, and the values of each channel.
fn rows(
    source: &Source,
    reader: Chunks,
    layer: usize,
    channels: &[usize],
    window: &Window,
    mut show: impl FnMut(std::ops::Range<usize>, &[&[f64]]),
) -> Result<()> {
    let fail = |error| error_of(source, error);
    let mut chunks = reader
        .filter_chunks(false, |_, tile, block| {
            block.layer == layer && tile.level_index.x() == 0 && tile.level_index.y() == 0
        })
        .map_err(fail)?;
    let meta = chunks.meta_data().clone();
    let header = &meta.headers[layer];
    let at_once = (BATCH / header.max_block_byte_size().max(1)).clamp(1, 2 * rayon::current_num_threads());
    let mut values = vec![Vec::new(); channels.len()];
    loop {
        let batch: Vec<Chunk> = chunks
            .by_ref()
            .take(at_once)
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        if batch.is_empty() {
            return Ok(());
        }
        let blocks: Vec<UncompressedBlock> = batch
            .into_par_iter()
            .map(|chunk| quietly(|| UncompressedBlock::decompress_chunk(chunk, &meta, false)))
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        for block in &blocks {
            let mut found = 0;
            for line in block.lines(&header.channels) {
                for (values, _) in values
                    .iter_mut()
                    .zip(channels)
                    .filter(|(_, channel)| **channel == line.location.channel)
                {
                    found += 1;
                    decode(
                        header.channels.list[line.location.channel].sample_type,
                        line.value,
                        values,
                    );
                }
                if found < channels.len() {
                    continue;
                }
                found = 0;
                let y = line.location.position.y() as i64 + window.top;
                let x = line.location.position.x() as i64 + window.left;
                let first = (-x).clamp(0, line.location.sample_count as i64);
                let last = (window.size.width as i64 - x).clamp(first, line.location.sample_count as i64);
                if (0..window.size.height as i64).contains(&y) && first < last {
                    let start = y as usize * window.size.width + (x + first) as usize;
                    let seen: Vec<_> = values
                        .iter()
                        .map(|values| &values[first as usize..last as usize])
                        .collect();
                    show(start..start + (last - first) as usize, &seen);
                }
            }
        }
    }
}

/// Samples in the order of bytes of this machine as numbers that hold them all exactly.
fn decode(kind: SampleType, bytes: &[u8], values: &mut Vec<f64>) {
    values.clear();
    match kind {
        SampleType::F16 => values.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|&half| f64::from(f16::from_ne_bytes(half))),
        ),
        SampleType::F32 => values.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|&single| f64::from(f32::from_ne_bytes(single))),
        ),
        SampleType::U32 => values.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|&whole| f64::from(u32::from_ne_bytes(whole))),
        ),
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
        ExrError::Io(error) => source.io(error),
        error => source.unsupported(format!(
            "this kind of OpenEXR is not known here, or the file is damaged ({error})"
        )),
    }
}
