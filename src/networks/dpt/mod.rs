//! Dense prediction transformers (Ranftl et al. 2021) as MiDaS published them:
//! DPT-Large and DPT-Hybrid of version 3.0, the BEiT networks of version 3.1
//! (Birkl et al. 2023). ZoeDepth is built on the last.

mod decoder;
mod encoder;
mod fusion;
mod relative_position;
mod resnet_v2;
mod transformers;

use candle_core::{DType, Device, Tensor};

use self::decoder::Decoder;
pub(super) use self::decoder::Features;
use self::encoder::Encoder;
pub(super) use self::fusion::{FusionBlock, conv3x3};
pub(super) use self::transformers::official_name;
use super::progress::Progress;
use super::registry::{Configs, Family, Loader, named, names};
use super::{DepthKind, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

/// Side of a patch in pixels.
const PATCH: usize = 16;

/// What turns a picture into tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backbone {
    /// A vision transformer on 16 x 16 patches (Dosovitskiy et al. 2021).
    Vit,
    /// The same with relative instead of absolute positions (Bao et al. 2021).
    Beit,
    /// A vision transformer on the features of a ResNet, whose first two
    /// stages are the decoder's finest levels.
    Hybrid {
        /// Residual blocks of the ResNet's stages.
        stages: [usize; 3],
    },
}

/// The shape of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The encoder.
    pub backbone: Backbone,
    /// Channels of a token.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Transformer blocks.
    pub depth: usize,
    /// The blocks whose results the decoder sees: four, or two under a hybrid's maps.
    pub taps: Vec<usize>,
    /// Rows and columns of patches the positions were trained on.
    pub grid: usize,
    /// Channels of the decoder's levels, finest first.
    pub levels: [usize; 4],
    /// Channels of the fusion blocks.
    pub features: usize,
    /// Channels of the last hidden layer.
    pub hidden: usize,
}

/// The published networks.
const CONFIGS: Configs<Config, 4> = [
    ("large_384", Config::large_384),
    ("hybrid_384", Config::hybrid_384),
    ("beit_large_384", Config::beit_large_384),
    ("beit_large_512", Config::beit_large_512),
];

/// DPT in the registry.
pub(super) static FAMILY: Family = Family {
    name: "dpt",
    configs: &names(&CONFIGS),
    embedded: None,
    half: true,
    fits: |config, checkpoint| Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
    loader: Loader::Depth {
        spec: |config| Ok(Config::named(config)?.spec()),
        load: |config, checkpoint, weights| {
            let (config, device, dtype) = (Config::named(config)?, weights.device(), weights.dtype());
            Ok(Box::new(Dpt::load(checkpoint, &config, device, dtype)?))
        },
    },
};

impl Config {
    /// `dpt_large_384`: ViT-L/16 (344 M parameters).
    pub fn large_384() -> Self {
        Self {
            backbone: Backbone::Vit,
            width: 1024,
            heads: 16,
            depth: 24,
            taps: vec![5, 11, 17, 23],
            grid: 24,
            levels: [256, 512, 1024, 1024],
            features: 256,
            hidden: 32,
        }
    }

    /// `dpt_hybrid_384`: ResNet-50 and ViT-B (123 M parameters).
    pub fn hybrid_384() -> Self {
        Self {
            backbone: Backbone::Hybrid { stages: [3, 4, 9] },
            width: 768,
            heads: 12,
            depth: 12,
            taps: vec![8, 11],
            levels: [256, 512, 768, 768],
            ..Self::large_384()
        }
    }

    /// `dpt_beit_large_384`: BEiT-L (345 M parameters).
    pub fn beit_large_384() -> Self {
        Self {
            backbone: Backbone::Beit,
            ..Self::large_384()
        }
    }

    /// `dpt_beit_large_512`: BEiT-L trained on larger pictures (345 M parameters).
    pub fn beit_large_512() -> Self {
        Self {
            grid: 32,
            ..Self::beit_large_384()
        }
    }

    /// The network that the catalog calls `name` (`large_384`, `hybrid_384`,
    /// `beit_large_384`, `beit_large_512`).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the known ones.
    pub fn named(name: &str) -> Result<Self> {
        named("DPT", &CONFIGS, name)
    }

    /// What a network of this shape says about itself.
    fn spec(&self) -> Spec {
        let preprocessing = Preprocessing {
            mean: [0.5; 3],
            std: [0.5; 3],
            net_size: (PATCH * self.grid, PATCH * self.grid),
            multiple: 2 * PATCH,
            rule: SizeRule::Minimal,
            shrink: Shrink::Cubic,
            enlarge: Enlarge::Bicubic,
        };
        Spec::new(DepthKind::Inverse, preprocessing)
    }

    /// Whether a checkpoint has the tensors of this network.
    fn fits(&self, checkpoint: &Checkpoint) -> bool {
        held(&transformers::official(checkpoint.clone())) == Some(described(self.backbone, self.grid))
    }

