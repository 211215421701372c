//! The network that merges two depth maps (Miangoleh et al. 2021): the U-Net
//! of pix2pix (Isola et al. 2017) for 1024 x 1024 pixels.

use std::fmt;

use candle_core::{DType, Device, Tensor};

use super::layers::input_size;
use super::network::Network;
use super::progress::Progress;
use super::registry::{Family, Loader};
use crate::nn::{Conv2d, Conv2dConfig, ConvTranspose2dX2, Padding};
use crate::weights::{Checkpoint, Weights};
use crate::{Monitor, Result};

/// Halvings on the way down.
const DEPTH: usize = 10;
/// Channels after each halving.
const CHANNELS: [usize; DEPTH] = [64, 128, 256, 512, 512, 512, 512, 512, 512, 512];
/// Side of a kernel that halves or doubles.
const KERNEL: usize = 4;
/// Of the rectifiers on the way down, below zero.
const SLOPE: f32 = 0.2;

/// The merge network in the registry.
pub(super) static FAMILY: Family = Family {
    name: "pix2pix",
    configs: &["merge"],
    embedded: None,
    half: true,
    fits: |_, checkpoint| Pix2Pix::fits(checkpoint),
    loader: Loader::Merge {
        load: |_, checkpoint, weights| {
            Ok(Box::new(Pix2Pix::load(
                checkpoint,
                weights.device(),
                weights.dtype(),
            )?))
        },
    },
};

/// The merge network.
///
/// Its checkpoint is `latest_net_G.pth`. There are no normalisations: the
/// published network was trained without.
pub struct Pix2Pix {
    /// Finest first.
    down: Vec<Conv2d>,
    /// Finest first.
    up: Vec<ConvTranspose2dX2>,
    dtype: DType,
}

/// The name of the convolution that halves the map of a level.
struct Halving(usize);

impl fmt::Display for Halving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("model.model.")?;
        for level in 0..self.0 {
            f.write_str(if level == 0 { "1.model." } else { "3.model." })?;
        }
        f.write_str(if self.0 == 0 { "0" } else { "1" })
    }
}

impl Pix2Pix {
    /// What an input's sides are multiples of.
    pub const MULTIPLE: usize = 1 << DEPTH;

    /// Whether a checkpoint has the tensors of this network.
    fn fits(checkpoint: &Checkpoint) -> bool {
        let (outer, inner) = ("model.model.0.weight", "model.model.1.model.1.weight");
        checkpoint.shape(outer) == Some(&[CHANNELS[0], 2, KERNEL, KERNEL]) && checkpoint.contains(inner)
    }

    /// Reads the network from the official `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let (mut down, mut up) = (Vec::with_capacity(DEPTH), Vec::with_capacity(DEPTH));
        // Every level is nested in the one before it. Positions without tensors are activations.
        let mut level = Weights::new(checkpoint, device, dtype).pp("model.model");
        for (i, outputs) in CHANNELS.into_iter().enumerate() {
            let (conv, nested, doubling) = match i {
                0 => (0, 1, 3),
                _ if i + 1 == DEPTH => (1, 1, 3),
                _ => (1, 3, 5),
            };
            let inputs = if i == 0 { 2 } else { CHANNELS[i - 1] };
            let halve = Conv2dConfig {
                stride: 2,
                padding: Padding::all(1),
                relu_input: i > 0,
                input_slope: SLOPE,
                ..Conv2dConfig::default()
            };
            let weight = level
                .pp(conv)
                .tensor("weight", (outputs, inputs, KERNEL, KERNEL))?;
            down.push(Conv2d::new(weight, None, halve)?);

            // A level's map and what comes from the coarser ones.
            let parts = &[outputs, outputs][..if i + 1 == DEPTH { 1 } else { 2 }];
            let finer = if i == 0 { 1 } else { inputs };
            let weights = level.pp(doubling);
            let weight = weights.tensor("weight", (parts.iter().sum::<usize>(), finer, KERNEL, KERNEL))?;
            let bias = match i {
                0 => Some(weights.tensor("bias", finer)?),
                _ => None,
            };
            up.push(ConvTranspose2dX2::new(&weight, bias.as_ref(), true, parts)?);
            level = level.pp(nested).pp("model");
        }
        Ok(Self { down, up, dtype })
    }
}

impl Network for Pix2Pix {
    type Inputs = Tensor;
    type Outputs = Tensor;
    type Spec = ();

    fn spec(&self) -> &() {
        &()
    }

    /// Pairs of maps `[B, 2, H, W]`, first the coarse one that is right about
    /// the whole, then the fine one that is right about the details, both in
    /// -1..1, become merged maps `[B, H, W]`, in -1..1. The sides are multiples
    /// of [`MULTIPLE`](Self::MULTIPLE).
    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        input_size(input, "the merge network", Self::MULTIPLE)?;
        let mut progress = Progress::new(monitor, 2 * DEPTH);
        let mut levels: Vec<Tensor> = Vec::with_capacity(DEPTH);
        for conv in &self.down {
            let y = match levels.last() {
                Some(finer) => conv.forward(finer)?,
                None => conv.forward(&input.to_dtype(self.dtype)?)?,
            };
            progress.show(Halving(levels.len()), &y);
            levels.push(y);
            progress.step()?;
        }
        let mut y: Option<Tensor> = None;
        for (conv, level) in self.up.iter().zip(levels).rev() {
            y = Some(match y {
                Some(y) => conv.forward(&[&level, &y])?,
                None => conv.forward(&[&level])?,
            });
            progress.step()?;
        }
        let y = y.ok_or_else(|| crate::Error::invalid("the merge network has no levels"))?;
        progress.show("model.model.3", &y);
        Ok(y.tanh()?.squeeze(1)?.to_dtype(DType::F32)?)
    }
}
