//! Depth Anything (Yang et al. 2024) and Depth Anything V2 (Yang et al.
//! 2024b): a DINOv2 vision transformer under a DPT decoder.

use candle_core::{DType, Device, Tensor};

use super::dpt::{FusionBlock, conv3x3};
use super::layers::{conv_transpose2d, conv2d, conv2d_unbiased, layer_norm};
use super::progress::Progress;
use super::vit::{Block, Family};
use super::{DepthKind, DepthNetwork, Enlarge, Preprocessing, Shrink, SizeRule};
use crate::nn::{Activation, Conv2d, Conv2dConfig, ConvTranspose2d, LayerNorm, bilinear};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

/// Side of a patch in pixels.
const PATCH: usize = 14;
/// Side of the grid of patches the position embedding was trained on.
const GRID: usize = 37;

/// The tensor that tells the size of a network.
const CLS_TOKEN: &str = "pretrained.cls_token";

/// A published network of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Channels of a token.
    width: usize,
    /// Attention heads.
    heads: usize,
    /// Transformer blocks.
    depth: usize,
    /// The blocks whose results the decoder sees.
    taps: [usize; 4],
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
            width: 384,
            heads: 6,
            depth: 12,
            taps: [8, 9, 10, 11],
            levels: [48, 96, 192, 384],
            features: 64,
            align_corners: false,
            max_depth: None,
        }
    }

    /// Depth Anything Base (97 M parameters).
    pub fn v1_base() -> Self {
        Self {
            width: 768,
            heads: 12,
            levels: [96, 192, 384, 768],
            features: 128,
            ..Self::v1_small()
        }
    }

    /// Depth Anything Large (335 M parameters).
    pub fn v1_large() -> Self {
        Self {
            width: 1024,
            heads: 16,
            depth: 24,
            taps: [20, 21, 22, 23],
            levels: [256, 512, 1024, 1024],
            features: 256,
            ..Self::v1_small()
        }
    }

    /// Depth Anything V2 Small (25 M parameters).
    pub fn v2_small() -> Self {
        Self {
            taps: [2, 5, 8, 11],
            align_corners: true,
            ..Self::v1_small()
        }
    }

    /// Depth Anything V2 Base (97 M parameters).
    pub fn v2_base() -> Self {
        Self {
            taps: [2, 5, 8, 11],
            align_corners: true,
            ..Self::v1_base()
        }
    }

    /// Depth Anything V2 Large (335 M parameters).
    pub fn v2_large() -> Self {
        Self {
            taps: [4, 11, 17, 23],
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
        if let Some(relative) = name.strip_suffix("_indoor") {
            return Ok(Self::named(relative)?.metric(20.0));
        }
        if let Some(relative) = name.strip_suffix("_outdoor") {
            return Ok(Self::named(relative)?.metric(80.0));
        }
        Ok(match name {
            "v1_small" => Self::v1_small(),
            "v1_base" => Self::v1_base(),
            "v1_large" => Self::v1_large(),
            "v2_small" => Self::v2_small(),
            "v2_base" => Self::v2_base(),
            "v2_large" => Self::v2_large(),
            _ => {
                return Err(Error::invalid(format!(
                    "Depth Anything has no configuration {name:?}; known are v1_small, v1_base, v1_large, v2_small, \
                     v2_base and v2_large"
                )));
            }
        })
    }

    /// Whether a checkpoint has the tensors of a network of this size.
    pub(super) fn fits(&self, checkpoint: &Checkpoint) -> bool {
        let official = official_layout(checkpoint);
        let has_block =
            |number: usize| official.contains(&format!("pretrained.blocks.{number}.norm1.weight"));
        official
            .shape(CLS_TOKEN)
            .is_some_and(|shape| shape.last() == Some(&self.width))
            && has_block(self.depth - 1)
            && !has_block(self.depth)
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
    encoder: Encoder,
    decoder: Decoder,
    preprocessing: Preprocessing,
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
            Some([1, 1, width]) if *width != config.width => {
                let size = |width| Config::size(width).unwrap_or("of another size");
                return Err(Error::Checkpoint(format!(
                    "{} holds Depth Anything {} ({width} channels), not {} ({}); choose the model that belongs to the file",
                    checkpoint.path().display(),
                    size(*width),
                    size(config.width),
                    config.width
                )));
            }
            Some(_) => {}
        }
        let weights = Weights::new(&official, device, dtype);
        Ok(Self {
            encoder: Encoder::new(&weights.pp("pretrained"), config)?,
            decoder: Decoder::new(&weights.pp("depth_head"), config)?,
            preprocessing: Preprocessing {
                mean: [0.485, 0.456, 0.406],
                std: [0.229, 0.224, 0.225],
                net_size: (518, 518),
                multiple: PATCH,
                rule: SizeRule::LowerBound,
                shrink: Shrink::Cubic,
                enlarge: Enlarge::Bilinear {
                    align_corners: config.align_corners,
                },
            },
            max_depth: config.max_depth,
            dtype,
        })
    }
}

