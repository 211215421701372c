//! U-2-Net (Qin et al. 2020): salient objects by a U of residual U-blocks.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::background::{self, Config};
use super::layers::{conv2d, conv2d_norm, input_size};
use super::network::Network;
use super::progress::Progress;
use super::registry::{Family, Loader};
use crate::nn::{Activation, Conv2d, Conv2dConfig, Padding, bilinear, max_pool2d};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

const EPS: f64 = 1e-5;
/// Steps a run reports: eleven stages and the head.
pub(super) const STEPS: usize = 12;

impl Config {
    /// U-2-Net and its kin (`u2net`, `u2netp`, `u2net_human_seg`, `silueta`):
    /// one network in several widths, which are read off the file.
    pub const fn u2net() -> Self {
        Self {
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            side: 320,
        }
    }
}

/// U-2-Net in the registry.
pub(super) static FAMILY: Family = Family {
    name: "u2net",
    configs: &["u2net"],
    embedded: None,
    half: true,
    fits: |_, checkpoint| background::fits(checkpoint, 0),
    loader: Loader::Background {
        spec: |_| Ok(Config::u2net()),
        load: |_, checkpoint, weights| {
            Ok(Box::new(U2Net::load(
                checkpoint,
                weights.device(),
                weights.dtype(),
            )?))
        },
    },
};

/// A U-2-Net.
pub struct U2Net {
    trunk: Trunk,
    sides: Vec<Conv2d>,
    outconv: Conv2d,
    dtype: DType,
}

impl U2Net {
    /// Reads the network from the authors' checkpoint, or from an ONNX file
    /// exported from it, with its normalisations folded into the convolutions
    /// or not. The channels of every stage are the file's.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let checkpoint = with_published_names(checkpoint, "U-2-Net", &[], SIDES)?;
        let weights = Weights::new(&checkpoint, device, dtype);
        let trunk = Trunk::new(&weights, 3)?;
        let sides = (1..=LEVELS).map(|i| {
            let inputs = trunk.side_channels(i);
            side(&weights.pp(format!("side{i}")), inputs)
        });
        Ok(Self {
            sides: sides.collect::<Result<_>>()?,
            outconv: conv2d(&weights.pp("outconv"), LEVELS, 1, 1, Conv2dConfig::default())?,
            trunk,
            dtype,
        })
    }
}

impl Network for U2Net {
    type Inputs = Tensor;
    type Outputs = Tensor;
    type Spec = Config;

    fn spec(&self) -> &Config {
        const { &Config::u2net() }
    }

    /// Normalised pictures `[B, 3, H, W]` (see [`Config`]) become the
    /// likelihood of the foreground `[B, H, W]`, in 0..1. The sides can have
    /// any length.
    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        let size = input_size(input, "U-2-Net", 1)?;
        let mut progress = Progress::new(monitor, STEPS);
        let maps = self.trunk.forward(&input.to_dtype(self.dtype)?, &mut progress)?;
        let sides = maps.iter().zip(&self.sides).enumerate().map(|(i, (map, side))| {
            let side = side.forward(map)?;
            progress.show(format_args!("side{}", i + 1), &side);
            bilinear(&side, size, false)
        });
        let fused = self
            .outconv
            .forward(&Tensor::cat(&sides.collect::<Result<Vec<_>>>()?, 1)?)?;
        let mask = candle_nn::ops::sigmoid(&fused)?;
        progress.step()?;
        Ok(mask.squeeze(1)?.to_dtype(DType::F32)?)
    }
}

/// The convolution that makes a map of one channel from a stage's result.
pub(super) fn side(weights: &Weights<'_>, inputs: usize) -> Result<Conv2d> {
    let config = Conv2dConfig {
        padding: Padding::all(1),
        ..Conv2dConfig::default()
    };
    conv2d(weights, inputs, 1, 3, config)
}

/// Depths of the encoder.
const LEVELS: usize = 6;

/// The stages in the order they run in.
const STAGES: [(&str, Shape); 11] = [
    ("stage1", Shape::Pooled(7)),
    ("stage2", Shape::Pooled(6)),
    ("stage3", Shape::Pooled(5)),
    ("stage4", Shape::Pooled(4)),
    ("stage5", Shape::Dilated),
    ("stage6", Shape::Dilated),
    ("stage5d", Shape::Dilated),
    ("stage4d", Shape::Pooled(4)),
    ("stage3d", Shape::Pooled(5)),
    ("stage2d", Shape::Pooled(6)),
    ("stage1d", Shape::Pooled(7)),
];

/// Convolutions of all stages together.
pub(super) const STAGE_CONVOLUTIONS: usize = 112;

