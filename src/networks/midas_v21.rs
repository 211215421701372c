//! MiDaS v2.1 (Ranftl et al. 2020), large and small: a convolutional encoder
//! under a decoder of residual fusion blocks.

use candle_core::{DType, Device, Tensor};

use super::dpt::conv3x3;
use super::efficientnet_lite::EfficientNetLite3;
use super::layers::{conv2d, conv2d_unbiased, input_size, resize};
use super::progress::Progress;
use super::registry::{Configs, Family, Loader, named, names};
use super::resnext::ResNext101;
use super::{DepthKind, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::nn::{Activation, Conv2d, Conv2dConfig};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

/// What an input's sides are multiples of.
const MULTIPLE: usize = 32;
/// Steps a run reports: four levels of the encoder, four fusions, the head.
const STEPS: usize = 9;

/// A published network of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    size: Published,
    /// Channels of the fusion blocks, finest level first.
    features: [usize; 4],
    /// Channels after the head's first convolution.
    head: usize,
    /// Default side of the input.
    side: usize,
}

/// The published networks.
const CONFIGS: Configs<Config, 2> = [("large", Config::large), ("small", Config::small)];

/// MiDaS v2.1 in the registry.
pub(super) static FAMILY: Family = Family {
    name: "midas_v21",
    configs: &names(&CONFIGS),
    embedded: None,
    half: true,
    fits: |config, checkpoint| Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
    loader: Loader::Depth {
        spec: |config| Ok(Config::named(config)?.spec()),
        load: |config, _, weights| Ok(Box::new(MidasV21::new(weights, &Config::named(config)?)?)),
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Published {
    Large,
    Small,
}

impl Config {
    /// MiDaS v2.1 (`midas_v21-f6b98070.pt`, ResNeXt-101, 105 M parameters).
    pub fn large() -> Self {
        Self {
            size: Published::Large,
            features: [256; 4],
            head: 128,
            side: 384,
        }
    }

    /// MiDaS v2.1 Small (`midas_v21_small-70d6b9c8.pt`, EfficientNet-Lite3, 17 M parameters).
    pub fn small() -> Self {
        Self {
            size: Published::Small,
            features: [64, 128, 256, 512],
            head: 32,
            side: 256,
        }
    }

    /// The network that the catalog calls `name` (`large`, `small`).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the known ones.
    pub fn named(name: &str) -> Result<Self> {
        named("MiDaS v2.1", &CONFIGS, name)
    }

    /// What a network of this size says about itself.
    fn spec(&self) -> Spec {
        let preprocessing = Preprocessing {
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            net_size: (self.side, self.side),
            multiple: MULTIPLE,
            rule: SizeRule::UpperBound,
            shrink: Shrink::Cubic,
            enlarge: Enlarge::Bicubic,
        };
        Spec::new(DepthKind::Inverse, preprocessing)
    }

    /// Whether a checkpoint has the tensors of a network of this size.
    fn fits(&self, checkpoint: &Checkpoint) -> bool {
        let reduced = checkpoint.shape("scratch.layer1_rn.weight");
        checkpoint.contains("pretrained.layer1.0.weight")
            && reduced.is_some_and(|shape| shape.first() == Some(&self.features[0]))
    }
}

/// A MiDaS v2.1 network.
pub struct MidasV21 {
    encoder: Encoder,
    /// Convolutions to the fusion blocks' channels, finest level first.
    reduce: Vec<Conv2d>,
    /// Finest level first.
    fusion: Vec<Fusion>,
    head: [Conv2d; 3],
    spec: Spec,
    dtype: DType,
}

enum Encoder {
    ResNext101(ResNext101),
    EfficientNetLite3(Box<EfficientNetLite3>),
}

impl MidasV21 {
    /// Reads the network from an official `checkpoint`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, config: &Config, device: &Device, dtype: DType) -> Result<Self> {
        Self::new(&Weights::new(checkpoint, device, dtype), config)
    }

    /// Reads the network from the official names below `weights`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        let (pretrained, scratch) = (weights.pp("pretrained"), weights.pp("scratch"));
        let (encoder, levels) = match config.size {
            Published::Large => {
                let layer = |i| pretrained.pp(format!("layer{i}"));
                let stages = [layer(1).pp(4), layer(2), layer(3), layer(4)];
                let encoder = ResNext101::new(&layer(1).pp(0), &layer(1).pp(1), stages)?;
                (Encoder::ResNext101(encoder), ResNext101::LEVELS)
            }
            Published::Small => {
                let encoder = EfficientNetLite3::new(&pretrained)?;
                (
                    Encoder::EfficientNetLite3(Box::new(encoder)),
                    EfficientNetLite3::LEVELS,
                )
            }
        };
        let rectified = Conv2dConfig {
            activation: Activation::Relu,
            ..conv3x3()
        };
        let reduced = match config.size {
            Published::Large => rectified,
            Published::Small => conv3x3(),
        };
        let reduce = (0..4).map(|i| {
            let weights = scratch.pp(format!("layer{}_rn", i + 1));
            conv2d_unbiased(&weights, levels[i], config.features[i], 3, reduced)
        });
        let fusion = (0..4).map(|i| Fusion::new(&scratch.pp(format!("refinenet{}", i + 1)), config, i));
        let head = scratch.pp("output_conv");
        let point = Conv2dConfig {
            activation: Activation::Relu,
            ..Conv2dConfig::default()
        };
        Ok(Self {
            encoder,
            reduce: reduce.collect::<Result<_>>()?,
            fusion: fusion.collect::<Result<_>>()?,
            head: [
                conv2d(&head.pp(0), config.features[0], config.head, 3, conv3x3())?,
                conv2d(&head.pp(2), config.head, 32, 3, rectified)?,
                conv2d(&head.pp(4), 32, 1, 1, point)?,
            ],
            spec: Spec {
                tiles: weights.tiling(),
                ..config.spec()
            },
            dtype: weights.dtype(),
        })
    }
}

