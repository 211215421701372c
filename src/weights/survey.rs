//! What a network asked of a checkpoint, and what of it does not fit.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Checkpoint;

/// Examples of each kind that a sentence names.
const EXAMPLES: usize = 3;

/// Collects what does not fit while a network is read; see [`Checkpoint::surveyed`].
#[derive(Default)]
pub(crate) struct Survey(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    asked: BTreeSet<String>,
    missing: Vec<String>,
    /// Name, shape wanted, shape found.
    bent: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Survey {
    /// That `name` was asked for, with what shape, and what shape it has if it is there.
    pub(super) fn note(&self, name: &str, wanted: &[usize], found: Option<&[usize]>) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.asked.insert(name.to_owned()) {
            return;
        }
        match found {
            None => notes.missing.push(name.to_owned()),
            Some(found) if found != wanted => {
                notes
                    .bent
                    .push((name.to_owned(), wanted.to_vec(), found.to_vec()));
            }
            Some(_) => {}
        }
    }

    /// All that does not fit, as half a sentence; nothing if all that was asked for fits.
    ///
    /// Tensors that nobody asked for are only worth naming beside that:
    /// published files hold classifiers, index tables and counters.
    pub(crate) fn verdict(&self, checkpoint: &Checkpoint) -> Option<String> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = Vec::new();
        if !notes.missing.is_empty() {
            let names = listed(notes.missing.iter().cloned());
            parts.push(format!("{} missing ({names})", counted(notes.missing.len())));
        }
        if !notes.bent.is_empty() {
            let names = listed(
                notes
                    .bent
                    .iter()
                    .map(|(name, wanted, found)| format!("{name} is {found:?} instead of {wanted:?}")),
            );
            parts.push(match notes.bent.len() {
                1 => format!("1 tensor has another shape ({names})"),
                many => format!("{many} tensors have another shape ({names})"),
            });
        }
        if parts.is_empty() {
            return None;
        }
        let strange: Vec<&str> = checkpoint
            .names()
            .filter(|name| !notes.asked.contains(*name))
            .collect();
        if !strange.is_empty() {
            let names = listed(strange.iter().map(|name| (*name).to_owned()));
            parts.push(format!("{} not expected ({names})", counted(strange.len())));
        }
        Some(parts.join(", "))
    }
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 tensor is".to_owned(),
        many => format!("{many} tensors are"),
    }
}

/// The first few, and how many more there are.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let rest = names.len().saturating_sub(EXAMPLES);
    let first: Vec<_> = names.take(EXAMPLES).collect();
    match rest {
        0 => first.join(", "),
        rest => format!("{} and {rest} more", first.join(", ")),
    }
}
