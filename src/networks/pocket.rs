//! The network that is part of the program: small, always there, trained by
//! the project itself (`models/pocket/README.md`).
//!
//! The encoder is EfficientNet-lite: inverted residual blocks with ReLU6 and
//! without squeeze-and-excitation (Tan and Le 2019; Sandler et al. 2018). The
//! decoder walks back up from the coarsest map, which also gets what the whole
//! picture looks like, and adds the encoder's finer maps as a feature pyramid
//! does (Lin et al. 2017). Batch normalisation is folded into the convolutions
//! of the file. How wide and how deep everything is, the file says itself: see
//! [`Config::read`].

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::layers::{conv2d, resize};
use super::progress::Progress;
use super::registry::{Family, Loader};
use super::{DepthKind, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::nn::{Activation, Conv2d, Conv2dConfig, Padding};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

/// The trained network: half precision, made by `models/pocket/export.py`.
static EMBEDDED: &[u8] = include_bytes!("../../models/pocket/pocket.safetensors");

/// The pocket network in the registry.
pub(super) static FAMILY: Family = Family {
    name: "pocket",
    configs: &["embedded"],
    embedded: Some(EMBEDDED),
    half: false,
    // Its file lies on nobody's disk.
    fits: |_, _| false,
    loader: Loader::Depth {
        spec: |_| Ok(Config::read(EMBEDDED)?.spec()),
        load: |_, _, weights| Ok(Box::new(Pocket::new(Config::read(EMBEDDED)?, weights)?)),
    },
};

/// Inputs with fewer pixels are done before anybody could read a progress bar.
const FOLLOWED: usize = 1 << 20;

/// The entry of a file's metadata that holds its [`Config`].
const METADATA: &str = "rilievo.pocket";

/// What a pocket network is made of and how its input is made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Version of the trained weights.
    pub version: String,
    /// Licence of the trained weights.
    pub licence: String,
    /// How the input is made.
    pub input: Input,
    /// Channels of the stem, a 3x3 convolution with stride 2.
    pub stem: usize,
    /// The encoder's blocks, one after the other.
    pub encoder: Vec<Block>,
    /// Blocks (from 0, the finest first) whose results go to the decoder.
    pub taps: Vec<usize>,
    /// Width of the bottleneck between the mean of the coarsest map and the decoder.
    pub context: usize,
    /// The decoder's levels, the coarsest first; as many as taps.
    pub decoder: Vec<Level>,
    /// Channels between the last two convolutions.
    pub head: usize,
}

/// How a picture becomes the input: `(value - mean) / scale` of values in 0..=255.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Subtracted from every value.
    pub mean: f64,
    /// Divided by afterwards.
    pub scale: f64,
    /// Default network size (width, height). Its area counts: the picture's shape is kept.
    pub net_size: (usize, usize),
    /// Whether the mirrored picture is looked at too, and the mean of both predictions is the result.
    #[serde(default)]
    pub mirrored: bool,
}

/// An inverted residual block: widen (1x1), filter each channel, narrow (1x1).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Channels inside; a block that is no wider inside has no first convolution.
    pub expanded: usize,
    /// Channels of the result.
    pub channels: usize,
    /// Side of the filter.
    pub kernel: usize,
    /// Stride of the filter, 1 or 2.
    pub stride: usize,
}

/// One resolution of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Channels.
    pub channels: usize,
    /// Side of the filters.
    pub kernel: usize,
    /// Separable residual blocks.
    pub blocks: usize,
}

impl Config {
    /// Reads the configuration from the metadata of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file has none, or one that makes no network.
    pub fn read(file: &[u8]) -> Result<Self> {
        let broken = |reason: &str| Error::Checkpoint(format!("the pocket network's file {reason}"));
        let (_, metadata) =
            SafeTensors::read_metadata(file).map_err(|error| broken(&format!("is damaged: {error}")))?;
        let text = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA))
            .ok_or_else(|| broken(&format!("has no entry {METADATA:?} in its metadata")))?;
        let config: Self = serde_json::from_str(text)
            .map_err(|error| broken(&format!("describes no network this version knows: {error}")))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let ascending = self.taps.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = !self.taps.is_empty()
            && ascending
            && self.taps.last().is_some_and(|&last| last < self.encoder.len())
            && self.taps.len() == self.decoder.len()
            && self.encoder.iter().all(|block| matches!(block.stride, 1 | 2))
            && self.encoder.len() < 64
            && self.reduction().is_some();
        if sound {
            return Ok(());
        }
        Err(Error::Checkpoint(
            "a pocket network needs one decoder level per tap, taps in ascending order that name blocks of the \
             encoder, and blocks of stride 1 or 2"
                .into(),
        ))
    }

    /// What a network of this shape says about itself.
    fn spec(&self) -> Spec {
        let preprocessing = Preprocessing {
            mean: [self.input.mean / 255.0; 3],
            std: [self.input.scale / 255.0; 3],
            net_size: self.input.net_size,
            multiple: self.reduction().unwrap_or(1),
            rule: SizeRule::Area,
            shrink: Shrink::Area,
            enlarge: Enlarge::Bilinear { align_corners: false },
        };
        Spec::new(DepthKind::Inverse, preprocessing)
    }

    /// How many times larger the input is than the coarsest map.
    fn reduction(&self) -> Option<usize> {
        self.encoder
            .iter()
            .try_fold(2_usize, |product, block| product.checked_mul(block.stride))
    }
}

