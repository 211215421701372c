//! A checkpoint file: named tensors, read without executing anything.
//!
//! Files are mapped into memory, so that a tensor is copied once, when it is
//! asked for, and tensors nobody asks for cost nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use safetensors::SafeTensors;

use super::survey::Survey;
use super::view::View;
use super::{onnx, torch};
use crate::{Error, Result};

/// A header of safetensors may say how long it is, and be read at many times that.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// The tensors of one checkpoint, by name.
#[derive(Clone)]
pub struct Checkpoint {
    path: PathBuf,
    tensors: BTreeMap<String, Stored>,
    /// Where what a network asks for is written down; see [`surveyed`](Self::surveyed).
    survey: Option<Arc<Survey>>,
}

#[derive(Clone)]
enum Stored {
    View { bytes: Arc<Bytes>, view: View },
    Tensor(Tensor),
}

/// Bytes of a tensor from which on it pays to give their memory back.
const RELEASED: usize = 1 << 20;

enum Bytes {
    Mapped(Mmap),
    Memory(Cow<'static, [u8]>),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }

    /// Gives back the memory that reading `length` bytes from `start` of a mapped file took: they
    /// have been copied, and the weights should not be held twice.
    fn release(&self, start: usize, length: usize) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self
            && length >= RELEASED
        {
            // SAFETY: the map is of a file and read only, so its pages are filled again from the
            // file should anybody read them again.
            let released =
                unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length) };
            // Only memory is lost if the system does not know how.
            drop(released);
        }
        #[cfg(not(unix))]
        let _ = (start, length, RELEASED);
    }
}

