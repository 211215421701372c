//! What every network has in common: batches in, batches out.

use candle_core::Tensor;

use super::{DepthKind, Preprocessing, background, inpaint};
use crate::{Monitor, Result};

/// A network, on a device.
pub trait Network: Send + Sync {
    /// What it is given.
    type Inputs: Batch;
    /// What it answers, an item for every item it was given.
    type Outputs: Batch;
    /// What it says about itself, the same on every device.
    type Spec: Clone + Send + Sync;

    /// What it says about itself.
    fn spec(&self) -> &Self::Spec;

    /// Results in single precision for inputs in the network's own number format, on its device.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for shapes it cannot take,
    /// [`Error::Cancelled`](crate::Error::Cancelled), or
    /// [`Error::Compute`](crate::Error::Compute) when the device fails.
    fn forward(&self, inputs: &Self::Inputs, monitor: &Monitor<'_>) -> Result<Self::Outputs>;
}

impl<N: Network + ?Sized> Network for Box<N> {
    type Inputs = N::Inputs;
    type Outputs = N::Outputs;
    type Spec = N::Spec;

    fn spec(&self) -> &Self::Spec {
        (**self).spec()
    }

    fn forward(&self, inputs: &Self::Inputs, monitor: &Monitor<'_>) -> Result<Self::Outputs> {
        (**self).forward(inputs, monitor)
    }
}

/// Turns normalised pictures `[B, 3, H, W]` into their depth.
pub type DepthNetwork = dyn Network<Inputs = Tensor, Outputs = Prediction, Spec = Spec>;

/// Turns pairs of maps `[B, 2, H, W]` into merged ones `[B, H, W]`; see [`Pix2Pix`](super::pix2pix::Pix2Pix).
pub type MergeNetwork = dyn Network<Inputs = Tensor, Outputs = Tensor, Spec = ()>;

/// Turns normalised pictures `[B, 3, H, W]` into the likelihood of their foreground `[B, H, W]`, in 0..1.
pub type BackgroundNetwork = dyn Network<Inputs = Tensor, Outputs = Tensor, Spec = background::Config>;

/// Continues pictures behind what hides them, `[B, channels, H, W]`.
pub type InpaintNetwork = dyn Network<Inputs = inpaint::Hole, Outputs = Tensor, Spec = ()>;

/// Tensors whose first axis counts the items of a batch. An item is what is
/// seen as one and cannot be divided further: a picture, or several pictures
/// `[B, S, 3, H, W]` of a network that compares them.
pub trait Batch: Sized + Send {
    /// The same with every tensor changed, in an order that is always the same.
    ///
    /// # Errors
    /// What `change` says.
    fn try_map(&self, change: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self>;
}

impl Batch for Tensor {
    fn try_map(&self, change: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        change(self)
    }
}

/// What a depth network says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// How a picture becomes its input, and its output a picture's depth.
    pub preprocessing: Preprocessing,
    /// What its numbers mean.
    pub kind: DepthKind,
    /// Whether a picture's depth is the mean of two predictions, for the
    /// picture and for its mirror image, each with a reflected border around it.
    pub mirror_averaged: bool,
    /// Whether it was loaded for pictures that tile and wraps around their
    /// borders by itself. Transformers cannot: their positions have ends.
    pub tiles: bool,
}

impl Spec {
    /// Of a network that looks at a picture once, loaded for pictures that end at their borders.
    pub fn new(kind: DepthKind, preprocessing: Preprocessing) -> Self {
        Self {
            preprocessing,
            kind,
            mirror_averaged: false,
            tiles: false,
        }
    }
}

/// What a depth network sees in a batch of B pictures.
///
/// A camera looks along z, x is to the right and y down.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Depth `[B, h, w]`, finite everywhere; [`Spec::kind`] says what it means.
    pub depth: Tensor,
    /// How sure it is that depth can be measured there, `[B, h, w]` in 0..1: the sky has none.
    pub valid: Option<Tensor>,
    /// Horizontal field of view of the cameras in degrees, `[B]`.
    pub field_of_view: Option<Tensor>,
    /// Points in space, `[B, 3, h, w]`, in the unit of the depth.
    pub points: Option<Tensor>,
    /// Unit normals of the surfaces, `[B, 3, h, w]`, towards the camera.
    pub normals: Option<Tensor>,
    /// The cameras' places in the world, `[B, 3, 4]` (rotation, translation): from camera to world.
    pub pose: Option<Tensor>,
}

/// Depth and nothing else.
impl From<Tensor> for Prediction {
    fn from(depth: Tensor) -> Self {
        Self {
            depth,
            valid: None,
            field_of_view: None,
            points: None,
            normals: None,
            pose: None,
        }
    }
}

impl Batch for Prediction {
    fn try_map(&self, change: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let depth = change(&self.depth)?;
        let mut optional = |tensor: &Option<Tensor>| tensor.as_ref().map(&mut *change).transpose();
        Ok(Self {
            depth,
            valid: optional(&self.valid)?,
            field_of_view: optional(&self.field_of_view)?,
            points: optional(&self.points)?,
            normals: optional(&self.normals)?,
            pose: optional(&self.pose)?,
        })
    }
}
