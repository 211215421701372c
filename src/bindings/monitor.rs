//! Progress and cancel across the border: Python gives a callback and an
//! event, Rust sees a [`Monitor`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use pyo3::prelude::*;

use crate::{Error, Monitor, Result};

/// How often Python is asked whether to stop.
const POLL: Duration = Duration::from_millis(30);

/// Runs `work` with the GIL released.
///
/// The work runs on the thread pool, whose threads then share what it divides
/// among them without waking one another for every step; this thread waits, and
/// looks after signals and the cancel flag.
///
/// `progress` is called as `progress(stage, done, total)`; `cancel` is anything
/// with `is_set()`, such as a `threading.Event`. An exception raised by either,
/// or by a pending signal (Ctrl-C), stops the work and is raised to the caller.
pub(super) fn watched<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    cancel: Option<Py<PyAny>>,
    work: impl FnOnce(&Monitor) -> Result<T> + Send,
) -> PyResult<T> {
    let raised: Mutex<Option<PyErr>> = Mutex::new(None);
    let stop = AtomicBool::new(false);

    let keep = |error: PyErr| {
        stop.store(true, Ordering::Relaxed);
        raised
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .get_or_insert(error);
    };
    let is_set = |py: Python<'_>| {
        cancel
            .as_ref()
            .map_or(Ok(false), |event| event.call_method0(py, "is_set")?.is_truthy(py))
    };
    let heed = |asked: PyResult<bool>| match asked {
        Ok(true) => stop.store(true, Ordering::Relaxed),
        Ok(false) => {}
        Err(error) => keep(error),
    };
    let report = |stage: &str, done: u64, total: u64| {
        if let Some(progress) = &progress {
            heed(Python::attach(|py| {
                progress.call1(py, (stage, done, total))?;
                is_set(py)
            }));
        }
    };
    let ask = || {
        heed(Python::attach(|py| {
            py.check_signals()?;
            is_set(py)
        }));
    };

    // An event that is set already should not wait for the first look.
    ask();
    let mut result = Err(Error::Cancelled);
    py.detach(|| {
        if rayon::current_thread_index().is_some() {
            // Called from a callback of other work: waiting here would keep the pool's thread from it.
            let cancelled = || {
                ask();
                stop.load(Ordering::Relaxed)
            };
            result = work(&Monitor::new(Some(&report), Some(&cancelled)));
            return;
        }
        let cancelled = || stop.load(Ordering::Relaxed);
        let (done, finished) = mpsc::sync_channel::<()>(1);
        let (report, cancelled, result) = (&report, &cancelled, &mut result);
        rayon::in_place_scope(|scope| {
            scope.spawn(move |_| {
                // Dropped at the end, also if the work panics.
                let _done = done;
                *result = work(&Monitor::new(Some(report), Some(cancelled)));
            });
            while finished.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                ask();
            }
        });
    });
    let raised = raised
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    match (result, raised) {
        (Err(Error::Cancelled), Some(error)) => Err(error),
        (result, _) => result.map_err(PyErr::from),
    }
}
