//! Progress and cancel across the border: Python gives a callback and an
//! event, Rust sees a [`Monitor`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use pyo3::prelude::*;

use crate::{Error, Monitor, Result};

/// Asking Python whether to stop takes the GIL, so it is asked at most this often.
const POLL_MILLISECONDS: u64 = 30;

/// Runs `work` with the GIL released.
///
/// `progress` is called as `progress(stage, done, total)`; `cancel` is anything
/// with `is_set()`, such as a `threading.Event`. An exception raised by either,
/// or by a pending signal (Ctrl-C), stops the work and is raised to the caller.
/// Warnings go to the logger `rilievo`.
pub(super) fn watched<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    cancel: Option<Py<PyAny>>,
    work: impl FnOnce(&Monitor) -> Result<T> + Send,
) -> PyResult<T> {
    let raised: Mutex<Option<PyErr>> = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let next_poll = AtomicU64::new(0);

    let keep = |error: PyErr| {
        stop.store(true, Ordering::Relaxed);
        raised
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .get_or_insert(error);
    };
    let report = |stage: &str, done: u64, total: u64| {
        if let Some(progress) = &progress
            && let Err(error) = Python::attach(|py| progress.call1(py, (stage, done, total)))
        {
            keep(error);
        }
    };
    let cancelled = || {
        let now = started.elapsed().as_millis() as u64;
        if !stop.load(Ordering::Relaxed) && now >= next_poll.load(Ordering::Relaxed) {
            next_poll.store(now + POLL_MILLISECONDS, Ordering::Relaxed);
            let asked = Python::attach(|py| {
                py.check_signals()?;
                cancel
                    .as_ref()
                    .map_or(Ok(false), |event| event.call_method0(py, "is_set")?.is_truthy(py))
            });
            match asked {
                Ok(true) => stop.store(true, Ordering::Relaxed),
                Ok(false) => {}
                Err(error) => keep(error),
            }
        }
        stop.load(Ordering::Relaxed)
    };

    let warn = |sentence: &str| {
        let logged = Python::attach(|py| {
            let logger = py.import("logging")?.call_method1("getLogger", ("rilievo",))?;
            logger.call_method1("warning", ("%s", sentence)).map(drop)
        });
        if let Err(error) = logged {
            keep(error);
        }
    };

    let monitor = Monitor::new(Some(&report), Some(&cancelled)).with_warnings(&warn);
    let result = py.detach(|| work(&monitor));
    let raised = raised
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    match (result, raised) {
        (Err(Error::Cancelled), Some(error)) => Err(error),
        (result, _) => result.map_err(PyErr::from),
    }
}
