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
    /// A tensor computation failed (out of memory, device lost).
    #[error("the network failed on this device: {0}; try a smaller net size, or the device \"cpu\"")]
    Compute(String),
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

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute(error.to_string())
    }
}
