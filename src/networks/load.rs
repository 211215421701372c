//! From a catalog entry and a file to a network.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::background::Background;
use super::depth_anything::{self, DepthAnything};
use super::dpt::{self, Dpt};
use super::inpaint::{ColorNet, DepthNet, EdgeNet};
use super::leres::LeReS;
use super::midas_v21::{self, MidasV21};
use super::pix2pix::Pix2Pix;
use super::pocket::Pocket;
use super::zoedepth::{self, ZoeDepth};
use super::{DepthNetwork, background};
use crate::weights::catalog::{self, Entry, Role};
use crate::weights::{Checkpoint, Survey, Weights};
use crate::{Error, Result};

/// Loads the depth network of `entry` from `file`; `None` is for the embedded
/// one. With `tiling` a convolutional network wraps around the borders of its
/// input; see [`DepthNetwork::tiles`].
///
/// # Errors
/// [`Error::Checkpoint`] when the file holds another network or none, saying
/// what does not fit and what it holds; what [`Checkpoint::open`] says of a
/// damaged one; [`Error::Invalid`] for a helper.
pub fn load(
    entry: &Entry,
    file: Option<&Path>,
    device: &Device,
    dtype: DType,
    tiling: bool,
) -> Result<Box<dyn DepthNetwork>> {
    check_role(entry, Role::Depth)?;
    let Some(file) = file else {
        return Ok(Box::new(Pocket::embedded_for(device, dtype, tiling)?));
    };
    open(entry, file, device, dtype, |checkpoint, device, dtype| {
        let weights = Weights::new(checkpoint, device, dtype).with_tiling(tiling);
        depth_network(entry, checkpoint, &weights)
    })
}

/// Loads the network that merges two depth maps.
///
/// # Errors
/// As [`load`]; [`Error::Invalid`] for an entry of another role.
pub fn load_merge(entry: &Entry, file: &Path, device: &Device, dtype: DType) -> Result<Pix2Pix> {
    check_role(entry, Role::Merge)?;
    open(entry, file, device, dtype, Pix2Pix::load)
}

/// Loads a network that tells a foreground from its background.
///
/// # Errors
/// As [`load`]; [`Error::Invalid`] for an entry of another role.
pub fn load_background(entry: &Entry, file: &Path, device: &Device, dtype: DType) -> Result<Background> {
    check_role(entry, Role::Background)?;
    open(entry, file, device, dtype, |checkpoint, device, dtype| {
        Background::load(entry, checkpoint, device, dtype)
    })
}

/// The three networks that continue a picture, its depth and its outlines
/// behind what hides them.
pub struct Inpainting {
    /// Continues outlines.
    pub edge: EdgeNet,
    /// Continues depth.
    pub depth: DepthNet,
    /// Continues colours.
    pub color: ColorNet,
}

/// Loads the three inpainting networks from the files that `locate` finds for
/// their catalog entries.
///
/// # Errors
/// As [`load`], and what `locate` says.
pub fn load_inpainting(
    locate: impl Fn(&'static Entry) -> Result<std::path::PathBuf>,
    device: &Device,
    dtype: DType,
) -> Result<Inpainting> {
    fn part<T>(
        id: &str,
        locate: &impl Fn(&'static Entry) -> Result<std::path::PathBuf>,
        device: &Device,
        dtype: DType,
        read: impl Fn(&Checkpoint, &Device, DType) -> Result<T>,
    ) -> Result<T> {
        let entry = catalog::find(id)?;
        open(entry, &locate(entry)?, device, dtype, read)
    }
    Ok(Inpainting {
        edge: part("inpaint_edge", &locate, device, dtype, EdgeNet::load)?,
        depth: part("inpaint_depth", &locate, device, dtype, DepthNet::load)?,
        color: part("inpaint_color", &locate, device, dtype, ColorNet::load)?,
    })
}

fn check_role(entry: &Entry, wanted: Role) -> Result<()> {
    if entry.role == wanted {
        return Ok(());
    }
    let known: Vec<_> = catalog::entries()
        .iter()
        .filter(|entry| entry.role == wanted)
        .map(|entry| entry.id.as_str())
        .collect();
    Err(Error::invalid(format!(
        "{} is a {} network, not a {} network; take one of {}",
        entry.id,
        entry.role.name(),
        wanted.name(),
        known.join(", ")
    )))
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

fn depth_network(
    entry: &Entry,
    checkpoint: &Checkpoint,
    weights: &Weights<'_>,
) -> Result<Box<dyn DepthNetwork>> {
    let (config, device, dtype) = (entry.config.as_str(), weights.device(), weights.dtype());
    Ok(match entry.family.as_str() {
        "depth_anything" => {
            let config = depth_anything::Config::named(config)?;
            Box::new(DepthAnything::load(checkpoint, &config, device, dtype)?)
        }
        "dpt" => {
            let config = dpt::Config::named(config)?;
            Box::new(Dpt::load(checkpoint, &config, device, dtype)?)
        }
        "leres" => Box::new(LeReS::new(weights)?),
        "midas_v21" => Box::new(MidasV21::new(weights, &midas_v21::Config::named(config)?)?),
        "zoedepth" => {
            let config = zoedepth::Config::named(config)?;
            Box::new(ZoeDepth::load(checkpoint, &config, device, dtype)?)
        }
        family => {
            return Err(Error::invalid(format!(
                "the catalog names an unknown family {family:?}"
            )));
        }
    })
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
    let read = |checkpoint: &Checkpoint, device: &Device, dtype| {
        let (config, weights) = (entry.config.as_str(), Weights::new(checkpoint, device, dtype));
        match (entry.role, config) {
            (Role::Depth, _) => depth_network(entry, checkpoint, &weights).map(drop),
            (Role::Merge, _) => Pix2Pix::load(checkpoint, device, dtype).map(drop),
            (Role::Background, _) => Background::load(entry, checkpoint, device, dtype).map(drop),
            (Role::Inpaint, "edge") => EdgeNet::load(checkpoint, device, dtype).map(drop),
            (Role::Inpaint, "depth") => DepthNet::load(checkpoint, device, dtype).map(drop),
            (Role::Inpaint, _) => ColorNet::load(checkpoint, device, dtype).map(drop),
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
    catalog::entries()
        .iter()
        .filter(|entry| {
            let config = entry.config.as_str();
            match entry.family.as_str() {
                "depth_anything" => {
                    depth_anything::Config::named(config).is_ok_and(|config| config.fits(checkpoint))
                }
                "dpt" => dpt::Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
                "leres" => LeReS::fits(checkpoint),
                "midas_v21" => midas_v21::Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
                "zoedepth" => zoedepth::Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
                "pix2pix" => Pix2Pix::fits(checkpoint),
                "inpaint" => match config {
                    "edge" => EdgeNet::fits(checkpoint),
                    "depth" => DepthNet::fits(checkpoint),
                    "color" => ColorNet::fits(checkpoint),
                    _ => false,
                },
                "u2net" | "isnet" => background::fits(&entry.family, checkpoint),
                _ => false,
            }
        })
        .collect()
}
