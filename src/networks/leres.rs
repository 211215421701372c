//! LeReS (Yin et al. 2021): ResNeXt-101 under a decoder of transition and
//! merging blocks. Known to users by its file's name, `res101`.

use candle_core::{DType, Device, Tensor};

use super::dpt::conv3x3;
use super::layers::{conv2d, conv2d_norm, input_size, resize};
use super::progress::Progress;
use super::registry::{Family, Loader};
use super::resnext::ResNext101;
use super::{DepthKind, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::nn::{Activation, Conv2d, Conv2dConfig};
use crate::weights::{Checkpoint, Weights};
use crate::{Monitor, Result};

const EPS: f64 = 1e-5;
/// What an input's sides are multiples of.
const MULTIPLE: usize = 32;
/// Channels of the decoder.
const FEATURES: usize = 256;
/// Steps a run reports: four levels of the encoder, the bottom, three merges, the head.
const STEPS: usize = 9;

/// LeReS in the registry.
pub(super) static FAMILY: Family = Family {
    name: "leres",
    configs: &["res101"],
    embedded: None,
    half: true,
    fits: |_, checkpoint| LeReS::fits(checkpoint),
    loader: Loader::Depth {
        spec: |_| Ok(spec()),
        load: |_, _, weights| Ok(Box::new(LeReS::new(weights)?)),
    },
};

/// What the network says about itself.
fn spec() -> Spec {
    let preprocessing = Preprocessing {
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        net_size: (448, 448),
        multiple: MULTIPLE,
        rule: SizeRule::Stretch,
        shrink: Shrink::Linear,
        enlarge: Enlarge::OpenCvCubic,
    };
    Spec::new(DepthKind::Depth, preprocessing)
}

/// The LeReS network.
///
/// Its depth has no unit and no zero, can be negative, and is small near the
/// camera. Pictures are stretched to the network size, whatever their shape.
pub struct LeReS {
    encoder: ResNext101,
    bottom: Transition,
    reduce: Conv2d,
    /// Coarsest level first.
    merge: Vec<Merge>,
    adapt: Conv2d,
    output: Conv2d,
    spec: Spec,
    dtype: DType,
}

impl LeReS {
    /// Whether a checkpoint has the tensors of this network.
    fn fits(checkpoint: &Checkpoint) -> bool {
        const CONV: &str = "encoder_modules.encoder.conv1.weight";
        checkpoint.contains(CONV) || checkpoint.contains(&format!("depth_model.{CONV}"))
    }

    /// Reads the network from the official `checkpoint`, whose names may lack
    /// the leading `depth_model`.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) saying which tensor is missing or has another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        Self::new(&Weights::new(checkpoint, device, dtype))
    }

    /// Reads the network from the official names below `root`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn new(root: &Weights<'_>) -> Result<Self> {
        let weights = match root.contains("encoder_modules.encoder.conv1.weight") {
            true => root.clone(),
            false => root.pp("depth_model"),
        };
        let encoder = weights.pp("encoder_modules.encoder");
        let decoder = weights.pp("decoder_modules");
        let head = decoder.pp("outconv.adapt_conv");
        let stages = [1, 2, 3, 4].map(|i| encoder.pp(format!("layer{i}")));
        let levels = ResNext101::LEVELS;
        let rectified = Conv2dConfig {
            activation: Activation::Relu,
            ..conv3x3()
        };
        let merge = (0..3)
            .rev()
            .map(|i| Merge::new(&decoder.pp(format!("ffm{i}")), levels[i]));
        Ok(Self {
            encoder: ResNext101::new(&encoder.pp("conv1"), &encoder.pp("bn1"), stages)?,
            bottom: Transition::new(&decoder.pp("conv"), levels[3], 2 * FEATURES)?,
            reduce: conv2d(&decoder.pp("conv1"), 2 * FEATURES, FEATURES, 3, conv3x3())?,
            merge: merge.collect::<Result<_>>()?,
            adapt: conv2d_norm(
                &head.pp(0),
                &head.pp(1),
                (FEATURES, FEATURES / 2),
                3,
                EPS,
                rectified,
            )?,
            output: conv2d(&head.pp(3), FEATURES / 2, 1, 3, conv3x3())?,
            spec: Spec {
                tiles: root.tiling(),
                ..spec()
            },
            dtype: root.dtype(),
        })
    }
}

impl Network for LeReS {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        input_size(input, "LeReS", MULTIPLE)?;
        let mut progress = Progress::new(monitor, STEPS);
        let levels = self
            .encoder
            .forward(&input.to_dtype(self.dtype)?, || progress.step())?;
        for (i, level) in levels.iter().enumerate() {
            progress.show(format_args!("encoder_modules.encoder.layer{}", i + 1), level);
        }
        let mut levels = levels.iter().rev();
        let Some(coarsest) = levels.next() else {
            return Err(crate::Error::invalid("LeReS has no levels"));
        };
        let bottom = self.bottom.forward(coarsest)?;
        progress.show("decoder_modules.conv", &bottom);
        let mut path = doubled(&self.reduce.forward(&bottom)?, self.spec.tiles)?;
        progress.step()?;
        for (i, (level, merge)) in levels.zip(&self.merge).enumerate() {
            path = merge.forward(level, &path)?;
            progress.show(format_args!("decoder_modules.ffm{}", 2 - i), &path);
            progress.step()?;
        }
        let y = doubled(
            &self.output.forward(&self.adapt.forward(&path)?)?,
            self.spec.tiles,
        )?;
        progress.step()?;
        Ok(y.squeeze(1)?.to_dtype(DType::F32)?.into())
    }
}

fn doubled(x: &Tensor, tiling: bool) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    resize(x, (2 * h, 2 * w), true, tiling)
}

/// A feature transition block: `relu(y + conv(relu(norm(conv(y)))))` with `y = relu(conv(x))`.
///
/// As published, the branch's first rectifier overwrites its input, so that
/// the sum is with the rectified `y`. The trained weights rely on it.
struct Transition {
    conv1: Conv2d,
    branch1: Conv2d,
    branch4: Conv2d,
}

impl Transition {
    fn new(weights: &Weights<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let rectified = Conv2dConfig {
            activation: Activation::Relu,
            ..conv3x3()
        };
        let branch = weights.pp("conv_branch");
        Ok(Self {
            conv1: conv2d(&weights.pp("conv1"), inputs, outputs, 3, rectified)?,
            branch1: conv2d_norm(
                &branch.pp(1),
                &branch.pp(2),
                (outputs, outputs),
                3,
                EPS,
                rectified,
            )?,
            branch4: conv2d(&branch.pp(4), outputs, outputs, 3, rectified)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.conv1.forward(x)?;
        self.branch4.forward_add(&self.branch1.forward(&y)?, &y)
    }
}

/// A feature fusion module: a level joins the coarser ones, at twice the size.
struct Merge {
    lateral: Transition,
    joined: Transition,
    tiling: bool,
}

impl Merge {
    fn new(weights: &Weights<'_>, inputs: usize) -> Result<Self> {
        Ok(Self {
            lateral: Transition::new(&weights.pp("ftb1"), inputs, FEATURES)?,
            joined: Transition::new(&weights.pp("ftb2"), FEATURES, FEATURES)?,
            tiling: weights.tiling(),
        })
    }

    fn forward(&self, level: &Tensor, coarser: &Tensor) -> Result<Tensor> {
        let x = (self.lateral.forward(level)? + coarser)?;
        doubled(&self.joined.forward(&x)?, self.tiling)
    }
}
