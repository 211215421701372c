//! The one error type. Every message is a sentence that says what was wrong,
//! which value, and what to do about it.

use std::path::PathBuf;

/// What can go wrong in the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside what the function accepts.
    #[error("{0}")]
    Invalid(String),
    /// A file or folder is not where it was said to be.
    #[error("{path}: no such file or folder; check the spelling, or give the full path", path = .0.display())]
    NotFound(PathBuf),
    /// A file could be opened but is not what it should be.
    #[error("{path}: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A file may be a picture, but in no format (or flavour of one) this library decodes.
    #[error("{path}: {reason}", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it seems to be and what to do.
        reason: String,
    },
    /// Reading or writing failed in the operating system.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A checkpoint does not fit the network it was given to.
    #[error("{0}")]
    Checkpoint(String),
    /// A file could not be fetched from any of its sources.
    #[error(
        "{name} could not be downloaded ({reasons}); try again (it goes on where it stopped), \
         or put the file into {folder} by hand", folder = folder.display()
    )]
    Download {
        /// The file's name.
        name: String,
        /// Where it belongs.
        folder: PathBuf,
        /// Every source, and what went wrong there.
        reasons: String,
    },
    /// A tensor computation failed (a device that was lost, an operation it lacks).
    #[error("the network failed on this device: {0}; try a smaller net size, or the device \"cpu\"")]
    Compute(String),
    /// A device that was asked for by name cannot be used.
    #[error("the device {name} cannot be used ({reason}); choose \"auto\" or \"cpu\" instead")]
    Device {
        /// Its name, such as `cuda:0`.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The device has no room for what a network needs.
    #[error(
        "the device is out of memory ({0}); try a smaller net size, precision f16, or the device \"cpu\""
    )]
    OutOfMemory(String),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Invalid`] from anything that prints.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Wraps an operating-system error with the path it happened at.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        if source.kind() == std::io::ErrorKind::NotFound {
            Self::NotFound(path)
        } else {
            Self::Io { path, source }
        }
    }
}

/// How the drivers spell that there is no room. Their errors reach us as text.
const NO_ROOM: [&str; 4] = [
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CURAND_STATUS_ALLOCATION_FAILED",
    "Failed to create metal resource: Buffer",
];

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string();
        match NO_ROOM.iter().find(|name| text.contains(**name)) {
            Some(name) => Self::OutOfMemory((*name).to_owned()),
            None => Self::Compute(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_device_is_told_from_a_broken_one() {
        let error = |text: &str| Error::from(candle_core::Error::Msg(text.into()));
        let full = error("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\") in memory.rs");
        assert!(matches!(full, Error::OutOfMemory(_)), "{full:?}");
        assert!(full.to_string().contains("smaller net size"), "{full}");
        let broken = error("DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)");
        assert!(matches!(broken, Error::Compute(_)), "{broken:?}");
    }
}
