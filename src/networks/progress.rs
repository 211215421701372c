//! Reporting a network's steps.

use std::fmt::Display;

use candle_core::Tensor;

use crate::monitor::Stage;
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

    /// Shows an intermediate result to whoever inspects the run, under the
    /// name that the official checkpoint gives the module it comes from.
    pub(super) fn show(&self, name: impl Display, x: &Tensor) {
        self.monitor.show(name, x);
    }

    /// One more step is finished.
    pub(super) fn step(&mut self) -> Result<()> {
        self.done += 1;
        self.monitor.report(Stage::Network, self.done, self.total)
    }
}