impl Checkpoint {
    /// Opens a `.safetensors` file, a `.pt`/`.pth`/`.bin` file as
    /// `torch.save` writes it, or the weights of an `.onnx` file. The content
    /// decides, not the name.
    ///
    /// Of a nested torch file the dictionary with the most tensors is taken
    /// (`model`, `depth_model`, `state_dict`, ...), and a prefix `module.` that
    /// all names share is dropped.
    ///
    /// Of an ONNX file the initialisers are read. As exporters rename what they
    /// fold, those of its convolutions are also there as `Conv#<n>.weight` and
    /// `Conv#<n>.bias`, numbered from 0 in the order the file runs them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`], or [`Error::Unreadable`] saying what
    /// is wrong with the file. Nothing in the file is ever executed, and no
    /// more memory is taken than the file's own size warrants.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |error| Error::io(path, error);
        // Before it is opened: opening a pipe waits until somebody writes into it.
        let found = std::fs::metadata(path).map_err(io)?;
        if found.is_dir() {
            return Err(unreadable(
                path,
                "this is a folder; give the checkpoint file in it",
            ));
        }
        if !found.is_file() {
            return Err(unreadable(path, "this is no file; give a checkpoint file"));
        }
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(unreadable(path, EMPTY));
        }
        // SAFETY: the map is only read. Another process that shortens the file meanwhile
        // could make a read fail hard; that is the price every memory-mapped reader of
        // checkpoints pays for not holding the weights twice.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Self::read(Bytes::Mapped(map), path)
    }

    /// Reads a checkpoint that is part of the program, or in memory.
    ///
    /// # Errors
    /// [`Error::Unreadable`] as for [`open`](Self::open).
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::read(Bytes::Memory(bytes.into()), Path::new("embedded weights"))
    }

    /// Wraps tensors that are in memory already.
    pub fn from_tensors(tensors: HashMap<String, Tensor>) -> Self {
        let tensors = tensors
            .into_iter()
            .map(|(name, tensor)| (name, Stored::Tensor(tensor)))
            .collect();
        Self {
            path: PathBuf::from("tensors in memory"),
            tensors,
            survey: None,
        }
    }

    fn read(bytes: Bytes, path: &Path) -> Result<Self> {
        let bytes = Arc::new(bytes);
        let views = match Format::of(bytes.as_slice()) {
            Format::Torch => torch::views(bytes.as_slice()),
            Format::LegacyTorch => torch::legacy_views(bytes.as_slice()),
            Format::Safetensors => safetensors_views(bytes.as_slice()),
            Format::Onnx => onnx::views(bytes.as_slice()),
            Format::Other(what) => Err(what.into()),
        };
        let views = views.map_err(|reason| unreadable(path, &reason))?;
        let tensors = without_common_prefix(views)
            .into_iter()
            .map(|(name, view)| {
                (
                    name,
                    Stored::View {
                        bytes: bytes.clone(),
                        view,
                    },
                )
            })
            .collect();
        Ok(Self {
            path: path.to_owned(),
            tensors,
            survey: None,
        })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| match stored {
            Stored::View { view, .. } => view.shape.as_slice(),
            Stored::Tensor(tensor) => tensor.dims(),
        })
    }

    /// A tensor on `device` as `dtype`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it is missing or holds no floating-point
    /// numbers, [`Error::Compute`] when the device has no room.
    pub fn tensor(&self, name: &str, device: &Device, dtype: DType) -> Result<Tensor> {
        let stored = self
            .tensors
            .get(name)
            .ok_or_else(|| Error::Checkpoint(format!("{} has no tensor {name}", self.path.display())))?;
        let tensor = match stored {
            Stored::Tensor(tensor) => tensor.clone(),
            Stored::View { bytes, view } => {
                let dtype = view.dtype.ok_or_else(|| {
                    Error::Checkpoint(format!(
                        "{}: {name} holds no floating-point numbers",
                        self.path.display()
                    ))
                })?;
                let raw: Cow<'_, [u8]> = view.raw(bytes.as_slice());
                let tensor = Tensor::from_raw_buffer(&raw, dtype, &view.shape, &Device::Cpu)?;
                if matches!(raw, Cow::Borrowed(_)) {
                    bytes.release(view.start, raw.len());
                }
                tensor
            }
        };
        Ok(tensor.to_dtype(dtype)?.to_device(device)?)
    }

    /// The same tensors under other names; those renamed to `None` are left out.
    pub fn renamed(self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let tensors = self
            .tensors
            .into_iter()
            .filter_map(|(name, stored)| Some((rename(&name)?, stored)))
            .collect();
        Self { tensors, ..self }
    }

    /// The same checkpoint, which writes down in `survey` what is asked of it
    /// and answers every question about values with zeros of the right shape:
    /// a network that is read from it meets all that does not fit, not only
    /// the first.
    pub(crate) fn surveyed(self, survey: Arc<Survey>) -> Self {
        Self {
            survey: Some(survey),
            ..self
        }
    }

    pub(super) fn survey(&self) -> Option<&Survey> {
        self.survey.as_deref()
    }

    /// The same checkpoint with one more tensor, or another in its place.
    pub fn with(mut self, name: impl Into<String>, tensor: Tensor) -> Self {
        self.tensors.insert(name.into(), Stored::Tensor(tensor));
        self
    }
}

