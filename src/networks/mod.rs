//! Floor 1: one file per family of networks. Tensors in, tensors out.
//!
//! A [`Network`] turns [`Batch`]es into batches; [`FAMILIES`] says which there
//! are; [`load()`] reads one from a file.

pub mod background;
pub mod depth_anything;
mod dinov2;
pub mod dpt;
mod efficientnet_lite;
pub mod inpaint;
pub mod isnet;
mod layers;
pub mod leres;
mod load;
pub mod midas_v21;
mod network;
pub mod pix2pix;
pub mod pocket;
mod preprocessing;
mod progress;
mod registry;
mod resnext;
pub mod u2net;
mod vit;
pub mod zoedepth;

pub use self::load::{check, identify, load};
pub use self::network::{
    BackgroundNetwork, Batch, DepthNetwork, InpaintNetwork, MergeNetwork, Network, Prediction, Spec,
};
pub use self::preprocessing::{Enlarge, Preprocessing, Shrink, SizeRule};
pub use self::registry::{FAMILIES, Family, Load, Loader, OfRole};
use crate::Result;

/// What the numbers of a prediction mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthKind {
    /// Relative inverse depth: near is large, scale and shift are arbitrary.
    Inverse,
    /// Relative depth: near is small, scale and shift are arbitrary.
    Depth,
    /// Metres along the optical axis: near is small.
    Metric,
}

impl DepthKind {
    /// What it is called outside: `inverse`, `depth` or `metric`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inverse => "inverse",
            Self::Depth => "depth",
            Self::Metric => "metric",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for any other name.
    pub fn named(name: &str) -> Result<Self> {
        let kinds = [Self::Inverse, Self::Depth, Self::Metric];
        kinds.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            crate::Error::invalid(format!(
                "the kind of depth {name:?} is unknown; it can be \"inverse\", \"depth\" or \"metric\""
            ))
        })
    }
}
