//! Boost with the networks of the catalog.

use std::path::Path;
use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use ndarray::{Array2, ArrayView3};

use super::{Line, MERGE_SIDE, Networks, Pair, Plan, guided_merge};
use crate::depth::{Camera, DepthMap};
use crate::estimate::estimator::Estimator;
use crate::estimate::input::{Input, planes};
use crate::networks::{DepthKind, MergeNetwork};
use crate::options::options;
use crate::run::{DeviceChoice, Precision, Runner};
use crate::weights::catalog::Entry;
use crate::{Monitor, Result};

options! {
    /// How a picture is boosted.
    #[derive(Copy)]
    pub struct BoostOptions("boost", "boost_") {
        /// Largest network input for the whole picture, in pixels.
        ///
        /// The default is what the reference lets it be.
        rmax: usize = 1600, least(32.0), most(8192.0), unit("pixels");
        /// Look at no more than this many patches, those with the most detail; default: all that have any.
        max_patches: Option<usize> = None, least(0.0);
    }
}

/// What merges two depth maps.
pub enum Merge {
    /// The network that was trained to.
    Network(Merger),
    /// The built-in [`guided_merge`].
    Guided,
}

/// The merge network, on a device. It steps back when that is full, as an [`Estimator`] does.
pub struct Merger {
    runner: Runner<Box<MergeNetwork>>,
    /// What one pair takes, roughly.
    pair_bytes: u64,
}

impl Merger {
    /// Loads the merge network of `entry` from `file`.
    ///
    /// # Errors
    /// When the file does not fit the network, or the device does not answer.
    pub fn open(
        entry: &'static Entry,
        file: &Path,
        device: DeviceChoice,
        precision: Precision,
    ) -> Result<Self> {
        Ok(Self {
            runner: Runner::open(entry, Some(file), device, precision, false)?,
            pair_bytes: u64::from(entry.memory) << 20,
        })
    }

    /// The device it runs on now, such as `cuda:0`.
    pub fn device(&self) -> String {
        self.runner.device()
    }

    fn merge(&self, pairs: &[Pair], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        let mut values = Vec::<f32>::with_capacity(2 * pairs.len() * MERGE_SIDE * MERGE_SIDE);
        for pair in pairs {
            values.extend(pair.outer.iter().chain(&pair.inner));
        }
        let inputs = Tensor::from_vec(values, (pairs.len(), 2, MERGE_SIDE, MERGE_SIDE), &Device::Cpu)?;
        planes(&self.runner.forward(&inputs, monitor)?)
    }
}

impl Estimator {
    /// The side of the square input that the network sees a picture best at,
    /// as boost counts it: the reference's for its networks.
    pub fn receptive_field(&self) -> usize {
        self.entry().field.unwrap_or_else(|| {
            let (width, height) = self.spec().preprocessing.net_size;
            width.min(height)
        })
    }

    /// The depth of an 8-bit RGB picture (`[H, W, 3]`) with the details of
    /// many small parts of it, at its own size. Network sizes are boost's own.
    ///
    /// A relative map is in 0..1. A metric one is brought back to the metres of
    /// the plain estimate by the line that fits best, which the reference did not.
    /// Reports as [`boost`](super::boost).
    ///
    /// # Errors
    /// As [`estimate`](Self::estimate).
    pub fn boost(
        &self,
        picture: ArrayView3<'_, u8>,
        merge: &Merge,
        options: &BoostOptions,
        monitor: &Monitor<'_>,
    ) -> Result<DepthMap> {
        options.check()?;
        let plan = Plan::new(picture, self.receptive_field(), options.rmax, options.max_patches)?;
        let networks = Both {
            depth: self,
            merge,
            camera: OnceLock::new(),
        };
        let boosted = super::boost(picture, &plan, &networks, monitor)?;
        let mut values = boosted.values;
        let kind = self.spec().kind;
        if kind == DepthKind::Metric {
            let line = Line::fit(values.view(), boosted.plain.view());
            values.par_mapv_inplace(|value| line.at(f64::from(value)) as f32);
        }
        let camera = networks.camera.into_inner().flatten();
        DepthMap::new(values, kind).with_camera(camera).checked(monitor)
    }
}

struct Both<'a> {
    depth: &'a Estimator,
    merge: &'a Merge,
    /// Of the whole picture, which comes first.
    camera: OnceLock<Option<Camera>>,
}

impl Networks for Both<'_> {
    type Input = Input;

    fn prepare(&self, picture: ArrayView3<'_, f32>, side: usize) -> Result<Input> {
        Input::prepare_square(picture, self.depth.spec(), side)
    }

    fn depths(&self, inputs: &[Input], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        let estimates = Input::depths(inputs, self.depth.runner(), monitor)?;
        self.camera
            .get_or_init(|| estimates.first().and_then(|estimate| estimate.camera));
        Ok(estimates.into_iter().map(|estimate| estimate.depth).collect())
    }

    fn merge(&self, pairs: &[Pair], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        match self.merge {
            Merge::Network(network) => network.merge(pairs, monitor),
            Merge::Guided => pairs.iter().map(guided_merge).collect(),
        }
    }

    fn batch_size(&self, side: usize) -> usize {
        let (width, height) = self.depth.spec().preprocessing.net_size;
        let larger = (side * side) as f64 / (width * height) as f64;
        let estimate = f64::from(self.depth.entry().memory) * larger * f64::from(1 << 20);
        let merge = match self.merge {
            Merge::Network(network) => network.pair_bytes,
            Merge::Guided => 0,
        };
        self.depth.runner().batch_size(merge.max(estimate as u64))
    }
}
