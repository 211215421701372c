//! IS-Net (Qin et al. 2022, "highly accurate dichotomous image
//! segmentation"): U-2-Net's stages behind a convolution that halves the input.

use candle_core::{DType, Device, Tensor};

use super::background::{self, Config};
use super::layers::{conv2d, input_size};
use super::network::Network;
use super::progress::Progress;
use super::registry::{Configs, Family, Loader, named, names};
use super::u2net::{STEPS, Trunk, side, with_published_names};
use crate::nn::{Conv2d, Conv2dConfig, Padding, bilinear};
use crate::weights::{Checkpoint, Weights};
use crate::{Monitor, Result};

/// The published networks.
const CONFIGS: Configs<Config, 2> = [("general", Config::isnet_general), ("anime", Config::isnet_anime)];

/// IS-Net in the registry.
pub(super) static FAMILY: Family = Family {
    name: "isnet",
    configs: &names(&CONFIGS),
    embedded: None,
    half: true,
    fits: |_, checkpoint| background::fits(checkpoint, 1),
    loader: Loader::Background {
        spec: |config| named("IS-Net", &CONFIGS, config),
        load: |config, checkpoint, weights| {
            let (config, device, dtype) = (
                named("IS-Net", &CONFIGS, config)?,
                weights.device(),
                weights.dtype(),
            );
            Ok(Box::new(IsNet::load(checkpoint, config, device, dtype)?))
        },
    },
};

impl Config {
    /// IS-Net for anything (`isnet-general-use`).
    pub const fn isnet_general() -> Self {
        Self {
            mean: [0.5; 3],
            std: [1.0; 3],
            side: 1024,
        }
    }

    /// IS-Net for drawn characters (`isnet-anime`).
    pub const fn isnet_anime() -> Self {
        Self {
            mean: [0.485, 0.456, 0.406],
            std: [1.0; 3],
            side: 1024,
        }
    }
}

/// An IS-Net.
pub struct IsNet {
    conv_in: Conv2d,
    trunk: Trunk,
    /// Of the six side maps only the finest is ever used.
    side1: Conv2d,
    config: Config,
    dtype: DType,
}

impl IsNet {
    /// Reads the network from the authors' checkpoint, or from an ONNX file
    /// exported from it, with its normalisations folded into the convolutions
    /// or not.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, config: Config, device: &Device, dtype: DType) -> Result<Self> {
        let checkpoint = with_published_names(checkpoint, "IS-Net", &["conv_in"], &["side1"])?;
        let weights = Weights::new(&checkpoint, device, dtype);
        let [channels, ..] = weights.shape4("conv_in.weight")?;
        let halve = Conv2dConfig {
            stride: 2,
            padding: Padding::all(1),
            ..Conv2dConfig::default()
        };
        let trunk = Trunk::new(&weights, channels)?;
        Ok(Self {
            conv_in: conv2d(&weights.pp("conv_in"), 3, channels, 3, halve)?,
            side1: side(&weights.pp("side1"), trunk.side_channels(1))?,
            trunk,
            config,
            dtype,
        })
    }
}

impl Network for IsNet {
    type Inputs = Tensor;
    type Outputs = Tensor;
    type Spec = Config;

    fn spec(&self) -> &Config {
        &self.config
    }

    /// Normalised pictures `[B, 3, H, W]` (see [`Config`]) become the
    /// likelihood of the foreground `[B, H, W]`, in 0..1. The sides can have
    /// any length.
    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        let size = input_size(input, "IS-Net", 1)?;
        let mut progress = Progress::new(monitor, STEPS);
        let x = self.conv_in.forward(&input.to_dtype(self.dtype)?)?;
        progress.show("conv_in", &x);
        let maps = self.trunk.forward(&x, &mut progress)?;
        let Some(finest) = maps.first() else {
            return Err(crate::Error::invalid("IS-Net has no stages"));
        };
        let side = self.side1.forward(finest)?;
        progress.show("side1", &side);
        let mask = candle_nn::ops::sigmoid(&bilinear(&side, size, false)?)?;
        progress.step()?;
        Ok(mask.squeeze(1)?.to_dtype(DType::F32)?)
    }
}
