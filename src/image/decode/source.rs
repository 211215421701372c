//! A picture file or its bytes, and what can be told about it before decoding.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::image::{ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::{Error, Result};

/// Bytes looked at to tell what a file is.
const HEAD: u64 = 512;

/// What a decoder may set aside before the size of the picture has been checked:
/// room for every honest profile, comment and preview.
const SIDE_CHUNKS: u64 = 32 << 20;

/// What decoders read from.
pub(in crate::image) trait Stream: BufRead + Seek + Send {}

impl<T: BufRead + Seek + Send> Stream for T {}

/// A picture file, or the bytes of one, and its first bytes.
pub struct Source {
    path: PathBuf,
    bytes: Option<Arc<[u8]>>,
    head: Vec<u8>,
    len: u64,
    numbers: Cell<bool>,
    warnings: RefCell<Vec<String>>,
}

impl Source {
    /// A file.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`]; [`Error::Unreadable`] for a pipe or a
    /// device, which may never end.
    pub fn open(path: &Path) -> Result<Self> {
        let about = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
        if !about.is_file() && !about.is_dir() {
            return Err(Error::Unreadable {
                path: path.to_owned(),
                reason: "this is a pipe or a device, not a file; save what comes out of it, and give that"
                    .to_owned(),
            });
        }
        Self::looked_at(path.to_owned(), None, about.len())
    }

    /// A file that is in memory, by the name that messages call it.
    ///
    /// # Errors
    /// None at present; reading memory does not fail.
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) -> Result<Self> {
        let bytes = bytes.into();
        let len = bytes.len() as u64;
        Self::looked_at(name.into(), Some(bytes), len)
    }

    fn looked_at(path: PathBuf, bytes: Option<Arc<[u8]>>, len: u64) -> Result<Self> {
        let mut source = Self {
            path,
            bytes,
            head: Vec::new(),
            len,
            numbers: Cell::new(false),
            warnings: RefCell::default(),
        };
        let read = source.open_again()?.take(HEAD).read_to_end(&mut source.head);
        read.map_err(|error| Error::io(&source.path, error))?;
        Ok(source)
    }

    /// What was read although not all of it was well, or not all was read: a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
    }

    pub(in crate::image) fn warn(&self, sentence: impl Into<String>) {
        self.warnings.borrow_mut().push(sentence.into());
    }

    /// From now on it is numbers that are wanted, so that no advice loses bits.
    pub(in crate::image) fn want_numbers(&self) {
        self.numbers.set(true);
    }

    /// What messages call it: the path, for a file.
    pub fn name(&self) -> &Path {
        &self.path
    }

    /// Its first bytes, up to 512.
    pub(in crate::image) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Bytes in all.
    pub(in crate::image) fn len(&self) -> u64 {
        self.len
    }

    /// The file from its start, for a decoder to keep.
    pub(in crate::image) fn open_again(&self) -> Result<Box<dyn Stream>> {
        if let Some(bytes) = &self.bytes {
            return Ok(Box::new(Cursor::new(Arc::clone(bytes))));
        }
        let file = File::open(&self.path).map_err(|error| Error::io(&self.path, error))?;
        Ok(Box::new(BufReader::new(file)))
    }

    /// The first `count` bytes, or all if there are fewer.
    pub(in crate::image) fn first_bytes(&self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.open_again()?.take(count).read_to_end(&mut bytes);
        read.map_err(|error| Error::io(&self.path, error))?;
        Ok(bytes)
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
        Err(self.unsupported("this is no picture in a format that is known here"))
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

    /// A decoder that has read what comes before the pixels, within bounds.
    pub(in crate::image) fn decoder(&self, format: ImageFormat) -> Result<impl ImageDecoder + use<>> {
        let mut reader = ImageReader::with_format(self.open_again()?, format);
        let mut limits = ::image::Limits::no_limits();
        // Of all decoders that of PNG looks at these, and for it they hold to the end: with rows
        // of pixels, of which it keeps a few.
        let width = self.head.get(16..20).map_or(0, |width| {
            width.iter().fold(0, |width, &byte| width << 8 | u64::from(byte))
        });
        limits.max_alloc = Some(SIDE_CHUNKS + 32 * width);
        reader.limits(limits);
        reader.into_decoder().map_err(|error| self.error(error))
    }

    /// What a decoder says, as a sentence.
    pub(in crate::image) fn error(&self, error: ImageError) -> Error {
        match error {
            ImageError::IoError(error) => self.io(error),
            ImageError::Unsupported(error) => {
                self.unsupported(format!("this kind of picture is not known here ({error})"))
            }
            ImageError::Limits(_) => self.unreadable("decoding this file takes more memory than its size explains; it is damaged, or made to do harm"),
            error => self.damaged(&error),
        }
    }

    /// What reading says, as a sentence.
    pub(in crate::image) fn io(&self, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.cut_short(),
            // An error of the decoder in disguise: the system's own have a number.
            _ if error.raw_os_error().is_none() => self.damaged(&error),
            _ => Error::io(&self.path, error),
        }
    }

    pub(in crate::image) fn damaged(&self, error: &dyn std::fmt::Display) -> Error {
        self.unreadable(format!(
            "this file is damaged ({error}); get it again, or save it anew"
        ))
    }

    pub(in crate::image) fn cut_short(&self) -> Error {
        self.unreadable("the file ends in the middle of the picture; copy or download it again")
    }

    pub(in crate::image) fn too_short_for(&self, width: u64, height: u64) -> Error {
        self.unreadable(format!(
            "{} bytes cannot hold the {width}x{height} pixels this file claims to have; it is damaged, or made to do harm",
            self.len
        ))
    }

    pub(in crate::image) fn unreadable(&self, reason: impl Into<String>) -> Error {
        Error::Unreadable {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }

    /// Not supported, with what to do about it.
    pub(in crate::image) fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        let remedy = if self.numbers.get() {
            "save the numbers as 16-bit PNG, TIFF, plain OpenEXR or NPY"
        } else {
            "convert it to PNG or JPEG"
        };
        Error::UnknownFormat {
            path: self.path.clone(),
            reason: format!("{what}; {remedy}"),
        }
    }
}