enum Format {
    Torch,
    LegacyTorch,
    Safetensors,
    Onnx,
    Other(&'static str),
}

impl Format {
    fn of(bytes: &[u8]) -> Self {
        if let Some(what) = text(bytes) {
            Self::Other(what)
        } else if bytes.starts_with(b"PK\x03\x04") {
            Self::Torch
        } else if bytes.get(8) == Some(&b'{') {
            Self::Safetensors
        } else if onnx::begins(bytes) {
            Self::Onnx
        } else if torch::begins_legacy(bytes) {
            Self::LegacyTorch
        } else if bytes.get(257..262) == Some(b"ustar") {
            Self::Other(
                "this is a tar file, perhaps in torch's format from before version 0.1.10; load it with torch once and \
                 save it again",
            )
        } else if matches!(bytes, [0x80, 2..=5, ..]) {
            Self::Other(
                "this is a bare pickle, which could run code and is not read; load it where you trust it and save its \
                 tensors as safetensors",
            )
        } else {
            Self::Other(
                "this is neither a .safetensors, torch nor .onnx checkpoint, or it is cut off; download it again",
            )
        }
    }
}

/// Why these bytes, the first of a file or all, are text and so no checkpoint; nothing for
/// anything else. Every format of checkpoints has a control character among its first bytes.
pub(super) fn text(bytes: &[u8]) -> Option<&'static str> {
    let bytes = &bytes[..bytes.len().min(512)];
    let plain = |byte: &u8| !byte.is_ascii_control() || b"\t\n\r\x0c".contains(byte);
    let wide = [&[0xff, 0xfe, b'<', 0][..], &[0xfe, 0xff, 0, b'<']];
    if wide.iter().any(|start| bytes.starts_with(start)) {
        return Some(WEB_PAGE);
    }
    if !bytes.iter().all(plain) {
        return None;
    }
    let start = String::from_utf8_lossy(bytes).to_lowercase();
    let start = start.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    if start.starts_with('<') {
        Some(WEB_PAGE)
    } else if start.starts_with("version https://git-lfs") {
        Some("this is a Git LFS pointer, not the file itself; fetch it with `git lfs pull` or download it")
    } else if start.starts_with(['{', '[']) {
        Some("this is JSON (a server's message, it seems), not a checkpoint; download it again")
    } else if bytes.len() >= 16 && start.contains(char::is_whitespace) {
        // Shorter ones say too little to be taken for a message.
        Some("this is text (a server's message, it seems), not a checkpoint; download it again")
    } else {
        None
    }
}

const EMPTY: &str = "the file is empty; download it again";
const WEB_PAGE: &str = "this is a web page, not a checkpoint; the download went wrong, fetch it again";

/// Why the file at `path` plainly is no checkpoint, told by its first bytes:
/// an empty file, a web page, a server's message, a Git LFS pointer. `None`
/// for everything else, and where there is no file to look into.
pub(super) fn impostor(path: &Path) -> Option<&'static str> {
    // A pipe would wait for a writer.
    if !path.is_file() {
        return None;
    }
    let mut start = Vec::with_capacity(512);
    File::open(path).ok()?.take(512).read_to_end(&mut start).ok()?;
    if start.is_empty() {
        Some(EMPTY)
    } else {
        text(&start)
    }
}

fn safetensors_views(bytes: &[u8]) -> Result<BTreeMap<String, View>, String> {
    let damaged = |error: safetensors::SafeTensorError| {
        format!("the safetensors header is damaged or the file is cut off ({error}); download it again")
    };
    let length = bytes
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length));
    if length > MAX_HEADER_BYTES {
        return Err(format!(
            "the safetensors header is {} MB long, which no checkpoint needs; the file is damaged, download it again",
            length >> 20
        ));
    }
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let base = bytes.as_ptr() as usize;
    let mut views = BTreeMap::new();
    for (name, tensor) in file.iter() {
        let dtype = match tensor.dtype() {
            safetensors::Dtype::F32 => Some(DType::F32),
            safetensors::Dtype::F16 => Some(DType::F16),
            safetensors::Dtype::BF16 => Some(DType::BF16),
            safetensors::Dtype::F64 => Some(DType::F64),
            _ => None,
        };
        // `deserialize` has checked that the tensor's bytes lie inside the buffer.
        let start = tensor.data().as_ptr() as usize - base;
        views.insert(
            name.to_owned(),
            View::contiguous(dtype, tensor.shape().to_vec(), start),
        );
    }
    Ok(views)
}

fn without_common_prefix(views: BTreeMap<String, View>) -> BTreeMap<String, View> {
    const PREFIX: &str = "module.";
    if views.is_empty() || !views.keys().all(|name| name.starts_with(PREFIX)) {
        return views;
    }
    views
        .into_iter()
        .map(|(name, view)| (name[PREFIX.len()..].to_owned(), view))
        .collect()
}

fn unreadable(path: &Path, reason: &str) -> Error {
    Error::Unreadable {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
