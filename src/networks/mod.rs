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
use crate::named::named;

named! {
    /// What the numbers of a prediction mean.
    pub enum DepthKind as "kind of depth" {
        /// Relative inverse depth: near is large, scale and shift are arbitrary.
        Inverse = "inverse",
        /// Relative depth: near is small, scale and shift are arbitrary.
        Depth = "depth",
        /// Metres along the optical axis: near is small.
        Metric = "metric",
    }
}
