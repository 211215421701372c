//! Depth Anything (Yang et al. 2024) and Depth Anything V2 (Yang et al.
//! 2024b): a DINOv2 vision transformer under a DPT decoder.

use candle_core::{DType, Device, Tensor};

use super::dinov2::{self, PATCH};
use super::dpt::{FusionBlock, conv3x3};
use super::layers::{conv_transpose2d, conv2d, conv2d_unbiased, input_size};
use super::progress::Progress;
use super::registry::{Configs, Family, Loader, named, names};
use super::{DepthKind, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::nn::{Activation, Conv2d, Conv2dConfig, ConvTranspose2d, bilinear};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

/// The tensor that tells the size of a network.
const CLS_TOKEN: &str = "pretrained.cls_token";

/// The published networks.
const CONFIGS: Configs<Config, 12> = [
    ("v1_small", Config::v1_small),
    ("v1_base", Config::v1_base),
    ("v1_large", Config::v1_large),
    ("v2_small", Config::v2_small),
    ("v2_base", Config::v2_base),
    ("v2_large", Config::v2_large),
    ("v2_small_indoor", || Config::v2_small().metric(20.0)),
    ("v2_base_indoor", || Config::v2_base().metric(20.0)),
    ("v2_large_indoor", || Config::v2_large().metric(20.0)),
    ("v2_small_outdoor", || Config::v2_small().metric(80.0)),
    ("v2_base_outdoor", || Config::v2_base().metric(80.0)),
    ("v2_large_outdoor", || Config::v2_large().metric(80.0)),
];

/// Depth Anything in the registry.
pub(super) static FAMILY: Family = Family {
    name: "depth_anything",
    configs: &names(&CONFIGS),
    embedded: None,
    half: true,
    fits: |config, checkpoint| Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
    loader: Loader::Depth {
        spec: |config| Ok(Config::named(config)?.spec()),
        load: |config, checkpoint, weights| {
            let (config, device, dtype) = (Config::named(config)?, weights.device(), weights.dtype());
            Ok(Box::new(DepthAnything::load(checkpoint, &config, device, dtype)?))
        },
    },
};

/// A published network of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The encoder.
    backbone: dinov2::Config,
    /// Channels of the decoder's levels, finest first.
    levels: [usize; 4],
    /// Channels of the fusion blocks.
    features: usize,
    /// Whether prediction and picture have the same corner pixels (else the same edges).
    align_corners: bool,
    /// What a metric network's sigmoid is multiplied with, in metres.
    max_depth: Option<f64>,
}

impl Config {
    /// Depth Anything Small (25 M parameters).
    pub fn v1_small() -> Self {
        Self {
            backbone: dinov2::Config::small(&[8, 9, 10, 11]),
            levels: [48, 96, 192, 384],
            features: 64,
            align_corners: false,
            max_depth: None,
        }
    }

    /// Depth Anything Base (97 M parameters).
    pub fn v1_base() -> Self {
        Self {
            backbone: dinov2::Config::base(&[8, 9, 10, 11]),
            levels: [96, 192, 384, 768],
            features: 128,
            ..Self::v1_small()
        }
    }

    /// Depth Anything Large (335 M parameters).
    pub fn v1_large() -> Self {
        Self {
            backbone: dinov2::Config::large(&[20, 21, 22, 23]),
            levels: [256, 512, 1024, 1024],
            features: 256,
            ..Self::v1_small()
        }
    }

    /// Depth Anything V2 Small (25 M parameters).
    pub fn v2_small() -> Self {
        Self {
            backbone: dinov2::Config::small(&[2, 5, 8, 11]),
            align_corners: true,
            ..Self::v1_small()
        }
    }

    /// Depth Anything V2 Base (97 M parameters).
    pub fn v2_base() -> Self {
        Self {
            backbone: dinov2::Config::base(&[2, 5, 8, 11]),
            align_corners: true,
            ..Self::v1_base()
        }
    }

    /// Depth Anything V2 Large (335 M parameters).
    pub fn v2_large() -> Self {
        Self {
            backbone: dinov2::Config::large(&[4, 11, 17, 23]),
            align_corners: true,
            ..Self::v1_large()
        }
    }

    /// The metric version of a size: trained to give metres, up to
    /// `max_depth` (published: 20 indoors, 80 outdoors).
    pub fn metric(self, max_depth: f64) -> Self {
        Self {
            max_depth: Some(max_depth),
            ..self
        }
    }

    /// The network that the catalog calls `name` (`v1_small` ... `v2_large`);
    /// with `_indoor` or `_outdoor` behind it, the metric one for 20 or 80 m.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the known ones.
    pub fn named(name: &str) -> Result<Self> {
        named("Depth Anything", &CONFIGS, name)
    }