/// The pocket network.
pub struct Pocket {
    config: Config,
    spec: Spec,
    stem: Conv2d,
    encoder: Vec<InvertedResidual>,
    context: [Conv2d; 2],
    decoder: Vec<DecoderLevel>,
    head: [Conv2d; 2],
}

impl Pocket {
    /// The network that is part of the program.
    ///
    /// # Errors
    /// [`Error::Compute`] if the device has no room.
    pub fn embedded(device: &Device, dtype: DType) -> Result<Self> {
        let checkpoint = Checkpoint::from_bytes(EMBEDDED)?;
        let weights = Weights::new(&checkpoint, device, dtype);
        Self::new(Config::read(EMBEDDED)?, &weights)
    }

    /// A network of this shape with these weights.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if they do not fit each other.
    pub fn new(config: Config, weights: &Weights<'_>) -> Result<Self> {
        config.check()?;
        let stem = convolution(
            &weights.pp("stem"),
            [config.stem, 3, 3],
            same(3, 2, 1, Activation::Relu6),
        )?;
        let mut encoder = Vec::with_capacity(config.encoder.len());
        let mut channels = config.stem;
        for (number, block) in config.encoder.iter().enumerate() {
            encoder.push(InvertedResidual::new(
                channels,
                block,
                &weights.pp("blocks").pp(number),
            )?);
            channels = block.channels;
        }

        let mut decoder: Vec<DecoderLevel> = Vec::with_capacity(config.decoder.len());
        for (number, (level, &tap)) in config.decoder.iter().zip(config.taps.iter().rev()).enumerate() {
            let coarser = number
                .checked_sub(1)
                .map(|coarser| config.decoder[coarser].channels);
            let weights = weights.pp("levels").pp(number);
            decoder.push(DecoderLevel::new(
                coarser,
                config.encoder[tap].channels,
                level,
                &weights,
            )?);
        }
        let coarsest = config.decoder.first().map_or(0, |level| level.channels);
        let finest = config.decoder.last().map_or(0, |level| level.channels);
        let deepest = config.taps.last().map_or(0, |&tap| config.encoder[tap].channels);
        let context = weights.pp("context");
        let head = weights.pp("head");
        Ok(Self {
            spec: Spec {
                tiles: weights.tiling(),
                ..config.spec()
            },
            stem,
            encoder,
            context: [
                convolution(
                    &context.pp(0),
                    [config.context, deepest, 1],
                    same(1, 1, 1, Activation::Relu),
                )?,
                convolution(
                    &context.pp(1),
                    [coarsest, config.context, 1],
                    same(1, 1, 1, Activation::None),
                )?,
            ],
            decoder,
            head: [
                convolution(
                    &head.pp(0),
                    [config.head, finest, 3],
                    same(3, 1, 1, Activation::Relu),
                )?,
                convolution(&head.pp(1), [1, config.head, 1], same(1, 1, 1, Activation::None))?,
            ],
            config,
        })
    }

    /// What it is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

impl Network for Pocket {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The prediction is half as wide and high as the input.
    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        let (pictures, _, height, width) = input.dims4()?;
        let multiple = self.spec.preprocessing.multiple;
        if height == 0 || width == 0 || height % multiple != 0 || width % multiple != 0 {
            return Err(Error::invalid(format!(
                "the pocket network takes pictures whose sides are multiples of {multiple}, not {width}x{height}"
            )));
        }
        if !self.config.input.mirrored {
            return Ok(self.predict(input, monitor)?.into());
        }
        let both = self.predict(&Tensor::cat(&[input, &input.flip(&[3])?], 0)?, monitor)?;
        let mirrored = both.narrow(0, pictures, pictures)?.flip(&[2])?;
        Ok(((both.narrow(0, 0, pictures)? + mirrored)? * 0.5)?.into())
    }
}

impl Pocket {
    /// What the network sees in every picture by itself.
    fn predict(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        let (pictures, _, height, width) = input.dims4()?;
        let monitor = match pictures * height * width {
            pixels if pixels < FOLLOWED => monitor.muted(),
            _ => *monitor,
        };
        let mut progress = Progress::new(&monitor, self.encoder.len() + self.decoder.len() + 1);
        let mut taps = Vec::with_capacity(self.decoder.len());
        let mut x = self.stem.forward(input)?;
        for (number, block) in self.encoder.iter().enumerate() {
            x = block.forward(&x)?;
            if self.config.taps.contains(&number) {
                taps.push(x.clone());
            }
            progress.step()?;
        }

        let mut y: Option<Tensor> = None;
        for (level, tap) in self.decoder.iter().zip(taps.iter().rev()) {
            let entered = match &y {
                Some(coarser) => level.enter(tap, coarser)?,
                None => level.lateral.forward(tap)?.broadcast_add(&self.context(tap)?)?,
            };
            // The finest level is by far the longest step.
            monitor.check()?;
            y = Some(level.refine(entered)?);
            progress.step()?;
        }
        let [first, last] = &self.head;
        let y = y.ok_or_else(|| Error::Compute("the pocket network has no decoder".into()))?;
        let prediction = last.forward(&first.forward(&y)?)?.squeeze(1)?;
        progress.step()?;
        Ok(prediction)
    }

