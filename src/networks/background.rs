//! The networks that tell a foreground from its background, as one.

use candle_core::{DType, Device, Tensor};

use super::isnet::IsNet;
use super::u2net::{self, Config, U2Net};
use crate::weights::Checkpoint;
use crate::weights::catalog::Entry;
use crate::{Error, Monitor, Result};

/// A network that tells a foreground from its background.
pub struct Background {
    network: Network,
    config: Config,
}

enum Network {
    U2Net(U2Net),
    IsNet(IsNet),
}

impl Background {
    /// Reads the network of `entry`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another
    /// shape, [`Error::Invalid`] if `entry` is another kind of network.
    pub fn load(entry: &Entry, checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let config = match entry.config.as_str() {
            "u2net" => Config::u2net(),
            "general" => Config::isnet_general(),
            "anime" => Config::isnet_anime(),
            config => {
                return Err(Error::invalid(format!(
                    "{} names an unknown configuration {config:?}",
                    entry.id
                )));
            }
        };
        let network = match entry.family.as_str() {
            "u2net" => Network::U2Net(U2Net::load(checkpoint, device, dtype)?),
            "isnet" => Network::IsNet(IsNet::load(checkpoint, device, dtype)?),
            family => {
                return Err(Error::invalid(format!(
                    "{} is of the family {family:?}, which knows no background",
                    entry.id
                )));
            }
        };
        Ok(Self { network, config })
    }

    /// What it expects of its input.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Normalised pictures `[B, 3, H, W]` become the likelihood of the
    /// foreground `[B, H, W]`, in 0..1. The sides can have any length.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are no pixels, [`Error::Cancelled`], or
    /// [`Error::Compute`] when the device fails.
    pub fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        match &self.network {
            Network::U2Net(network) => network.forward(input, monitor),
            Network::IsNet(network) => network.forward(input, monitor),
        }
    }
}

/// Whether a checkpoint has the tensors of a network of `family`. IS-Net has
/// one convolution more than U-2-Net, before all stages; exporters keep their
/// number where they do not keep their names.
pub(super) fn fits(family: &str, checkpoint: &Checkpoint) -> bool {
    let before = usize::from(family == "isnet");
    if checkpoint.contains("stage1.rebnconvin.conv_s1.weight") {
        return checkpoint.contains("conv_in.weight") == (before == 1);
    }
    let exported = (0..).map_while(|i| checkpoint.shape(&format!("Conv#{i}.weight")));
    let wide = exported.filter(|shape| shape.first() != Some(&1)).count();
    wide == u2net::STAGE_CONVOLUTIONS + before
}
