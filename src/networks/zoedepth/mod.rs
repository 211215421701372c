//! ZoeDepth (Bhat et al. 2023): metric depth from the features of a relative
//! DPT-BEiT. Every pixel's depth is the mean of 64 bin centres, which four
//! layers of attractors shift, under a log-binomial distribution.

mod bins;
mod log_binomial;
mod router;
mod transformers;

use candle_core::{DType, Device, Tensor};

use self::bins::{Attractor, PointwiseMlp, Seed};
use self::log_binomial::LogBinomial;
use self::router::Router;
use super::dpt::{self, Dpt, Features};
use super::layers::conv2d;
use super::progress::Progress;
use super::registry::{Configs, Family, Loader, named, names};
use super::{DepthKind, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::nn::{Activation, Conv2d, Conv2dConfig};
use crate::weights::{Checkpoint, Weights};
use crate::{Error, Monitor, Result};

/// What a network was trained on, and the form of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Rooms (NYU Depth v2). Bin centres are unbounded metres.
    N,
    /// Streets (KITTI). Bin centres are shares of a range.
    K,
    /// Both, with a head of N's form for each and a classifier that picks one for every pass.
    Nk,
}

/// The shape of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The relative network underneath.
    pub core: dpt::Config,
    /// The form of the head.
    pub variant: Variant,
    /// Default network size: width, height.
    pub net_size: (usize, usize),
    /// Bins per pixel.
    pub bins: usize,
    /// Channels of a level's embedding.
    pub embedding: usize,
    /// Hidden channels between bottleneck and seed bins.
    pub seed_hidden: usize,
    /// Hidden channels between a level and its embedding.
    pub projector_hidden: usize,
    /// Attractors of the four levels, coarsest first.
    pub attractors: [usize; 4],
}

/// The published networks.
const CONFIGS: Configs<Config, 3> = [("n", Config::n), ("k", Config::k), ("nk", Config::nk)];

/// ZoeDepth in the registry. In half precision the metric heads miss by up to a standard deviation.
pub(super) static FAMILY: Family = Family {
    name: "zoedepth",
    configs: &names(&CONFIGS),
    embedded: None,
    half: false,
    fits: |config, checkpoint| Config::named(config).is_ok_and(|config| config.fits(checkpoint)),
    loader: Loader::Depth {
        spec: |config| Ok(Config::named(config)?.spec()),
        load: |config, checkpoint, weights| {
            let (config, device, dtype) = (Config::named(config)?, weights.device(), weights.dtype());
            Ok(Box::new(ZoeDepth::load(checkpoint, &config, device, dtype)?))
        },
    },
};

impl Config {
    /// `zoedepth_n`.
    ///
    /// The published inference settings mean a height of 384 and a width of
    /// 512 (768 for K), as the networks were trained; the reference takes them
    /// for width and height. Here they are what they were meant to be.
    pub fn n() -> Self {
        Self {
            core: dpt::Config::beit_large_384(),
            variant: Variant::N,
            net_size: (512, 384),
            bins: 64,
            embedding: 128,
            seed_hidden: 256,
            projector_hidden: 128,
            attractors: [16, 8, 4, 1],
        }
    }

    /// `zoedepth_k`.
    pub fn k() -> Self {
        Self {
            variant: Variant::K,
            net_size: (768, 384),
            ..Self::n()
        }
    }

    /// `zoedepth_nk`. All its levels have 16 attractors, unlike what its published settings say.
    pub fn nk() -> Self {
        Self {
            variant: Variant::Nk,
            seed_hidden: 64,
            projector_hidden: 64,
            attractors: [16; 4],
            ..Self::n()
        }
    }

    /// The network that the catalog calls `name` (`n`, `k`, `nk`).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the known ones.
    pub fn named(name: &str) -> Result<Self> {
        named("ZoeDepth", &CONFIGS, name)
    }