impl DepthNetwork for DepthAnything {
    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        let (_, _, h, w) = input.dims4()?;
        if h == 0 || w == 0 || h % PATCH != 0 || w % PATCH != 0 {
            return Err(Error::invalid(format!(
                "Depth Anything was given a {w} x {h} input; both sides must be multiples of {PATCH}"
            )));
        }
        let grid = (h / PATCH, w / PATCH);
        let mut progress = Progress::new(monitor, self.encoder.blocks.len() + DECODER_STEPS);
        let taps = self
            .encoder
            .forward(&input.to_dtype(self.dtype)?, grid, &mut progress)?;
        let y = self.decoder.forward(&taps, grid, &mut progress)?;
        let y = match self.max_depth {
            Some(max_depth) => (candle_nn::ops::sigmoid(&y)? * max_depth)?,
            None => y.relu()?,
        };
        Ok(y.squeeze(1)?.to_dtype(DType::F32)?)
    }

    fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    fn kind(&self) -> DepthKind {
        match self.max_depth {
            Some(_) => DepthKind::Metric,
            None => DepthKind::Inverse,
        }
    }
}

/// DINOv2 (Oquab et al. 2023).
struct Encoder {
    patch_embed: Conv2d,
    cls_token: Tensor,
    /// Of the class token, `[1, 1, C]`.
    cls_position: Tensor,
    /// Of the patches, `[GRID * GRID, C]`.
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    taps: [usize; 4],
}

impl Encoder {
    fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        let Config {
            width,
            heads,
            depth,
            taps,
            ..
        } = *config;
        let embed = Conv2dConfig {
            stride: PATCH,
            ..Conv2dConfig::default()
        };
        let positions = weights.tensor("pos_embed", (1, GRID * GRID + 1, width))?;
        let patches = positions.narrow(1, 1, GRID * GRID)?;
        Ok(Self {
            patch_embed: conv2d(&weights.pp("patch_embed.proj"), 3, width, PATCH, embed)?,
            cls_token: weights.tensor("cls_token", (1, 1, width))?,
            cls_position: positions.narrow(1, 0, 1)?,
            positions: patches
                .to_dtype(DType::F32)?
                .to_device(&Device::Cpu)?
                .flatten_all()?
                .to_vec1()?,
            blocks: (0..depth)
                .map(|i| Block::new(&weights.pp("blocks").pp(i), width, heads, Family::Dino))
                .collect::<Result<_>>()?,
            norm: layer_norm(&weights.pp("norm"), width, 1e-6)?,
            taps,
        })
    }

    /// The normalised results of the tapped blocks as maps `[B, C, grid]`.
    fn forward(&self, x: &Tensor, grid: (usize, usize), progress: &mut Progress<'_>) -> Result<Vec<Tensor>> {
        let patches = self.patch_embed.forward(x)?.flatten_from(2)?.transpose(1, 2)?;
        progress.show("pretrained.patch_embed", &patches);
        let (batch, count, width) = patches.dims3()?;
        let positions = Tensor::from_vec(self.positions_for(grid), (1, count, width), x.device())?;
        let patches = patches.broadcast_add(&positions.to_dtype(x.dtype())?)?;
        let cls = (&self.cls_token + &self.cls_position)?.repeat((batch, 1, 1))?;
        let mut tokens = Tensor::cat(&[cls, patches], 1)?;
        let mut taps = Vec::with_capacity(self.taps.len());
        for (i, block) in self.blocks.iter().enumerate() {
            tokens = block.forward(&tokens, None)?;
            progress.show(format_args!("pretrained.blocks.{i}"), &tokens);
            if self.taps.contains(&i) {
                let patches = self.norm.forward(&tokens)?.narrow(1, 1, count)?;
                taps.push(patches.transpose(1, 2)?.reshape((batch, width, grid.0, grid.1))?);
            }
            progress.step()?;
        }
        Ok(taps)
    }

    /// The position embedding for another grid: PyTorch's bicubic resampling
    /// without low-pass, sampled at `GRID / (side + 0.1)` patches per patch
    /// as DINOv2 was trained, not at the ratio of the sides.
    fn positions_for(&self, (rows, columns): (usize, usize)) -> Vec<f32> {
        if (rows, columns) == (GRID, GRID) {
            return self.positions.clone();
        }
        let width = self.positions.len() / (GRID * GRID);
        let (down, across) = (cubic_taps(rows), cubic_taps(columns));
        let mut resized = Vec::with_capacity(rows * columns * width);
        for row in &down {
            for column in &across {
                let mut sum = vec![0f32; width];
                for &(y, wy) in row {
                    for &(x, wx) in column {
                        let from = &self.positions[(y * GRID + x) * width..][..width];
                        for (sum, value) in sum.iter_mut().zip(from) {
                            *sum += wy * wx * value;
                        }
                    }
                }
                resized.extend(sum);
            }
        }
        resized
    }
}

