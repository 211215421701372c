//! The library's errors as Python exceptions.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::Error;

create_exception!(
    rilievo,
    RilievoError,
    PyException,
    "Something rilievo could not do: the message says what was wrong and what to do about it."
);
create_exception!(
    rilievo,
    UnknownFormat,
    RilievoError,
    "A picture file in a format that is not decoded here; Pillow may know it."
);
create_exception!(rilievo, Cancelled, RilievoError, "The caller asked to stop.");

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(_) => PyValueError::new_err(message),
            Error::NotFound(_) => PyFileNotFoundError::new_err(message),
            // With its number Python picks the right subclass (PermissionError, ...).
            Error::Io { path, source } => match source.raw_os_error().filter(|_| cfg!(unix)) {
                Some(number) => PyOSError::new_err((number, reason(&source), path)),
                None => PyOSError::new_err(message),
            },
            Error::UnknownFormat { .. } => UnknownFormat::new_err(message),
            Error::Cancelled => Cancelled::new_err(message),
            _ => RilievoError::new_err(message),
        }
    }
}

/// What the operating system said, without the number that Python adds itself.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("RilievoError", py.get_type::<RilievoError>())?;
    module.add("UnknownFormat", py.get_type::<UnknownFormat>())?;
    module.add("Cancelled", py.get_type::<Cancelled>())
}
