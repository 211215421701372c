//! DINOv2 (Oquab et al. 2023): the vision transformer under Depth Anything
//! and most that came after it. Patches of 14 pixels become tokens beside a
//! class token, pre-norm blocks with layer scale mix them, and what a head
//! sees are the results of a few of the blocks, each normalised.

use candle_core::{DType, Device, Tensor};

use super::layers::{conv2d, layer_norm};
use super::progress::Progress;
use super::vit::{Block, Variant};
use crate::Result;
use crate::nn::{Conv2d, Conv2dConfig, LayerNorm};
use crate::weights::Weights;

/// Side of a patch in pixels.
pub(super) const PATCH: usize = 14;
/// Side of the grid of patches the position embedding was trained on.
const GRID: usize = 37;

/// The size of an encoder, and what is seen of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Channels of a token.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Transformer blocks.
    pub depth: usize,
    /// The blocks (from 0) whose results a head sees.
    pub taps: &'static [usize],
}

impl Config {
    /// ViT-S/14 (22 M parameters).
    pub const fn small(taps: &'static [usize]) -> Self {
        Self {
            width: 384,
            heads: 6,
            depth: 12,
            taps,
        }
    }

    /// ViT-B/14 (86 M parameters).
    pub const fn base(taps: &'static [usize]) -> Self {
        Self {
            width: 768,
            heads: 12,
            depth: 12,
            taps,
        }
    }

    /// ViT-L/14 (304 M parameters).
    pub const fn large(taps: &'static [usize]) -> Self {
        Self {
            width: 1024,
            heads: 16,
            depth: 24,
            taps,
        }
    }
}

/// Pictures to tokens.
pub(super) struct Encoder {
    /// Where the official checkpoint has it.
    name: &'static str,
    patch_embed: Conv2d,
    cls_token: Tensor,
    /// Of the class token, `[1, 1, C]`.
    cls_position: Tensor,
    /// Of the patches, `[GRID * GRID, C]`.
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    taps: &'static [usize],
}

impl Encoder {
    /// Reads the encoder called `name` below `weights`, in the names of the authors' files.
    pub(super) fn new(weights: &Weights<'_>, name: &'static str, config: &Config) -> Result<Self> {
        let Config {
            width,
            heads,
            depth,
            taps,
        } = *config;
        let weights = weights.pp(name);
        let embed = Conv2dConfig {
            stride: PATCH,
            ..Conv2dConfig::default()
        };
        let positions = weights.tensor("pos_embed", (1, GRID * GRID + 1, width))?;
        let patches = positions.narrow(1, 1, GRID * GRID)?;
        Ok(Self {
            name,
            patch_embed: conv2d(&weights.pp("patch_embed.proj"), 3, width, PATCH, embed)?,
            cls_token: weights.tensor("cls_token", (1, 1, width))?,
            cls_position: positions.narrow(1, 0, 1)?,
            positions: patches
                .to_dtype(DType::F32)?
                .to_device(&Device::Cpu)?
                .flatten_all()?
                .to_vec1()?,
            blocks: (0..depth)
                .map(|i| Block::new(&weights.pp("blocks").pp(i), width, heads, Variant::Dino))
                .collect::<Result<_>>()?,
            norm: layer_norm(&weights.pp("norm"), width, 1e-6)?,
            taps,
        })
    }

    /// Steps that [`forward`](Self::forward) reports.
    pub(super) fn steps(&self) -> usize {
        self.blocks.len()
    }

    /// Normalised pictures `[B, 3, 14 rows, 14 columns]` to the normalised
    /// tokens `[B, 1 + rows columns, C]` of the tapped blocks, the class token first.
    pub(super) fn forward(&self, x: &Tensor, progress: &mut Progress<'_>) -> Result<Vec<Tensor>> {
        let patches = self.patch_embed.forward(x)?;
        let (batch, width, rows, columns) = patches.dims4()?;
        let patches = patches.flatten_from(2)?.transpose(1, 2)?;
        progress.show(format_args!("{}.patch_embed", self.name), &patches);
        let positions = self.positions_for((rows, columns));
        let positions = Tensor::from_vec(positions, (1, rows * columns, width), x.device())?;
        let patches = patches.broadcast_add(&positions.to_dtype(x.dtype())?)?;
        let cls = (&self.cls_token + &self.cls_position)?.repeat((batch, 1, 1))?;
        let mut tokens = Tensor::cat(&[cls, patches], 1)?;
        let mut taps = Vec::with_capacity(self.taps.len());
        for (i, block) in self.blocks.iter().enumerate() {
            tokens = block.forward(&tokens, None)?;
            progress.show(format_args!("{}.blocks.{i}", self.name), &tokens);
            if self.taps.contains(&i) {
                taps.push(self.norm.forward(&tokens)?);
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

/// The patches' tokens of a grid (rows, columns) as a map `[B, C, rows, columns]`.
pub(super) fn as_map(tokens: &Tensor, (rows, columns): (usize, usize)) -> Result<Tensor> {
    let (batch, count, width) = tokens.dims3()?;
    let patches = tokens.narrow(1, 1, count - 1)?.transpose(1, 2)?;
    Ok(patches.reshape((batch, width, rows, columns))?)
}

/// The official name of a tensor that the `transformers` library calls `name` within its encoder.
pub(super) fn official_name(name: &str) -> Option<String> {
    match name {
        "embeddings.cls_token" => return Some("cls_token".to_owned()),
        "embeddings.position_embeddings" => return Some("pos_embed".to_owned()),
        _ => {}
    }
    let (place, kind) = name.rsplit_once('.')?;
    let place = match place {
        "embeddings.patch_embeddings.projection" => "patch_embed.proj",
        "layernorm" => "norm",
        _ => {
            let (block, part) = place.strip_prefix("encoder.layer.")?.split_once('.')?;
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
            return Some(format!("blocks.{block}.{part}.{kind}"));
        }
    };
    Some(format!("{place}.{kind}"))
}
