//! Long work reports and stops: one callback, one cancel flag.

use crate::{Error, Result};

/// A progress callback: stage, steps done, steps in all.
pub type Report<'a> = dyn Fn(&str, u64, u64) + Sync + 'a;

/// Asked now and then: should the work stop?
pub type Cancel<'a> = dyn Fn() -> bool + Sync + 'a;

/// What long-running functions report to and stop for.
///
/// ```
/// use rilievo::Monitor;
/// let seen = std::sync::Mutex::new(Vec::new());
/// let report = |stage: &str, done: u64, total: u64| seen.lock().unwrap().push((stage.to_owned(), done, total));
/// let monitor = Monitor::new(Some(&report), None);
/// monitor.report("network", 1, 2)?;
/// assert_eq!(*seen.lock().unwrap(), [("network".to_owned(), 1, 2)]);
///
/// let stopped = Monitor::new(None, Some(&|| true));
/// assert!(matches!(stopped.check(), Err(rilievo::Error::Cancelled)));
/// # Ok::<(), rilievo::Error>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Monitor<'a> {
    report: Option<&'a Report<'a>>,
    cancel: Option<&'a Cancel<'a>>,
}

impl<'a> Monitor<'a> {
    /// A monitor that calls `report`, and stops once `cancel` answers true.
    pub fn new(report: Option<&'a Report<'a>>, cancel: Option<&'a Cancel<'a>>) -> Self {
        Self { report, cancel }
    }

    /// A monitor that hears nothing and never stops anything.
    pub fn silent() -> Self {
        Self::default()
    }

    /// One that stops as this one does but hears nothing: for parts of a stage
    /// that is reported as a whole.
    pub fn muted(&self) -> Self {
        Self {
            report: None,
            ..*self
        }
    }

    /// Says that `done` of `total` steps of `stage` are finished.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the caller asked to stop.
    pub fn report(&self, stage: &str, done: u64, total: u64) -> Result<()> {
        if let Some(report) = self.report {
            report(stage, done, total);
        }
        self.check()
    }

    /// Stops here if the caller asked for it. Cheap enough for inner loops
    /// over rows or tiles.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the caller asked to stop.
    pub fn check(&self) -> Result<()> {
        match self.cancel {
            Some(cancel) if cancel() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}