    /// What a network of this shape says about itself.
    fn spec(&self) -> Spec {
        let kind = match self.variant {
            Variant::N | Variant::Nk => DepthKind::Metric,
            Variant::K => DepthKind::Depth,
        };
        let preprocessing = Preprocessing {
            mean: [0.5; 3],
            std: [0.5; 3],
            net_size: self.net_size,
            multiple: 32,
            rule: SizeRule::Minimal,
            shrink: Shrink::Bilinear,
            enlarge: Enlarge::Bicubic,
        };
        Spec {
            mirror_averaged: true,
            ..Spec::new(kind, preprocessing)
        }
    }

    /// Whether a checkpoint has the tensors of this network.
    fn fits(&self, checkpoint: &Checkpoint) -> bool {
        held(&transformers::official(checkpoint.clone())) == Some(self.variant)
    }
}

/// A ZoeDepth network.
///
/// Kept from the published code: attractors pull with `d / (1 + 300 d^2)`
/// whatever the settings in the file say, and their mean counts; K takes the
/// first of every pair of attractor channels without normalising it by the
/// second. K is run with the range 0.001 to 10 although it was trained for
/// 80 m, so its numbers are no metres and its kind is [`DepthKind::Depth`].
///
/// Its users see the mean of two passes: see
/// [`mirror_averaged`](Spec::mirror_averaged).
pub struct ZoeDepth {
    core: Dpt,
    bottleneck: Conv2d,
    seed_projector: PointwiseMlp,
    /// Coarsest level first, as everywhere below.
    projectors: Vec<PointwiseMlp>,
    /// NK's; the others have one head only.
    router: Option<Router>,
    /// One for each domain.
    heads: Vec<Head>,
    variant: Variant,
    spec: Spec,
}

impl ZoeDepth {
    /// Reads the network from `checkpoint`, in the layout of the official
    /// files or in that of the `transformers` library.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] saying which tensor is missing or has another
    /// shape, or that the file holds another network of the family.
    pub fn load(checkpoint: &Checkpoint, config: &Config, device: &Device, dtype: DType) -> Result<Self> {
        let official = transformers::official(checkpoint.clone());
        check_family(&official, config.variant)?;
        Self::new(&Weights::new(&official, device, dtype), config)
    }

    /// Reads the network from the official names below `weights`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn new(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        let features = config.core.features;
        let projector = |weights: &Weights<'_>| {
            let channels = [features, config.projector_hidden, config.embedding];
            PointwiseMlp::new(weights, channels)
        };
        let (router, heads) = match config.variant {
            Variant::N | Variant::K => {
                let places = ["seed_bin_regressor", "attractors", "conditional_log_binomial"];
                (
                    None,
                    vec![Head::new(places.map(|place| weights.pp(place)), config)?],
                )
            }
            Variant::Nk => {
                let places = ["seed_bin_regressors", "attractors", "conditional_log_binomial"];
                let head = |domain| Head::new(places.map(|place| weights.pp(place).pp(domain)), config);
                (
                    Some(Router::new(weights, features, config.embedding)?),
                    vec![head("nyu")?, head("kitti")?],
                )
            }
        };
        Ok(Self {
            core: Dpt::new(&weights.pp("core.core"), &config.core)?,
            bottleneck: conv2d(
                &weights.pp("conv2"),
                features,
                features,
                1,
                Conv2dConfig::default(),
            )?,
            seed_projector: projector(&weights.pp("seed_projector"))?,
            projectors: (0..config.attractors.len())
                .map(|i| projector(&weights.pp("projectors").pp(i)))
                .collect::<Result<_>>()?,
            router,
            heads,
            variant: config.variant,
            spec: config.spec(),
        })
    }

    /// The depth `[1, 1, H, W]` of one picture.
    fn depth(&self, features: &Features, progress: &Progress<'_>) -> Result<Tensor> {
        let bottleneck = self.bottleneck.forward(&features.bottleneck)?;
        progress.show("conv2", &bottleneck);
        let domain = match &self.router {
            Some(router) => router.domain(&bottleneck, progress)?,
            None => 0,
        };
        let head = &self.heads[domain];
        let mut centres = head.seed.forward(&bottleneck)?;
        let mut embedding = self.seed_projector.forward(&bottleneck)?;
        progress.show("seed_projector", &embedding);
        let levels = features.paths.iter().zip(&self.projectors).zip(&head.attractors);
        for (i, ((path, projector), attractor)) in levels.enumerate() {
            let finer = projector.forward(path)?;
            progress.show(format_args!("projectors.{i}"), &finer);
            centres = attractor.forward(&finer, &embedding, &centres)?;
            embedding = finer;
        }
        let centres = match self.variant {
            Variant::N | Variant::Nk => centres,
            Variant::K => bins::to_range(&centres)?,
        };
        let seen = match self.variant {
            Variant::N | Variant::K => Tensor::cat(&[&features.hidden, &features.inverse_depth], 1)?,
            Variant::Nk => features.hidden.clone(),
        };
        head.log_binomial.forward(&seen, &embedding, &centres)
    }
}

