//! From a catalog entry and a file to a network.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::registry::{Family, Loader, OfRole};
use crate::weights::catalog::{self, Entry, Role};
use crate::weights::{Checkpoint, Survey, Weights};
use crate::{Error, Result};

/// Loads the network of `entry` from `file`; `None` is for an embedded one.
/// With `tiling` a convolutional depth network wraps around the borders of its
/// input; see [`Spec::tiles`](super::Spec::tiles).
///
/// # Errors
/// [`Error::Checkpoint`] when the file holds another network or none, saying
/// what does not fit and what it holds; what [`Checkpoint::open`] says of a
/// damaged one; [`Error::Invalid`] for an entry of another role, and where a
/// file is missing.
pub fn load<N: OfRole>(
    entry: &Entry,
    file: Option<&Path>,
    device: &Device,
    dtype: DType,
    tiling: bool,
) -> Result<N> {
    let family = Family::of(entry)?;
    let load = N::loader(family).ok_or_else(|| other_role(entry, N::ROLE))?;
    let read = |checkpoint: &Checkpoint, device: &Device, dtype: DType| {
        let weights = Weights::new(checkpoint, device, dtype).with_tiling(tiling);
        load(&entry.config, checkpoint, &weights)
    };
    match (file, family.embedded) {
        (Some(file), _) => open(entry, file, device, dtype, read),
        (None, Some(embedded)) => read(&Checkpoint::from_bytes(embedded)?, device, dtype),
        (None, None) => Err(Error::invalid(format!(
            "{} is read from a file, and none was given",
            entry.id
        ))),
    }
}

fn other_role(entry: &Entry, wanted: Role) -> Error {
    let known: Vec<_> = catalog::entries()
        .iter()
        .filter(|entry| entry.role == wanted)
        .map(|entry| entry.id.as_str())
        .collect();
    Error::invalid(format!(
        "{} is a {} network, not a {} network; take one of {}",
        entry.id,
        entry.role.name(),
        wanted.name(),
        known.join(", ")
    ))
}

/// Reads a network from `file`; when it does not fit, the error says all about it.
fn open<T>(
    entry: &Entry,
    file: &Path,
    device: &Device,
    dtype: DType,
    read: impl Fn(&Checkpoint, &Device, DType) -> Result<T>,
) -> Result<T> {
    let checkpoint = Checkpoint::open(file)?;
    read(&checkpoint, device, dtype).map_err(|error| match error {
        Error::Checkpoint(reason) => {
            let all = survey(&checkpoint, read);
            misfit(entry, file, &checkpoint, &all.unwrap_or(reason))
        }
        error => error,
    })
}

fn misfit(entry: &Entry, file: &Path, checkpoint: &Checkpoint, reason: &str) -> Error {
    let file = file.display();
    let fitting = fitting(checkpoint);
    let advice = match fitting.as_slice() {
        [] => "it looks like no network that is known here".to_owned(),
        fitting if fitting.iter().any(|found| found.id == entry.id) => {
            "it is damaged or a changed version; fetch the published file again".to_owned()
        }
        [found, ..] => format!(
            "it looks like {}, so try {}",
            found.title,
            match found.role {
                Role::Depth => format!("--model {}", found.id),
                _ => format!("it as {}", found.id),
            }
        ),
    };
    Error::Checkpoint(format!(
        "{file} does not hold {}: {reason}; {advice}",
        entry.title
    ))
}

/// The catalog entry of the network that a checkpoint file holds, told by its
/// tensors' names and shapes.
///
/// # Errors
/// [`Error::Checkpoint`] when it is none of them, or one of several that only
/// their names tell apart; what [`Checkpoint::open`] says of a damaged file.
pub fn identify(file: &Path) -> Result<&'static Entry> {
    let checkpoint = Checkpoint::open(file)?;
    let text = |part: Option<&OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let (name, stem) = (text(file.file_name()), text(file.file_stem()));
    let folder = text(file.parent().and_then(Path::file_name));
    let named = |entry: &&Entry| {
        stem == entry.id
            || folder == entry.id
            || entry
                .files
                .iter()
                .any(|file| !file.is_generic() && (file.name == name || file.also.contains(&name)))
    };
    // Versions of a network can have the same tensors; then only the name of the file is left to go by.
    let fitting = fitting(&checkpoint);
    match fitting
        .iter()
        .copied()
        .find(named)
        .or(fitting.first().copied().filter(|_| fitting.len() == 1))
    {
        Some(entry) => Ok(entry),
        None => Err(Error::Checkpoint(match fitting.as_slice() {
            [] => format!(
                "{} holds no network that is known here; `rilievo models` lists those",
                file.display()
            ),
            several => format!(
                "{} may hold {}; say which with --model",
                file.display(),
                several
                    .iter()
                    .map(|entry| entry.id.as_str())
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
        })),
    }
}

/// Holds a file against the network of `entry`: a checkpoint that is whole and has every tensor of
/// that network, in its shape. Their numbers are not read.
///
/// # Errors
/// [`Error::Checkpoint`] saying what does not fit and what it looks like
/// instead; what [`Checkpoint::open`] says of a damaged file.
pub fn check(entry: &Entry, file: &Path) -> Result<()> {
    let checkpoint = Checkpoint::open(file)?;
    if !fitting(&checkpoint).iter().any(|found| found.id == entry.id) {
        return Err(misfit(entry, file, &checkpoint, "its tensors are others"));
    }
    let loader = &Family::of(entry)?.loader;
    let read = |checkpoint: &Checkpoint, device: &Device, dtype| {
        let (config, weights) = (entry.config.as_str(), Weights::new(checkpoint, device, dtype));
        match loader {
            Loader::Depth { load, .. } => load(config, checkpoint, &weights).map(drop),
            Loader::Merge { load } => load(config, checkpoint, &weights).map(drop),
            Loader::Background { load, .. } => load(config, checkpoint, &weights).map(drop),
            Loader::Inpaint { load } => load(config, checkpoint, &weights).map(drop),
        }
    };
    // The survey also writes down what a network can do without: whether it can is tried.
    match survey(&checkpoint, read) {
        Some(reason) if read(&checkpoint, &Device::Cpu, DType::F32).is_err() => {
            Err(misfit(entry, file, &checkpoint, &reason))
        }
        _ => Ok(()),
    }
}

/// All of a checkpoint that does not fit what `read` asks of it.
fn survey<T>(
    checkpoint: &Checkpoint,
    read: impl Fn(&Checkpoint, &Device, DType) -> Result<T>,
) -> Option<String> {
    let survey = Arc::new(Survey::default());
    let surveyed = checkpoint.clone().surveyed(survey.clone());
    // Only what was written down on the way is of interest.
    // In double precision nothing is packed, and zeros nobody looks at take no memory.
    match read(&surveyed, &Device::Cpu, DType::F64) {
        Ok(_) | Err(Error::Checkpoint(_)) => survey.verdict(checkpoint),
        Err(_) => None,
    }
}

/// The entries whose network has tensors like these.
fn fitting(checkpoint: &Checkpoint) -> Vec<&'static Entry> {
    let fits =
        |entry: &&Entry| Family::of(entry).is_ok_and(|family| (family.fits)(&entry.config, checkpoint));
    catalog::entries().iter().filter(fits).collect()
}
