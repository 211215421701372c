//! Telling how far one run of a network has come.

use crate::{Monitor, Result};

/// Counts the steps of one run.
pub(super) struct Progress<'a> {
    monitor: &'a Monitor<'a>,
    done: u64,
    total: u64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(monitor: &'a Monitor<'a>, total: usize) -> Self {
        Self {
            monitor,
            done: 0,
            total: total as u64,
        }
    }

    /// One more step is done; stops the run if the caller asked for it.
    pub(super) fn step(&mut self) -> Result<()> {
        self.done += 1;
        self.monitor.report("network", self.done, self.total)
    }
}
