//! The encoders of dense prediction transformers: ViT/16, a hybrid of ResNet and ViT, and BEiT.

use candle_core::Tensor;

use super::relative_position::RelativePosition;
use super::resnet_v2::ResNetV2;
use super::{Backbone, Config, PATCH};
use crate::Result;
use crate::networks::layers::conv2d;
use crate::networks::progress::Progress;
use crate::networks::vit::{Block, Variant};
use crate::nn::{Conv2d, Conv2dConfig, bilinear};
use crate::weights::Weights;

/// What the decoder sees of a picture.
pub(super) struct Taps {
    /// Feature maps of the stem, finest first; none but the hybrid's.
    pub maps: Vec<Tensor>,
    /// Tokens `[B, 1 + h w, C]` of the tapped blocks, the class token first.
    pub tokens: Vec<Tensor>,
}

/// A picture to tokens.
pub(super) struct Encoder {
    /// The hybrid's.
    resnet: Option<ResNetV2>,
    /// Of patches, or of the last feature map's pixels.
    proj: Conv2d,
    /// `[1, 1, C]`, its position included.
    cls_token: Tensor,
    /// `[1, C, grid, grid]`; BEiT knows relative positions only.
    positions: Option<Tensor>,
    blocks: Vec<(Block, Option<RelativePosition>)>,
    taps: Vec<usize>,
}

impl Encoder {
    pub(super) fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        let Config {
            backbone,
            width,
            heads,
            grid,
            ..
        } = *config;
        let embed = weights.pp("patch_embed");
        let proj = embed.pp("proj");
        let (resnet, proj) = match backbone {
            Backbone::Vit | Backbone::Beit => {
                let patches = Conv2dConfig {
                    stride: PATCH,
                    ..Conv2dConfig::default()
                };
                (None, conv2d(&proj, 3, width, PATCH, patches)?)
            }
            Backbone::Hybrid { stages } => (
                Some(ResNetV2::new(&embed.pp("backbone"), stages)?),
                conv2d(&proj, ResNetV2::CHANNELS, width, 1, Conv2dConfig::default())?,
            ),
        };
        let mut cls_token = weights.tensor("cls_token", (1, 1, width))?;
        let mut positions = None;
        if backbone != Backbone::Beit {
            let table = weights.tensor("pos_embed", (1, 1 + grid * grid, width))?;
            cls_token = (cls_token + table.narrow(1, 0, 1)?)?;
            let patches = table.narrow(1, 1, grid * grid)?.transpose(1, 2)?;
            positions = Some(patches.contiguous()?.reshape((1, width, grid, grid))?);
        }
        let blocks = weights.pp("blocks");
        let block = |i: usize| -> Result<_> {
            let weights = blocks.pp(i);
            if backbone == Backbone::Beit {
                let relative = RelativePosition::new(&weights.pp("attn"), grid, heads)?;
                return Ok((Block::new(&weights, width, heads, Variant::Beit)?, Some(relative)));
            }
            Ok((Block::new(&weights, width, heads, Variant::Vit)?, None))
        };
        Ok(Self {
            resnet,
            proj,
            cls_token,
            positions,
            blocks: (0..config.depth).map(block).collect::<Result<_>>()?,
            taps: config.taps.clone(),
        })
    }

    /// Pictures `[B, 3, H, W]`, both sides multiples of [`PATCH`].
    pub(super) fn forward(&self, x: &Tensor, progress: &mut Progress<'_>) -> Result<Taps> {
        let (maps, mut patches) = match &self.resnet {
            None => (Vec::new(), self.proj.forward(x)?),
            Some(resnet) => {
                let [quarter, eighth, sixteenth] = resnet.forward(x)?;
                for (i, stage) in [&quarter, &eighth, &sixteenth].into_iter().enumerate() {
                    progress.show(
                        format_args!("pretrained.model.patch_embed.backbone.stages.{i}"),
                        stage,
                    );
                }
                (vec![quarter, eighth], self.proj.forward(&sixteenth)?)
            }
        };
        progress.show("pretrained.model.patch_embed.proj", &patches);
        let (batch, _, h, w) = patches.dims4()?;
        if let Some(positions) = &self.positions {
            patches = patches.broadcast_add(&bilinear(positions, (h, w), false)?)?;
        }
        let cls = self.cls_token.repeat((batch, 1, 1))?;
        let mut x = Tensor::cat(&[cls, patches.flatten_from(2)?.transpose(1, 2)?], 1)?;
        let mut tokens = Vec::with_capacity(self.taps.len());
        for (i, (block, relative)) in self.blocks.iter().enumerate() {
            let bias = match relative {
                Some(relative) => Some(relative.bias((h, w))?),
                None => None,
            };
            x = block.forward(&x, bias.as_ref())?;
            progress.show(format_args!("pretrained.model.blocks.{i}"), &x);
            if self.taps.contains(&i) {
                tokens.push(x.clone());
            }
            progress.step()?;
        }
        Ok(Taps { maps, tokens })
    }
}
