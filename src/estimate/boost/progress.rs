//! How far a boosted run is, and so how long it still takes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::plan::Plan;
use crate::monitor::Stage;
use crate::{Monitor, Result};

/// What a run is divided into when it reports.
const STEPS: u64 = 1000;
/// Until it is measured, how the time for an estimate grows with its number of
/// pixels: the attention of transformers grows faster than that.
const GROWTH: f64 = 1.25;
/// Until it is measured, how long a merge takes, in estimates at the field.
const MERGE: f64 = 2.0;

/// The parts of a run that take their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// An estimate at the receptive field's size.
    Field,
    /// The large estimate of the whole picture.
    Whole,
    /// The large estimate of a patch.
    Patch,
    /// Two maps merged.
    Merge,
}

/// Measures parts, foretells the others, reports.
pub(super) struct TimedProgress<'a> {
    monitor: Monitor<'a>,
    patches: usize,
    /// Times of parts, at first in estimates at the field.
    expected: HashMap<Part, f64>,
    state: Mutex<State>,
    reached: AtomicU64,
}

struct State {
    stage: Stage,
    measured: HashMap<Part, Times>,
    left: HashMap<Part, usize>,
}

#[derive(Clone, Copy, Default)]
struct Times {
    seconds: f64,
    count: usize,
}

impl<'a> TimedProgress<'a> {
    pub fn new(plan: &Plan, monitor: &Monitor<'a>) -> Self {
        let growth = |side: usize| (side as f64 / plan.field as f64).powf(2.0 * GROWTH);
        let patches = plan.patches.len();
        Self {
            monitor: *monitor,
            patches,
            expected: HashMap::from([
                (Part::Field, 1.0),
                (Part::Whole, growth(plan.whole)),
                (Part::Patch, growth(2 * plan.field)),
                (Part::Merge, MERGE),
            ]),
            state: Mutex::new(State {
                stage: Stage::BoostWhole,
                measured: HashMap::new(),
                left: HashMap::from([
                    (Part::Field, 1 + patches),
                    (Part::Whole, 1),
                    (Part::Patch, patches),
                    (Part::Merge, 1 + 2 * patches),
                ]),
            }),
            reached: AtomicU64::new(0),
        }
    }

    /// Says which patch it is at, counted from 1.
    pub fn at_patch(&self, patch: usize) -> Result<()> {
        self.state().stage = Stage::BoostPatch {
            patch,
            patches: self.patches,
        };
        self.report(None)
    }

    /// Says that all is done.
    pub fn finished(&self) -> Result<()> {
        self.reached.store(STEPS, Ordering::Relaxed);
        self.report(None)
    }

    /// Does `count` parts of a kind, which report to the monitor they are given.
    pub fn timed<T>(
        &self,
        part: Part,
        count: usize,
        work: impl FnOnce(&Monitor<'_>) -> Result<T>,
    ) -> Result<T> {
        self.report(None)?;
        let within = |_: &str, done: u64, total: u64| {
            let share = done as f64 / total.max(1) as f64;
            // Whether to stop is asked by whoever reports to this.
            let _ = self.report(Some((part, count as f64 * share.min(1.0))));
        };
        let started = Instant::now();
        let result = work(&self.monitor.reporting_to(&within))?;
        let mut state = self.state();
        let times = state.measured.entry(part).or_default();
        times.seconds += started.elapsed().as_secs_f64();
        times.count += count;
        if let Some(left) = state.left.get_mut(&part) {
            *left = left.saturating_sub(count);
        }
        drop(state);
        self.report(None)?;
        Ok(result)
    }

    /// Reports; `now` is how many parts of a kind are done beside those measured.
    fn report(&self, now: Option<(Part, f64)>) -> Result<()> {
        let state = self.state();
        let share = self.share(&state, now);
        let stage = state.stage;
        drop(state);
        let step = ((STEPS as f64 * share) as u64).min(STEPS);
        // A foretold time that turns out longer must not lead back.
        let before = self.reached.fetch_max(step, Ordering::Relaxed);
        self.monitor.report(stage, step.max(before), STEPS)
    }

    /// How much of the time is over.
    fn share(&self, state: &State, now: Option<(Part, f64)>) -> f64 {
        // What estimates at the field took relates the foretold times to seconds.
        let unit = mean(state, Part::Field).unwrap_or(1.0);
        let seconds = |part: Part| mean(state, part).unwrap_or(unit * self.expected[&part]);
        let past: f64 = state.measured.values().map(|times| times.seconds).sum();
        let done = now.map_or(0.0, |(part, count)| count * seconds(part));
        let left: f64 = state
            .left
            .iter()
            .map(|(&part, &count)| count as f64 * seconds(part))
            .sum();
        let all = past + left;
        if all > 0.0 { (past + done) / all } else { 1.0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one part of a kind took.
fn mean(state: &State, part: Part) -> Option<f64> {
    let times = state.measured.get(&part)?;
    Some(times.seconds / times.count.max(1) as f64)
}