    /// What a network of this size says about itself.
    fn spec(&self) -> Spec {
        let kind = match self.max_depth {
            Some(_) => DepthKind::Metric,
            None => DepthKind::Inverse,
        };
        let preprocessing = Preprocessing {
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            net_size: (518, 518),
            multiple: PATCH,
            rule: SizeRule::LowerBound,
            shrink: Shrink::Cubic,
            enlarge: Enlarge::Bilinear {
                align_corners: self.align_corners,
            },
        };
        Spec::new(kind, preprocessing)
    }

    /// Whether a checkpoint has the tensors of a network of this size.
    fn fits(&self, checkpoint: &Checkpoint) -> bool {
        let official = official_layout(checkpoint);
        let has_block =
            |number: usize| official.contains(&format!("pretrained.blocks.{number}.norm1.weight"));
        official
            .shape(CLS_TOKEN)
            .is_some_and(|shape| shape.last() == Some(&self.backbone.width))
            && has_block(self.backbone.depth - 1)
            && !has_block(self.backbone.depth)
    }

    /// What this size is called, with a token of `width` channels.
    fn size(width: usize) -> Option<&'static str> {
        match width {
            384 => Some("Small"),
            768 => Some("Base"),
            1024 => Some("Large"),
            _ => None,
        }
    }
}

/// A Depth Anything network.
pub struct DepthAnything {
    encoder: dinov2::Encoder,
    decoder: Decoder,
    spec: Spec,
    max_depth: Option<f64>,
    dtype: DType,
}

impl DepthAnything {
    /// Reads the network from `checkpoint`, in the layout of the official
    /// files or in that of the `transformers` library.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another
    /// shape, or which other size of the family this is.
    pub fn load(checkpoint: &Checkpoint, config: &Config, device: &Device, dtype: DType) -> Result<Self> {
        let official = official_layout(checkpoint);
        match official.shape(CLS_TOKEN) {
            None => {
                return Err(Error::Checkpoint(format!(
                    "{} holds no Depth Anything network: it has no tensor {CLS_TOKEN}",
                    checkpoint.path().display()
                )));
            }
            Some([1, 1, width]) if *width != config.backbone.width => {
                let size = |width| Config::size(width).unwrap_or("of another size");
                return Err(Error::Checkpoint(format!(
                    "{} holds Depth Anything {} ({width} channels), not {} ({}); choose the model that belongs to the file",
                    checkpoint.path().display(),
                    size(*width),
                    size(config.backbone.width),
                    config.backbone.width
                )));
            }
            Some(_) => {}
        }
        let weights = Weights::new(&official, device, dtype);
        Ok(Self {
            encoder: dinov2::Encoder::new(&weights, "pretrained", &config.backbone)?,
            decoder: Decoder::new(&weights.pp("depth_head"), config)?,
            spec: config.spec(),
            max_depth: config.max_depth,
            dtype,
        })
    }
}

impl Network for DepthAnything {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        let (h, w) = input_size(input, "Depth Anything", PATCH)?;
        let mut progress = Progress::new(monitor, self.encoder.steps() + DECODER_STEPS);
        let taps = self
            .encoder
            .forward(&input.to_dtype(self.dtype)?, &mut progress)?;
        let y = self
            .decoder
            .forward(&taps, (h / PATCH, w / PATCH), &mut progress)?;
        let y = match self.max_depth {
            Some(max_depth) => (candle_nn::ops::sigmoid(&y)? * max_depth)?,
            None => y.relu()?,
        };
        Ok(y.squeeze(1)?.to_dtype(DType::F32)?.into())
    }
}

/// Steps that [`Decoder::forward`] reports.
const DECODER_STEPS: usize = 6;

/// The DPT decoder, without a readout of the class token.
struct Decoder {
    projects: Vec<Conv2d>,
    resize4: ConvTranspose2d,
    resize2: ConvTranspose2d,
    halve: Conv2d,
    /// Convolutions to the fusion blocks' channels, finest level first.
    reduce: Vec<Conv2d>,
    /// Finest level first.
    fusion: Vec<FusionBlock>,
    output_conv1: Conv2d,
    output_conv2: Conv2d,
    output: Conv2d,
}