impl Network for MidasV21 {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        let size = input_size(input, "MiDaS v2.1", MULTIPLE)?;
        let mut progress = Progress::new(monitor, STEPS);
        let x = input.to_dtype(self.dtype)?;
        let step = || progress.step();
        let levels = match &self.encoder {
            Encoder::ResNext101(encoder) => encoder.forward(&x, step)?,
            Encoder::EfficientNetLite3(encoder) => encoder.forward(&x, step)?,
        };
        let mut path: Option<Tensor> = None;
        let blocks = levels.iter().zip(&self.reduce).zip(&self.fusion).enumerate();
        for (i, ((level, reduce), fusion)) in blocks.rev() {
            progress.show(format_args!("pretrained.layer{}", i + 1), level);
            let reduced = reduce.forward(level)?;
            if fusion.out_conv.is_some() {
                // The large network's is rectified already.
                progress.show(format_args!("scratch.layer{}_rn", i + 1), &reduced);
            }
            let merged = fusion.forward(path.as_ref(), &reduced)?;
            progress.show(format_args!("scratch.refinenet{}", i + 1), &merged);
            path = Some(merged);
            progress.step()?;
        }
        let path = path.ok_or_else(|| Error::invalid("MiDaS v2.1 has no levels"))?;
        let [first, second, last] = &self.head;
        // The resampling here keeps the map's edges in place, unlike those of the fusion blocks.
        let y = first.forward(&path)?;
        progress.show("scratch.output_conv.0", &y);
        let y = resize(&y, size, false, self.spec.tiles)?;
        let y = last.forward(&second.forward(&y)?)?;
        progress.step()?;
        Ok(y.squeeze(1)?.to_dtype(DType::F32)?.into())
    }
}

/// Merges a level into the coarser ones and doubles the size.
///
/// The small network's residual units are `x + conv(relu(conv(relu(x))))`.
/// The large one was trained with units whose first rectifier overwrites its
/// input, so that they add `relu(x)`, not `x`. As nothing else reads such an
/// input, there the layers before a unit rectify their results instead.
struct Fusion {
    /// The coarsest level has nothing to merge.
    merge: Option<[Conv2d; 2]>,
    refine: [Conv2d; 2],
    /// Only in the small network.
    out_conv: Option<Conv2d>,
    tiling: bool,
}

impl Fusion {
    /// Reads the block of `level` (0 is the finest).
    fn new(weights: &Weights<'_>, config: &Config, level: usize) -> Result<Self> {
        let features = config.features[level];
        let large = config.size == Published::Large;
        let first = Conv2dConfig {
            relu_input: !large,
            activation: Activation::Relu,
            ..conv3x3()
        };
        let merged = Conv2dConfig {
            activation: if large { Activation::Relu } else { Activation::None },
            ..conv3x3()
        };
        let unit = |name: &str, last| -> Result<_> {
            let weights = weights.pp(name);
            Ok([
                conv2d(&weights.pp("conv1"), features, features, 3, first)?,
                conv2d(&weights.pp("conv2"), features, features, 3, last)?,
            ])
        };
        let finer = config.features[level.saturating_sub(1)];
        Ok(Self {
            merge: match level {
                3 => None,
                _ => Some(unit("resConfUnit1", merged)?),
            },
            refine: unit("resConfUnit2", conv3x3())?,
            out_conv: match large {
                true => None,
                false => Some(conv2d(
                    &weights.pp("out_conv"),
                    features,
                    finer,
                    1,
                    Conv2dConfig::default(),
                )?),
            },
            tiling: weights.tiling(),
        })
    }

    fn forward(&self, coarser: Option<&Tensor>, level: &Tensor) -> Result<Tensor> {
        let x = match (&self.merge, coarser) {
            (Some([conv1, conv2]), Some(coarser)) => {
                conv2.forward_add(&conv1.forward(level)?, &(coarser + level)?)?
            }
            _ => level.clone(),
        };
        let [conv1, conv2] = &self.refine;
        let mut x = conv2.forward_add(&conv1.forward(&x)?, &x)?;
        if let Some(out_conv) = &self.out_conv {
            // The published order is to resize first. A 1x1 convolution and a resampling whose weights
            // add up to one commute, and this way the convolution has a quarter of the pixels.
            x = out_conv.forward(&x)?;
        }
        let (_, _, h, w) = x.dims4()?;
        resize(&x, (2 * h, 2 * w), true, self.tiling)
    }
}
