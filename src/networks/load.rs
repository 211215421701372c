//! From a catalog entry and a file to a network.

use std::ffi::OsStr;
use std::path::Path;

use candle_core::{DType, Device};

use super::DepthNetwork;
use super::depth_anything::{self, DepthAnything};
use super::pocket::Pocket;
use crate::weights::Checkpoint;
use crate::weights::catalog::{self, Entry};
use crate::{Error, Result};

/// Loads the network of `entry` from `file`; `None` is for the embedded one.
///
/// # Errors
/// [`Error::Checkpoint`] when the file holds another network or none, saying
/// what it holds; what [`Checkpoint::open`] says of a damaged one.
pub fn load(
    entry: &Entry,
    file: Option<&Path>,
    device: &Device,
    dtype: DType,
) -> Result<Box<dyn DepthNetwork>> {
    let Some(file) = file else {
        return Ok(Box::new(Pocket::embedded(device, dtype)?));
    };
    let checkpoint = Checkpoint::open(file)?;
    let network = network(entry, &checkpoint, device, dtype);
    network.map_err(|error| match (error, fitting(&checkpoint).first()) {
        (Error::Checkpoint(reason), Some(found)) if found.id != entry.id => Error::Checkpoint(format!(
            "{} does not hold {}: {reason}; it looks like {}, so try --model {}",
            file.display(),
            entry.title,
            found.title,
            found.id
        )),
        (Error::Checkpoint(reason), _) => Error::Checkpoint(format!(
            "{} does not hold {}: {reason}",
            file.display(),
            entry.title
        )),
        (error, _) => error,
    })
}

fn network(
    entry: &Entry,
    checkpoint: &Checkpoint,
    device: &Device,
    dtype: DType,
) -> Result<Box<dyn DepthNetwork>> {
    match entry.family.as_str() {
        "depth_anything" => {
            let config = depth_anything::Config::named(&entry.config)?;
            Ok(Box::new(DepthAnything::load(checkpoint, &config, device, dtype)?))
        }
        family => Err(Error::invalid(format!(
            "the catalog names an unknown family {family:?}"
        ))),
    }
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

/// The entries whose network has tensors like these.
fn fitting(checkpoint: &Checkpoint) -> Vec<&'static Entry> {
    catalog::entries()
        .iter()
        .filter(|entry| match entry.family.as_str() {
            "depth_anything" => {
                depth_anything::Config::named(&entry.config).is_ok_and(|config| config.fits(checkpoint))
            }
            _ => false,
        })
        .collect()
}