impl Decoder {
    fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        let Config {
            ref backbone,
            levels,
            features,
            ..
        } = *config;
        let (projects, resize, scratch) = (
            weights.pp("projects"),
            weights.pp("resize_layers"),
            weights.pp("scratch"),
        );
        let point = Conv2dConfig::default();
        let hidden = Conv2dConfig {
            activation: Activation::Relu,
            ..conv3x3()
        };
        Ok(Self {
            projects: (0..4)
                .map(|i| conv2d(&projects.pp(i), backbone.width, levels[i], 1, point))
                .collect::<Result<_>>()?,
            resize4: conv_transpose2d(&resize.pp(0), levels[0], levels[0], 4)?,
            resize2: conv_transpose2d(&resize.pp(1), levels[1], levels[1], 2)?,
            halve: conv2d(
                &resize.pp(3),
                levels[3],
                levels[3],
                3,
                Conv2dConfig {
                    stride: 2,
                    ..conv3x3()
                },
            )?,
            reduce: (0..4)
                .map(|i| {
                    conv2d_unbiased(
                        &scratch.pp(format!("layer{}_rn", i + 1)),
                        levels[i],
                        features,
                        3,
                        conv3x3(),
                    )
                })
                .collect::<Result<_>>()?,
            fusion: (0..4)
                .map(|i| FusionBlock::new(&scratch.pp(format!("refinenet{}", i + 1)), features, i == 3))
                .collect::<Result<_>>()?,
            output_conv1: conv2d(&scratch.pp("output_conv1"), features, features / 2, 3, conv3x3())?,
            output_conv2: conv2d(&scratch.pp("output_conv2.0"), features / 2, 32, 3, hidden)?,
            output: conv2d(&scratch.pp("output_conv2.2"), 32, 1, 1, point)?,
        })
    }

    /// The tokens of the four taps to a prediction `[B, 1, H, W]` before its last activation.
    fn forward(&self, taps: &[Tensor], grid: (usize, usize), progress: &mut Progress<'_>) -> Result<Tensor> {
        let mut levels = Vec::with_capacity(taps.len());
        for (i, (tap, project)) in taps.iter().zip(&self.projects).enumerate() {
            let x = project.forward(&dinov2::as_map(tap, grid)?)?;
            let x = match i {
                0 => self.resize4.forward(&x)?,
                1 => self.resize2.forward(&x)?,
                2 => x,
                _ => self.halve.forward(&x)?,
            };
            progress.show(format_args!("depth_head.resize_layers.{i}"), &x);
            levels.push(self.reduce[i].forward(&x)?);
        }
        progress.step()?;
        let mut path = levels[3].clone();
        for (i, fusion) in self.fusion.iter().enumerate().rev() {
            let size = match i {
                0 => (8 * grid.0, 8 * grid.1),
                _ => (levels[i - 1].dim(2)?, levels[i - 1].dim(3)?),
            };
            path = fusion.forward(&path, (i < 3).then(|| &levels[i]), size)?;
            progress.show(format_args!("depth_head.scratch.refinenet{}", i + 1), &path);
            progress.step()?;
        }
        let y = self.output_conv1.forward(&path)?;
        progress.show("depth_head.scratch.output_conv1", &y);
        let y = bilinear(&y, (PATCH * grid.0, PATCH * grid.1), true)?;
        let y = self.output.forward(&self.output_conv2.forward(&y)?)?;
        progress.step()?;
        Ok(y)
    }
}

/// The checkpoint with the names of the official files, whichever layout it has.
fn official_layout(checkpoint: &Checkpoint) -> Checkpoint {
    checkpoint
        .clone()
        .renamed(|name| Some(official_name(name).unwrap_or(name.to_owned())))
}

/// The official name of a tensor that the `transformers` library calls `name`.
fn official_name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("backbone.") {
        return Some(format!("pretrained.{}", dinov2::official_name(rest)?));
    }
    let (place, kind) = name.rsplit_once('.')?;
    if let Some(rest) = place.strip_prefix("neck.reassemble_stage.layers.") {
        let (level, part) = rest.split_once('.')?;
        let part = match part {
            "projection" => "projects",
            "resize" => "resize_layers",
            _ => return None,
        };
        return Some(format!("depth_head.{part}.{level}.{kind}"));
    }
    if let Some(level) = place.strip_prefix("neck.convs.") {
        let level: usize = level.parse().ok()?;
        return Some(format!("depth_head.scratch.layer{}_rn.{kind}", level + 1));
    }
    if let Some(rest) = place.strip_prefix("neck.fusion_stage.layers.") {
        let (level, part) = rest.split_once('.')?;
        // Coarsest first there, finest first here.
        let level = 4usize.checked_sub(level.parse().ok()?)?;
        let part = match part {
            "projection" => "out_conv",
            "residual_layer1.convolution1" => "resConfUnit1.conv1",
            "residual_layer1.convolution2" => "resConfUnit1.conv2",
            "residual_layer2.convolution1" => "resConfUnit2.conv1",
            "residual_layer2.convolution2" => "resConfUnit2.conv2",
            _ => return None,
        };
        return Some(format!("depth_head.scratch.refinenet{level}.{part}.{kind}"));
    }
    let place = match place {
        "head.conv1" => "depth_head.scratch.output_conv1",
        "head.conv2" => "depth_head.scratch.output_conv2.0",
        "head.conv3" => "depth_head.scratch.output_conv2.2",
        _ => return None,
    };
    Some(format!("{place}.{kind}"))
}