impl Network for ZoeDepth {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn forward(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        let pictures = input.dim(0)?;
        let mut progress = Progress::new(monitor, self.core.steps() + pictures);
        let features = self.core.features(input, &mut progress)?;
        // One by one: every picture has its own domain, and the head is the hungriest part.
        let depths = (0..pictures).map(|i| {
            let depth = self.depth(&features.picture(i)?, &progress)?;
            progress.step()?;
            Ok(depth)
        });
        let depths = Tensor::cat(&depths.collect::<Result<Vec<_>>>()?, 0)?;
        Ok(depths.squeeze(1)?.to_dtype(DType::F32)?.into())
    }
}

/// From a bottleneck to depth, for one domain.
struct Head {
    seed: Seed,
    attractors: Vec<Attractor>,
    log_binomial: LogBinomial,
}

impl Head {
    /// From the places of its three parts.
    fn new([seed, attractors, log_binomial]: [Weights<'_>; 3], config: &Config) -> Result<Self> {
        let normalised = config.variant == Variant::K;
        let (relative, bottleneck) = match config.variant {
            Variant::N | Variant::K => (1, 2),
            Variant::Nk => (0, 4),
        };
        Ok(Self {
            seed: Seed::new(
                &seed,
                [config.core.features, config.seed_hidden, config.bins],
                normalised,
            )?,
            attractors: config
                .attractors
                .iter()
                .enumerate()
                .map(|(i, &count)| Attractor::new(&attractors.pp(i), config.embedding, count, normalised))
                .collect::<Result<_>>()?,
            log_binomial: LogBinomial::new(
                &log_binomial,
                (config.core.hidden + relative, config.embedding),
                bottleneck,
                config.bins,
            )?,
        })
    }
}

const SEED: &str = "seed_bin_regressor._net.2.weight";
const ROUTER: &str = "mlp_classifier.0.weight";

/// Which of the family's networks a file with the official names holds.
fn held(checkpoint: &Checkpoint) -> Option<Variant> {
    const ATTRACTORS: &str = "attractors.0._net.2.weight";
    // K's attractors have two channels each.
    match (checkpoint.contains(ROUTER), checkpoint.contains(SEED)) {
        (true, _) => Some(Variant::Nk),
        (_, true)
            if checkpoint
                .shape(ATTRACTORS)
                .is_some_and(|shape| shape.first() == Some(&32)) =>
        {
            Some(Variant::K)
        }
        (_, true) => Some(Variant::N),
        _ => None,
    }
}

/// Says so if the file holds another of the family's networks.
fn check_family(checkpoint: &Checkpoint, wanted: Variant) -> Result<()> {
    let name = |variant| match variant {
        Variant::N => "ZoeD_N",
        Variant::K => "ZoeD_K",
        Variant::Nk => "ZoeD_NK",
    };
    match held(checkpoint) {
        None => Err(Error::Checkpoint(format!(
            "{} holds no ZoeDepth network: it has neither {SEED} nor {ROUTER}",
            checkpoint.path().display()
        ))),
        Some(found) if found != wanted => Err(Error::Checkpoint(format!(
            "{} holds {}, not {}; choose the model that belongs to the file",
            checkpoint.path().display(),
            name(found),
            name(wanted)
        ))),
        Some(_) => Ok(()),
    }
}
