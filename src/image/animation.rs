//! Animations out, a frame at a time: APNG and GIF.
//!
//! Each frame is encoded and written when it comes, so that memory does not
//! grow with the length of a clip. Both loop forever.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ndarray::{ArrayView2, ArrayView3};

use super::encode::COMPRESSION;
use super::size::Size;
use crate::files::AtomicFile;
use crate::named::named;
use crate::{Error, Result};

named! {
    /// The formats of an animation that is written frame by frame, by the extension of its files.
    pub enum AnimationFormat as "animation format" {
        /// APNG: RGB, lossless.
        Png = "png",
        /// GIF: a palette of up to 256 colours a frame.
        Gif = "gif",
    }
}

/// An animation in the making. It appears under its name, whole, with
/// [`finish`](Self::finish); dropped before that, it never was.
pub struct AnimationWriter {
    // Before `file`: its handle is closed first.
    encoder: Encoder,
    file: AtomicFile,
    size: Size,
    frames: usize,
    added: usize,
}

enum Encoder {
    Png(png::Writer<BufWriter<File>>),
    Gif(gif::Encoder<BufWriter<File>>, u16),
}

impl AnimationWriter {
    /// Begins an animation of `frames` frames of `size`, `fps` a second.
    ///
    /// A frame lasts `1000 / fps` milliseconds, rounded; in a GIF, which counts
    /// in hundredths of a second, what is left of that.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no frames, no pixels, a size the format does not
    /// have, and a rate at which a frame lasts longer than 65 seconds;
    /// [`Error::NotFound`] if the folder does not exist, [`Error::Io`] if it
    /// cannot be written to.
    pub fn create(path: &Path, format: AnimationFormat, size: Size, frames: usize, fps: f64) -> Result<Self> {
        let milliseconds = (1000.0 / fps).round_ties_even();
        if !(fps > 0.0 && milliseconds <= f64::from(u16::MAX)) {
            return Err(Error::invalid(format!(
                "an animation cannot have {fps} frames a second; give a number such as 24"
            )));
        }
        let count = u32::try_from(frames).unwrap_or(0);
        if count == 0 {
            return Err(Error::invalid(format!(
                "an animation cannot have {frames} frames; give 1 or more"
            )));
        }
        let too_large = || {
            Error::invalid(format!(
                "a {format} file cannot hold frames of {size} pixels; choose another size or format"
            ))
        };
        if size.pixels() == 0 {
            return Err(too_large());
        }
        let file = AtomicFile::create(path)?;
        let out = BufWriter::new(file.handle()?);
        let delay = milliseconds as u16;
        let encoder = match format {
            AnimationFormat::Png => {
                let (Ok(width), Ok(height)) = (i32::try_from(size.width), i32::try_from(size.height)) else {
                    return Err(too_large());
                };
                let writer = png_writer(out, [width.unsigned_abs(), height.unsigned_abs()], count, delay);
                Encoder::Png(writer.map_err(|error| file.failed(error))?)
            }
            AnimationFormat::Gif => {
                let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height)) else {
                    return Err(too_large());
                };
                let writer = gif_writer(out, [width, height]);
                Encoder::Gif(writer.map_err(|error| file.failed(error))?, delay / 10)
            }
        };
        Ok(Self {
            encoder,
            file,
            size,
            frames,
            added: 0,
        })
    }

    /// Adds an RGB frame (`[H, W, 3]`) to an APNG.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another shape, for a GIF, and for more frames than
    /// were announced; [`Error::Io`] if writing fails.
    pub fn add(&mut self, frame: ArrayView3<'_, u8>) -> Result<()> {
        self.check(frame.shape(), &[3])?;
        let Encoder::Png(writer) = &mut self.encoder else {
            return Err(Error::invalid(
                "a GIF has a palette; give frames as indices [H, W] together with their palette",
            ));
        };
        let frame = frame.as_standard_layout();
        writer
            .write_image_data(frame.as_slice().unwrap_or_default())
            .map_err(|error| self.file.failed(error))?;
        self.added += 1;
        Ok(())
    }

    /// Adds a frame to a GIF: `indices` (`[H, W]`) into `palette`, up to 256 RGB colours.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another shape, an index that is not in the palette,
    /// an APNG, and more frames than were announced; [`Error::Io`] if writing fails.
    pub fn add_indexed(&mut self, indices: ArrayView2<'_, u8>, palette: &[[u8; 3]]) -> Result<()> {
        self.check(indices.shape(), &[])?;
        let Encoder::Gif(writer, delay) = &mut self.encoder else {
            return Err(Error::invalid(
                "an APNG is in full colour; give frames as RGB [H, W, 3]",
            ));
        };
        let largest = indices.iter().copied().max().unwrap_or(0);
        if usize::from(largest) >= palette.len() || palette.len() > 256 {
            return Err(Error::invalid(format!(
                "the palette has {} colours, and the frame uses number {largest}; give 1 to 256, counted from 0",
                palette.len()
            )));
        }
        let indices = indices.as_standard_layout();
        let frame = gif::Frame {
            delay: *delay,
            width: self.size.width as u16,
            height: self.size.height as u16,
            palette: Some(palette.as_flattened().to_vec()),
            buffer: Cow::Borrowed(indices.as_slice().unwrap_or_default()),
            ..gif::Frame::default()
        };
        writer
            .write_frame(&frame)
            .map_err(|error| self.file.failed(error))?;
        self.added += 1;
        Ok(())
    }

    /// Ends the animation and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Invalid`] if frames are missing; [`Error::Io`] if writing fails.
    pub fn finish(self) -> Result<()> {
        let Self { encoder, file, .. } = self;
        if self.added < self.frames {
            return Err(Error::invalid(format!(
                "{} of {} frames were added to {}; add the others before the end",
                self.added,
                self.frames,
                file.path().display()
            )));
        }
        match encoder {
            Encoder::Png(writer) => writer.finish().map_err(|error| file.failed(error))?,
            Encoder::Gif(writer, _) => {
                let mut out = writer.into_inner().map_err(|error| file.failed(error))?;
                out.flush().map_err(|error| file.failed(error))?;
            }
        }
        file.commit()
    }

    /// Whether one more frame of this shape (rows, columns, then `channels`) fits in.
    fn check(&self, shape: &[usize], channels: &[usize]) -> Result<()> {
        let wanted = [&[self.size.height, self.size.width], channels].concat();
        if shape != wanted {
            return Err(Error::invalid(format!(
                "the shape of the frame is {shape:?}; give {wanted:?}"
            )));
        }
        if self.added == self.frames {
            return Err(Error::invalid(format!(
                "all {} frames of the animation were added already; announce more",
                self.frames
            )));
        }
        Ok(())
    }
}

fn png_writer(
    out: BufWriter<File>,
    [width, height]: [u32; 2],
    frames: u32,
    milliseconds: u16,
) -> Result<png::Writer<BufWriter<File>>, png::EncodingError> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_deflate_compression(COMPRESSION);
    encoder.set_filter(png::Filter::Adaptive);
    // One frame is a picture, not an animation.
    if frames > 1 {
        encoder.set_animated(frames, 0)?;
        encoder.set_frame_delay(milliseconds, 1000)?;
    }
    encoder.write_header()
}

fn gif_writer(
    out: BufWriter<File>,
    [width, height]: [u16; 2],
) -> Result<gif::Encoder<BufWriter<File>>, gif::EncodingError> {
    let mut encoder = gif::Encoder::new(out, width, height, &[])?;
    encoder.set_repeat(gif::Repeat::Infinite)?;
    Ok(encoder)
}
