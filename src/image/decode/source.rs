//! An open file, and what can be told about it before decoding.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use ::image::{ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::{Error, Result};

/// Bytes looked at to tell what a file is.
const HEAD: u64 = 512;

/// A picture file and its first bytes.
pub(in crate::image) struct Source {
    path: PathBuf,
    head: Vec<u8>,
}

impl Source {
    pub(in crate::image) fn open(path: &Path) -> Result<Self> {
        let mut source = Self {
            path: path.to_owned(),
            head: Vec::new(),
        };
        let read = source.open_again()?.take(HEAD).read_to_end(&mut source.head);
        read.map_err(|error| Error::io(path, error))?;
        Ok(source)
    }

    pub(in crate::image) fn path(&self) -> &Path {
        &self.path
    }

    /// The file from its start, for a decoder to keep.
    pub(in crate::image) fn open_again(&self) -> Result<BufReader<File>> {
        let file = File::open(&self.path).map_err(|error| Error::io(&self.path, error))?;
        Ok(BufReader::new(file))
    }

    /// The format, by content; by name only for TGA, which has no mark of its own.
    pub(in crate::image) fn format(&self) -> Result<ImageFormat> {
        if self.head.is_empty() {
            return Err(self.unreadable("the file is empty; get it again"));
        }
        if let Ok(format) = ::image::guess_format(&self.head) {
            return Ok(format);
        }
        if ImageFormat::from_path(&self.path).is_ok_and(|format| format == ImageFormat::Tga) {
            return Ok(ImageFormat::Tga);
        }
        let text = self.head.trim_ascii_start();
        let text = text
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(text)
            .to_ascii_lowercase();
        if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
            return Err(self.unreadable(
                "this is a web page, not a picture; the address it was saved from was not that of the picture itself",
            ));
        }
        Err(self.unknown("this is no picture in a format that is known here; convert it to PNG or JPEG"))
    }

    /// Whether pixels are indices into a table of colours.
    pub(in crate::image) fn has_palette(&self) -> bool {
        let at = |index: usize| self.head.get(index).copied().unwrap_or(0);
        match ::image::guess_format(&self.head) {
            Ok(ImageFormat::Gif) => true,
            Ok(ImageFormat::Png) => at(25) == 3,
            Ok(ImageFormat::Bmp) => matches!(at(28), 1..=8),
            _ => false,
        }
    }

    pub(in crate::image) fn decoder(&self, format: ImageFormat) -> Result<impl ImageDecoder + use<>> {
        let mut reader = ImageReader::with_format(self.open_again()?, format);
        reader.no_limits();
        reader.into_decoder().map_err(|error| self.error(error))
    }

    /// What a decoder says, as a sentence.
    pub(in crate::image) fn error(&self, error: ImageError) -> Error {
        match error {
            ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => self.cut_short(),
            ImageError::IoError(error) => Error::io(&self.path, error),
            ImageError::Unsupported(error) => {
                self.unknown(format!("this kind of picture is not known here ({error}); convert it to PNG or JPEG"))
            }
            ImageError::Limits(_) => self.unreadable("decoding this file takes more memory than its size explains; it is damaged, or made to do harm"),
            error => self.unreadable(format!("this file is damaged ({error}); get it again, or save it anew")),
        }
    }

    pub(in crate::image) fn cut_short(&self) -> Error {
        self.unreadable("the file ends in the middle of the picture; copy or download it again")
    }

    pub(in crate::image) fn unreadable(&self, reason: impl Into<String>) -> Error {
        Error::Unreadable {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }

    pub(in crate::image) fn unknown(&self, reason: impl Into<String>) -> Error {
        Error::UnknownFormat {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }
}