    /// What is wrong with numbers that no network can have.
    fn check(&self) -> Result<()> {
        let stem_maps = match self.backbone {
            Backbone::Hybrid { .. } => 2,
            Backbone::Vit | Backbone::Beit => 0,
        };
        let ordered = self.taps.is_sorted_by(|a, b| a < b) && self.taps.last() < Some(&self.depth);
        if self.taps.len() + stem_maps != self.levels.len() || !ordered {
            return Err(Error::invalid(format!(
                "a DPT of {} blocks cannot have the taps {:?}; it needs {} in ascending order",
                self.depth,
                self.taps,
                self.levels.len() - stem_maps
            )));
        }
        if self.heads == 0 || !self.width.is_multiple_of(self.heads) || self.grid == 0 {
            return Err(Error::invalid(format!(
                "a DPT of width {} cannot have {} heads and a grid of {}; the heads must divide the width and the grid be \
                 at least 1",
                self.width, self.heads, self.grid
            )));
        }
        Ok(())
    }
}

/// A dense prediction transformer.
///
/// Kept from the published code: LayerNorm adds 1e-6 to the variance, the
/// decoder sees tokens before the final normalisation, position tables are
/// resized bilinearly with edges in place, feature maps with corners in place.
pub struct Dpt {
    encoder: Encoder,
    decoder: Decoder,
    spec: Spec,
    blocks: usize,
    dtype: DType,
}

impl Dpt {
    /// Reads the network from `checkpoint`, in the layout of the official
    /// files or in that of the `transformers` library.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another
    /// shape, or that the file holds another network of the family;
    /// [`Error::Invalid`] if `config` contradicts itself.
    pub fn load(checkpoint: &Checkpoint, config: &Config, device: &Device, dtype: DType) -> Result<Self> {
        let official = transformers::official(checkpoint.clone());
        check_family(&official, config)?;
        Self::new(&Weights::new(&official, device, dtype), config)
    }

    /// Reads the network from the official names below `weights`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        config.check()?;
        Ok(Self {
            encoder: Encoder::new(&weights.pp("pretrained.model"), config)?,
            decoder: Decoder::new(weights, config)?,
            spec: config.spec(),
            blocks: config.depth,
            dtype: weights.dtype(),
        })
    }

    /// Steps that [`features`](Self::features) reports.
    pub(super) fn steps(&self) -> usize {
        self.blocks + Decoder::STEPS
    }

    /// Normalised pictures `[B, 3, H, W]` to all that the decoder computes.
    pub(super) fn features(&self, input: &Tensor, progress: &mut Progress<'_>) -> Result<Features> {
        let (_, _, h, w) = input.dims4()?;
        if h == 0 || w == 0 || h % PATCH != 0 || w % PATCH != 0 {
            return Err(Error::invalid(format!(
                "a dense prediction transformer was given a {w} x {h} input; both sides must be multiples of {PATCH}"
            )));
        }
        let taps = self.encoder.forward(&input.to_dtype(self.dtype)?, progress)?;
        self.decoder.forward(taps, (h / PATCH, w / PATCH), progress)
    }
}

impl Network for Dpt {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        let mut progress = Progress::new(monitor, self.steps());
        let y = self.features(input, &mut progress)?.inverse_depth;
        Ok(y.squeeze(1)?.to_dtype(DType::F32)?.into())
    }
}

/// A tensor that all networks of the family have.
const CLS_TOKEN: &str = "pretrained.model.cls_token";

/// Which of the family's networks a file with the official names holds, and its trained grid.
fn held(checkpoint: &Checkpoint) -> Option<String> {
    const BIAS_TABLE: &str = "pretrained.model.blocks.0.attn.relative_position_bias_table";
    const RESNET: &str = "pretrained.model.patch_embed.backbone.stem.conv.weight";
    if !checkpoint.contains(CLS_TOKEN) {
        return None;
    }
    Some(
        match (checkpoint.shape(BIAS_TABLE), checkpoint.contains(RESNET)) {
            // (2 grid - 1)^2 offsets and three for the class token.
            (Some([offsets, _]), _) => described(
                Backbone::Beit,
                (offsets.saturating_sub(3) as f64).sqrt().round() as usize / 2 + 1,
            ),
            (_, true) => described(Backbone::Hybrid { stages: [0; 3] }, 0),
            _ => described(Backbone::Vit, 0),
        },
    )
}

fn described(backbone: Backbone, grid: usize) -> String {
    match backbone {
        Backbone::Vit => "DPT-Large".to_owned(),
        Backbone::Hybrid { .. } => "DPT-Hybrid".to_owned(),
        Backbone::Beit => format!("DPT-BEiT-{}", PATCH * grid),
    }
}

/// Says so if the file holds another of the family's networks.
fn check_family(checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    let wanted = described(config.backbone, config.grid);
    match held(checkpoint) {
        None => Err(Error::Checkpoint(format!(
            "{} holds no {wanted}: it has no tensor {CLS_TOKEN}",
            checkpoint.path().display()
        ))),
        Some(found) if found != wanted => Err(Error::Checkpoint(format!(
            "{} holds {found}, not {wanted}; choose the model that belongs to the file",
            checkpoint.path().display()
        ))),
        Some(_) => Ok(()),
    }
}
