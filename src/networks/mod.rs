//! Floor 1: one file per family of depth networks. Tensors in, tensors out.

pub mod background;
pub mod depth_anything;
pub mod dpt;
mod efficientnet_lite;
pub mod inpaint;
pub mod isnet;
mod layers;
pub mod leres;
mod load;
pub mod midas_v21;
pub mod pix2pix;
pub mod pocket;
mod preprocessing;
mod progress;
mod resnext;
pub mod u2net;
mod vit;
pub mod zoedepth;

use candle_core::Tensor;

pub use self::load::{Inpainting, check, identify, load, load_background, load_inpainting, load_merge};
pub use self::preprocessing::{Enlarge, Preprocessing, Shrink, SizeRule};
use crate::named::named;
use crate::{Monitor, Result};

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

/// A network that turns pictures into depth.
pub trait DepthNetwork: Send + Sync {
    /// Normalised pictures `[B, 3, H, W]` become predictions `[B, h, w]`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled), or
    /// [`Error::Compute`](crate::Error::Compute) when the device fails.
    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor>;

    /// How a picture becomes its input, and its output a picture's depth.
    fn preprocessing(&self) -> &Preprocessing;

    /// What its numbers mean.
    fn kind(&self) -> DepthKind;

    /// Whether a picture's depth is the mean of two predictions, for the
    /// picture and for its mirror image, each with a reflected border around it.
    fn mirror_averaged(&self) -> bool {
        false
    }

    /// Whether it was loaded for pictures that tile and wraps around their
    /// borders by itself. Transformers cannot: their positions have ends.
    fn tiles(&self) -> bool {
        false
    }
}