/// The one-channel convolutions in the order they run in.
const SIDES: &[&str] = &["side1", "side2", "side3", "side4", "side5", "side6", "outconv"];

/// How a residual U-block sees far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// This many convolutions deep, with pooling between them.
    Pooled(usize),
    /// Four convolutions deep, with dilation instead of pooling.
    Dilated,
}

impl Shape {
    fn depth(self) -> usize {
        match self {
            Self::Pooled(depth) => depth,
            Self::Dilated => 4,
        }
    }

    /// Dilation of the convolution at `depth` (1 is the shallowest).
    fn dilation(self, depth: usize) -> usize {
        match self {
            Self::Dilated => 1 << (depth - 1),
            Self::Pooled(deepest) if depth == deepest => 2,
            Self::Pooled(_) => 1,
        }
    }
}

/// The U of residual U-blocks, which U-2-Net and IS-Net share.
pub(super) struct Trunk {
    encoder: Vec<Block>,
    /// Coarsest first.
    decoder: Vec<Block>,
}

impl Trunk {
    /// Reads the stages; the first sees `inputs` channels.
    pub(super) fn new(weights: &Weights<'_>, inputs: usize) -> Result<Self> {
        let mut encoder: Vec<Block> = Vec::with_capacity(LEVELS);
        let mut decoder = Vec::with_capacity(LEVELS - 1);
        let mut channels = inputs;
        for (i, (key, shape)) in STAGES.iter().enumerate() {
            // A decoder stage also sees the encoder's result at its size.
            let skip = (2 * LEVELS - 2)
                .checked_sub(i)
                .and_then(|level| encoder.get(level))
                .filter(|_| i >= LEVELS);
            let skipped = skip.map_or(0, |block| block.outputs);
            let block = Block::new(&weights.pp(key), *shape, channels + skipped)?;
            channels = block.outputs;
            match i < LEVELS {
                true => encoder.push(block),
                false => decoder.push(block),
            }
        }
        Ok(Self { encoder, decoder })
    }

    /// Channels of the map that side `i` (1 is the finest) sees.
    pub(super) fn side_channels(&self, i: usize) -> usize {
        let coarsest = self.encoder.iter().rev().take(1);
        let mut coarse_to_fine = coarsest.chain(&self.decoder);
        coarse_to_fine
            .nth(LEVELS.saturating_sub(i))
            .map_or(0, |block| block.outputs)
    }

    /// The maps the sides are made from, finest first.
    pub(super) fn forward(&self, x: &Tensor, progress: &mut Progress<'_>) -> Result<Vec<Tensor>> {
        let mut levels: Vec<Tensor> = Vec::with_capacity(LEVELS);
        for block in &self.encoder {
            let x = match levels.last() {
                Some(finer) => halved(finer)?,
                None => x.clone(),
            };
            levels.push(block.forward(&x)?);
            progress.show(format_args!("stage{}", levels.len()), &levels[levels.len() - 1]);
            progress.step()?;
        }
        let mut maps: Vec<Tensor> = levels.pop().into_iter().collect();
        for (block, level) in self.decoder.iter().zip(levels.iter().rev()) {
            if let Some(coarser) = maps.last() {
                maps.push(block.forward(&beside(coarser, level)?)?);
                progress.show(
                    format_args!("stage{}d", LEVELS + 1 - maps.len()),
                    &maps[maps.len() - 1],
                );
            }
            progress.step()?;
        }
        maps.reverse();
        Ok(maps)
    }
}

/// A residual U-block: a small U of convolutions of its own, around which its
/// first convolution's result is added.
struct Block {
    input: Conv2d,
    /// Shallowest first.
    down: Vec<Conv2d>,
    /// Deepest first.
    up: Vec<Conv2d>,
    pooled: bool,
    outputs: usize,
}

