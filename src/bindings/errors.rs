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
create_exception!(rilievo, Cancelled, RilievoError, "The caller asked to stop.");

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(_) => PyValueError::new_err(message),
            Error::NotFound(_) => PyFileNotFoundError::new_err(message),
            Error::Io { .. } => PyOSError::new_err(message),
            Error::Cancelled => Cancelled::new_err(message),
            _ => RilievoError::new_err(message),
        }
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("RilievoError", py.get_type::<RilievoError>())?;
    module.add("Cancelled", py.get_type::<Cancelled>())
}
