//! Which families of networks there are. A family's file describes it in a
//! constant `FAMILY`; a new one gets a line in [`FAMILIES`] and a row in
//! `models/catalog.toml` for each of its configurations.

use super::network::{BackgroundNetwork, DepthNetwork, InpaintNetwork, MergeNetwork, Network, Spec};
use super::{
    background, depth_anything, dpt, inpaint, isnet, leres, midas_v21, pix2pix, pocket, u2net, zoedepth,
};
use crate::weights::catalog::{Entry, Role};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Result};

/// All families.
pub static FAMILIES: [&Family; 10] = [
    &depth_anything::FAMILY,
    &dpt::FAMILY,
    &inpaint::FAMILY,
    &isnet::FAMILY,
    &leres::FAMILY,
    &midas_v21::FAMILY,
    &pix2pix::FAMILY,
    &pocket::FAMILY,
    &u2net::FAMILY,
    &zoedepth::FAMILY,
];

/// Networks of one architecture: how they are told apart, and how they are loaded.
///
/// Its functions take the name of one of its `configs`.
pub struct Family {
    /// What the catalog calls it.
    pub name: &'static str,
    /// The published networks of it, as the catalog calls them.
    pub configs: &'static [&'static str],
    /// The checkpoint of the one that is part of the program.
    pub embedded: Option<&'static [u8]>,
    /// Whether half precision is fine enough for it: where not, automatic precision is single.
    pub half: bool,
    /// Whether a checkpoint has this network's tensors, told by their names and shapes.
    pub fits: fn(config: &str, &Checkpoint) -> bool,
    /// What it is for, and how it is loaded.
    pub loader: Loader,
}

/// Reads the network of a configuration from a checkpoint; the weights are the root of that.
pub type Load<N> = fn(config: &str, &Checkpoint, &Weights<'_>) -> Result<N>;

/// How the networks of a family are loaded, by what they are for.
pub enum Loader {
    /// Estimate depth.
    Depth {
        /// What the network will say about itself.
        spec: fn(config: &str) -> Result<Spec>,
        /// Loads it.
        load: Load<Box<DepthNetwork>>,
    },
    /// Merge two depth maps.
    Merge {
        /// Loads it.
        load: Load<Box<MergeNetwork>>,
    },
    /// Tell a foreground from its background.
    Background {
        /// What the network will say about itself.
        spec: fn(config: &str) -> Result<background::Config>,
        /// Loads it.
        load: Load<Box<BackgroundNetwork>>,
    },
    /// Continue a picture behind what hides it.
    Inpaint {
        /// Loads it.
        load: Load<Box<InpaintNetwork>>,
    },
}

impl Family {
    /// The family of a row of the catalog.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is none that has the row's configuration.
    pub fn of(entry: &Entry) -> Result<&'static Self> {
        let config = entry.config.as_str();
        let of = |family: &&&Self| family.name == entry.family && family.configs.contains(&config);
        FAMILIES.iter().find(of).copied().ok_or_else(|| {
            Error::invalid(format!(
                "{} is the configuration {config:?} of the family {:?}, which no network here has",
                entry.id, entry.family
            ))
        })
    }

    /// What its networks are for.
    pub fn role(&self) -> Role {
        match self.loader {
            Loader::Depth { .. } => Role::Depth,
            Loader::Merge { .. } => Role::Merge,
            Loader::Background { .. } => Role::Background,
            Loader::Inpaint { .. } => Role::Inpaint,
        }
    }

    /// What its depth network of this configuration will say about itself; `None` for helpers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown configuration.
    pub fn spec(&self, config: &str) -> Result<Option<Spec>> {
        match self.loader {
            Loader::Depth { spec, .. } => spec(config).map(Some),
            _ => Ok(None),
        }
    }

    /// Width and height of its usual input; `None` where any size is right.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown configuration.
    pub fn net_size(&self, config: &str) -> Result<Option<(usize, usize)>> {
        Ok(match self.loader {
            Loader::Depth { spec, .. } => Some(spec(config)?.preprocessing.net_size),
            Loader::Merge { .. } => Some((pix2pix::Pix2Pix::MULTIPLE, pix2pix::Pix2Pix::MULTIPLE)),
            Loader::Background { spec, .. } => spec(config).map(|spec| Some((spec.side, spec.side)))?,
            Loader::Inpaint { .. } => None,
        })
    }
}

/// Networks of one role, as [`load`](super::load()) gives them.
pub trait OfRole: Network + Sized + 'static {
    /// Their role.
    const ROLE: Role;

    /// How a family loads them, if its networks have that role.
    fn loader(family: &Family) -> Option<Load<Self>>;
}

macro_rules! of_role {
    ($($network:ty: $role:ident),*) => {$(
        impl OfRole for Box<$network> {
            const ROLE: Role = Role::$role;

            fn loader(family: &Family) -> Option<Load<Self>> {
                match family.loader {
                    Loader::$role { load, .. } => Some(load),
                    _ => None,
                }
            }
        }
    )*};
}

of_role!(DepthNetwork: Depth, MergeNetwork: Merge, BackgroundNetwork: Background, InpaintNetwork: Inpaint);

/// Configurations of a family by name.
pub(super) type Configs<C, const N: usize> = [(&'static str, fn() -> C); N];

/// The names in a table of configurations.
pub(super) const fn names<C, const N: usize>(table: &Configs<C, N>) -> [&'static str; N] {
    let mut names = [""; N];
    let mut i = 0;
    while i < N {
        names[i] = table[i].0;
        i += 1;
    }
    names
}

/// The configuration of this name.
pub(super) fn named<C, const N: usize>(family: &str, table: &Configs<C, N>, name: &str) -> Result<C> {
    if let Some((_, config)) = table.iter().find(|(known, _)| *known == name) {
        return Ok(config());
    }
    let known = names(table);
    let known = match known.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => known.concat(),
    };
    Err(Error::invalid(format!(
        "{family} has no configuration {name:?}; known are {known}"
    )))
}