impl Block {
    fn new(weights: &Weights<'_>, shape: Shape, inputs: usize) -> Result<Self> {
        let width =
            |name: &str| -> Result<usize> { Ok(weights.shape4(&format!("{name}.conv_s1.weight"))?[0]) };
        let (outputs, middle) = (width("rebnconvin")?, width("rebnconv1")?);
        let depth = shape.depth();
        let down = (1..=depth).map(|i| {
            let inputs = if i == 1 { outputs } else { middle };
            layer(
                &weights.pp(format!("rebnconv{i}")),
                inputs,
                middle,
                shape.dilation(i),
            )
        });
        let up = (1..depth).rev().map(|i| {
            let outputs = if i == 1 { outputs } else { middle };
            // The way up has the dilations of the way down.
            layer(
                &weights.pp(format!("rebnconv{i}d")),
                2 * middle,
                outputs,
                shape.dilation(i),
            )
        });
        Ok(Self {
            input: layer(&weights.pp("rebnconvin"), inputs, outputs, 1)?,
            down: down.collect::<Result<_>>()?,
            up: up.collect::<Result<_>>()?,
            pooled: shape != Shape::Dilated,
            outputs,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let input = self.input.forward(x)?;
        let mut levels: Vec<Tensor> = Vec::with_capacity(self.down.len());
        for (i, conv) in self.down.iter().enumerate() {
            let x = levels.last().unwrap_or(&input);
            // Neither the first nor the last convolution has a pooling before it.
            let pooled = self.pooled && i > 0 && i + 1 < self.down.len();
            levels.push(match pooled {
                true => conv.forward(&halved(x)?)?,
                false => conv.forward(x)?,
            });
        }
        let Some(mut y) = levels.pop() else {
            return Ok(input);
        };
        for (conv, level) in self.up.iter().zip(levels.iter().rev()) {
            y = conv.forward(&beside(&y, level)?)?;
        }
        Ok((y + input)?)
    }
}

/// A 3x3 convolution, normalised and rectified.
fn layer(weights: &Weights<'_>, inputs: usize, outputs: usize, dilation: usize) -> Result<Conv2d> {
    let config = Conv2dConfig {
        padding: Padding::all(dilation),
        dilation,
        activation: Activation::Relu,
        ..Conv2dConfig::default()
    };
    let conv = weights.pp("conv_s1");
    match weights.contains("bn_s1.weight") {
        true => conv2d_norm(&conv, &weights.pp("bn_s1"), (inputs, outputs), 3, EPS, config),
        false => {
            // Folded by an exporter; without a bias it would not have been.
            let weight = conv.tensor("weight", (outputs, inputs, 3, 3))?;
            Conv2d::new(weight, Some(conv.tensor("bias", outputs)?), config)
        }
    }
}

/// Half the size, an odd last row or column pooled alone.
fn halved(x: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    let padding = Padding {
        bottom: h % 2,
        right: w % 2,
        ..Padding::default()
    };
    max_pool2d(x, 2, 2, padding)
}

/// The channels of `coarser`, at the size of `finer`, then those of `finer`.
fn beside(coarser: &Tensor, finer: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = finer.dims4()?;
    Ok(Tensor::cat(&[&bilinear(coarser, (h, w), false)?, finer], 1)?)
}

/// The tensors of an exported file under their published names.
///
/// Exporters that fold normalisations rename the convolutions, but have to
/// keep the order they run in. In the trunk each needs the one before it, so
/// that order is unique; those with a single output channel are counted apart
/// because they may run at any time. `first` are the convolutions before the
/// trunk, `sides` those of a single channel.
pub(super) fn with_published_names(
    checkpoint: &Checkpoint,
    network: &str,
    first: &[&str],
    sides: &[&str],
) -> Result<Checkpoint> {
    let found: Vec<(usize, &[usize])> = (0..)
        .map_while(|i| Some((i, checkpoint.shape(&format!("Conv#{i}.weight"))?)))
        .collect();
    if found.is_empty() || checkpoint.contains("stage1.rebnconv1.conv_s1.weight") {
        return Ok(checkpoint.clone());
    }
    let trunk = STAGES.iter().flat_map(|(key, shape)| {
        let depth = shape.depth();
        let down = (1..=depth).map(|i| format!("{i}"));
        let up = (1..depth).rev().map(|i| format!("{i}d"));
        std::iter::once("in".to_owned())
            .chain(down)
            .chain(up)
            .map(move |part| format!("{key}.rebnconv{part}.conv_s1"))
    });
    let wide: Vec<String> = first.iter().map(|name| (*name).to_owned()).chain(trunk).collect();
    let (single, many): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(_, shape)| shape.first() == Some(&1));
    if many.len() != wide.len() {
        return Err(Error::Checkpoint(format!(
            "{} holds no {network}: it has {} convolutions of several channels, {network} has {}",
            checkpoint.path().display(),
            many.len(),
            wide.len()
        )));
    }
    let mut names = HashMap::new();
    let wide = many.iter().zip(wide);
    let sides = single
        .iter()
        .zip(sides)
        .filter(|(_, name)| !checkpoint.contains(&format!("{name}.weight")))
        .map(|(conv, name)| (conv, (*name).to_owned()));
    for ((i, _), name) in wide.chain(sides) {
        for kind in ["weight", "bias"] {
            names.insert(format!("Conv#{i}.{kind}"), format!("{name}.{kind}"));
        }
    }
    Ok(checkpoint.clone().renamed(|name| {
        let kept = (!names.values().any(|published| published == name)).then(|| name.to_owned());
        names.get(name).cloned().or(kept)
    }))
}