/// For each of `count` samples, the four patches it is mixed from and their weights.
fn cubic_taps(count: usize) -> Vec<[(usize, f32); 4]> {
    const A: f64 = -0.75;
    let near = |t: f64| ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
    let far = |t: f64| ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A;
    let step = GRID as f64 / (count as f64 + 0.1);
    (0..count)
        .map(|i| {
            let at = (i as f64 + 0.5) * step - 0.5;
            let (low, t) = (at.floor(), at - at.floor());
            let patch = |offset: f64| (low + offset).clamp(0.0, (GRID - 1) as f64) as usize;
            [
                (patch(-1.0), far(t + 1.0) as f32),
                (patch(0.0), near(t) as f32),
                (patch(1.0), near(1.0 - t) as f32),
                (patch(2.0), far(2.0 - t) as f32),
            ]
        })
        .collect()
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
            width,
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
                .map(|i| conv2d(&projects.pp(i), width, levels[i], 1, point))
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

    /// The four taps to a prediction `[B, 1, H, W]` before its last activation.
    fn forward(&self, taps: &[Tensor], grid: (usize, usize), progress: &mut Progress<'_>) -> Result<Tensor> {
        let mut levels = Vec::with_capacity(taps.len());
        for (i, (tap, project)) in taps.iter().zip(&self.projects).enumerate() {
            let x = project.forward(tap)?;
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
    let (place, kind) = name.rsplit_once('.')?;
    if let Some(rest) = place.strip_prefix("backbone.encoder.layer.") {
        let (block, part) = rest.split_once('.')?;
        let part = match part {
            "attention.attention.query" => "attn.query",
            "attention.attention.key" => "attn.key",
            "attention.attention.value" => "attn.value",
            "attention.output.dense" => "attn.proj",
            "layer_scale1" => "ls1",
            "layer_scale2" => "ls2",
            other => other,
        };
        let kind = if kind == "lambda1" { "gamma" } else { kind };
        return Some(format!("pretrained.blocks.{block}.{part}.{kind}"));
    }
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
        "backbone.embeddings" => {
            return match kind {
                "cls_token" => Some("pretrained.cls_token".to_owned()),
                "position_embeddings" => Some("pretrained.pos_embed".to_owned()),
                _ => None,
            };
        }
        "backbone.embeddings.patch_embeddings.projection" => "pretrained.patch_embed.proj",
        "backbone.layernorm" => "pretrained.norm",
        "head.conv1" => "depth_head.scratch.output_conv1",
        "head.conv2" => "depth_head.scratch.output_conv2.0",
        "head.conv3" => "depth_head.scratch.output_conv2.2",
        _ => return None,
    };
    Some(format!("{place}.{kind}"))
}