    /// What the whole picture looks like, for every pixel of the coarsest level.
    fn context(&self, coarsest: &Tensor) -> Result<Tensor> {
        let mean = coarsest.mean_keepdim(3)?.mean_keepdim(2)?;
        let [squeeze, spread] = &self.context;
        spread.forward(&squeeze.forward(&mean)?)
    }
}

struct InvertedResidual {
    expand: Option<Conv2d>,
    depthwise: Conv2d,
    project: Conv2d,
    residual: bool,
}

impl InvertedResidual {
    fn new(inputs: usize, block: &Block, weights: &Weights<'_>) -> Result<Self> {
        let &Block {
            expanded,
            channels,
            kernel,
            stride,
        } = block;
        let expand = weights.pp("expand");
        let expand = match expand.contains("weight") {
            true => Some(convolution(
                &expand,
                [expanded, inputs, 1],
                same(1, 1, 1, Activation::Relu6),
            )?),
            false => None,
        };
        Ok(Self {
            expand,
            depthwise: convolution(
                &weights.pp("depthwise"),
                [expanded, 1, kernel],
                same(kernel, stride, expanded, Activation::Relu6),
            )?,
            project: convolution(
                &weights.pp("project"),
                [channels, expanded, 1],
                same(1, 1, 1, Activation::None),
            )?,
            residual: stride == 1 && inputs == channels,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match &self.expand {
            Some(expand) => self.depthwise.forward(&expand.forward(x)?)?,
            None => self.depthwise.forward(x)?,
        };
        match self.residual {
            true => self.project.forward_add(&y, x),
            false => self.project.forward(&y),
        }
    }
}

struct DecoderLevel {
    /// From the coarser level's channels to this one's; the coarsest has none.
    reduce: Option<Conv2d>,
    lateral: Conv2d,
    blocks: Vec<[Conv2d; 2]>,
    tiling: bool,
}

impl DecoderLevel {
    fn new(coarser: Option<usize>, tap: usize, level: &Level, weights: &Weights<'_>) -> Result<Self> {
        let &Level {
            channels,
            kernel,
            blocks,
        } = level;
        let plain = same(1, 1, 1, Activation::None);
        let relu = same(1, 1, 1, Activation::Relu);
        let block = |number: usize| {
            let weights = weights.pp("blocks").pp(number);
            let filter = same(kernel, 1, channels, Activation::Relu);
            Ok([
                convolution(&weights.pp("depthwise"), [channels, 1, kernel], filter)?,
                convolution(&weights.pp("pointwise"), [channels, channels, 1], relu)?,
            ])
        };
        Ok(Self {
            reduce: match coarser {
                Some(coarser) => Some(convolution(&weights.pp("reduce"), [channels, coarser, 1], plain)?),
                None => None,
            },
            lateral: convolution(&weights.pp("lateral"), [channels, tap, 1], plain)?,
            blocks: (0..blocks).map(block).collect::<Result<_>>()?,
            tiling: weights.tiling(),
        })
    }

    /// The coarser level's result at the size of `tap`, plus `tap`.
    fn enter(&self, tap: &Tensor, coarser: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = tap.dims4()?;
        let reduced = match &self.reduce {
            Some(reduce) => reduce.forward(coarser)?,
            None => coarser.clone(),
        };
        let enlarged = resize(&reduced, (height, width), false, self.tiling)?;
        self.lateral.forward_add(tap, &enlarged)
    }

    fn refine(&self, mut x: Tensor) -> Result<Tensor> {
        for [depthwise, pointwise] in &self.blocks {
            x = pointwise.forward_add(&depthwise.forward(&x)?, &x)?;
        }
        Ok(x)
    }
}

/// TensorFlow's `SAME` padding for sides that are multiples of the stride.
fn same(kernel: usize, stride: usize, groups: usize, activation: Activation) -> Conv2dConfig {
    Conv2dConfig {
        stride,
        padding: Padding::same((stride, stride), kernel, stride),
        groups,
        activation,
        ..Conv2dConfig::default()
    }
}

/// A convolution with a square kernel: `[outputs, inputs per group, side]`.
fn convolution(
    weights: &Weights<'_>,
    [outputs, inputs, side]: [usize; 3],
    config: Conv2dConfig,
) -> Result<Conv2d> {
    conv2d(weights, inputs * config.groups, outputs, side, config)
}
