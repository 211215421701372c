//! Progress and cancel across the border: Python gives a callback and an
//! event, Rust sees a [`Monitor`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{Error, Monitor, Result};

/// Asking Python whether to stop takes the GIL, so it is asked at most this often.
const POLL: Duration = Duration::from_millis(30);

/// Who looks after long work: any object with these two attributes, such as `rilievo.watch.Watch`.
#[derive(Default, FromPyObject)]
pub(super) struct Watch {
    /// Called as `progress(stage, done, total)`.
    progress: Option<Py<PyAny>>,
    /// Anything with `is_set()`, such as a `threading.Event`.
    cancel: Option<Py<PyAny>>,
}

impl Watch {
    /// The watch that keywords `progress` and `cancel` make, which are taken out.
    pub fn taken_from(keywords: &Bound<'_, PyDict>) -> PyResult<Self> {
        let take = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            let value = keywords.get_item(name)?.filter(|value| !value.is_none());
            if keywords.contains(name)? {
                keywords.del_item(name)?;
            }
            Ok(value.map(Bound::unbind))
        };
        Ok(Self {
            progress: take("progress")?,
            cancel: take("cancel")?,
        })
    }
}

/// Runs `work` with the GIL released.
///
/// An exception raised by `progress` or `cancel`,
/// or by a pending signal (Ctrl-C), stops the work and is raised to the caller.
/// Warnings go to the logger `rilievo`.
pub(super) fn watched<T: Send>(
    py: Python<'_>,
    watch: Option<Watch>,
    work: impl FnOnce(&Monitor) -> Result<T> + Send,
) -> PyResult<T> {
    run(py, watch, false, work)
}

/// [`watched`] for work that is divided among the thread pool in many short steps.
///
/// All of it runs on the pool, so that no step has to wake a sleeping thread; the
/// calling thread, the only one that sees signals, looks after them meanwhile.
pub(super) fn watched_in_pool<T: Send>(
    py: Python<'_>,
    watch: Option<Watch>,
    work: impl FnOnce(&Monitor) -> Result<T> + Send,
) -> PyResult<T> {
    // Called from a callback of other work, waiting here would keep a thread of the pool from this.
    let in_pool = rayon::current_thread_index().is_none();
    run(py, watch, in_pool, work)
}

fn run<T: Send>(
    py: Python<'_>,
    watch: Option<Watch>,
    in_pool: bool,
    work: impl FnOnce(&Monitor) -> Result<T> + Send,
) -> PyResult<T> {
    let Watch { progress, cancel } = watch.unwrap_or_default();
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
    let ask = || {
        heed(Python::attach(|py| {
            py.check_signals()?;
            is_set(py)
        }));
    };
    let report = |stage: &str, done: u64, total: u64| {
        if let Some(progress) = &progress {
            heed(Python::attach(|py| {
                progress.call1(py, (stage, done, total))?;
                is_set(py)
            }));
        }
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

    let mut result = Err(Error::Cancelled);
    if in_pool {
        // A flag that is set already should not wait for the first look.
        ask();
        let cancelled = || stop.load(Ordering::Relaxed);
        let monitor = Monitor::new(Some(&report), Some(&cancelled)).with_warnings(&warn);
        py.detach(|| {
            let (done, finished) = mpsc::sync_channel::<()>(1);
            let (monitor, result) = (&monitor, &mut result);
            rayon::in_place_scope(|scope| {
                scope.spawn(move |_| {
                    // Dropped at the end, also when the work panics.
                    let _done = done;
                    *result = work(monitor);
                });
                while finished.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                    ask();
                }
            });
        });
    } else {
        let started = Instant::now();
        let next_poll = AtomicU64::new(0);
        let cancelled = || {
            let now = started.elapsed().as_millis() as u64;
            if !stop.load(Ordering::Relaxed) && now >= next_poll.load(Ordering::Relaxed) {
                next_poll.store(now + POLL.as_millis() as u64, Ordering::Relaxed);
                ask();
            }
            stop.load(Ordering::Relaxed)
        };
        let monitor = Monitor::new(Some(&report), Some(&cancelled)).with_warnings(&warn);
        result = py.detach(|| work(&monitor));
    }
    let raised = raised
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    match (result, raised) {
        (Err(Error::Cancelled), Some(error)) => Err(error),
        (result, _) => result.map_err(PyErr::from),
    }
}
