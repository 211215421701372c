//! Boost with the networks of the catalog.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use ndarray::{Array2, ArrayView3};

use super::{DEFAULT_RMAX, Line, MERGE_SIDE, Networks, Pair, Plan, guided_merge};
use crate::depth::DepthMap;
use crate::estimate::device::{self, DeviceChoice, Precision};
use crate::estimate::estimator::Estimator;
use crate::estimate::look::{Look, planes};
use crate::estimate::memory;
use crate::estimate::runner::Runner;
use crate::networks::pix2pix::Pix2Pix;
use crate::networks::{self, DepthKind};
use crate::weights::catalog::Entry;
use crate::{Monitor, Result};

/// How a picture should be boosted.
#[derive(Clone, Copy, Debug)]
pub struct BoostSettings {
    /// The largest network input for the whole picture.
    pub rmax: usize,
    /// At most this many patches; `None` is as many as have details.
    pub max_patches: Option<usize>,
}

impl Default for BoostSettings {
    fn default() -> Self {
        Self {
            rmax: DEFAULT_RMAX,
            max_patches: None,
        }
    }
}

/// What merges two depth maps.
pub enum Merge {
    /// The network that was trained to.
    Network(MergeNetwork),
    /// The built-in [`guided_merge`].
    Guided,
}

/// The merge network, on a device. It steps back when that is full, as an [`Estimator`] does.
pub struct MergeNetwork {
    runner: Runner<Pix2Pix>,
    /// What one pair takes, roughly.
    pair_bytes: u64,
}

impl MergeNetwork {
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
        let file = file.to_owned();
        let load = move |device: &Device, dtype: DType| networks::load_merge(entry, &file, device, dtype);
        Ok(Self {
            runner: Runner::new(Box::new(load), device.open()?, precision, entry.half)?,
            pair_bytes: u64::from(entry.memory) << 20,
        })
    }

    /// The device it runs on now, such as `cuda:0`.
    pub fn device(&self) -> String {
        device::name(&self.runner.place().0)
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
            let (width, height) = self.preprocessing().net_size;
            width.min(height)
        })
    }

    /// The depth of an 8-bit RGB picture (`[H, W, 3]`) with the details of
    /// many small looks at it, at its own size. Network sizes are boost's own.
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
        settings: &BoostSettings,
        monitor: &Monitor<'_>,
    ) -> Result<DepthMap> {
        let plan = Plan::new(
            picture,
            self.receptive_field(),
            settings.rmax,
            settings.max_patches,
        )?;
        let boosted = super::boost(picture, &plan, &Both { depth: self, merge }, monitor)?;
        let mut values = boosted.values;
        if self.traits().kind == DepthKind::Metric {
            let line = Line::fit(values.view(), boosted.plain.view());
            values.par_mapv_inplace(|value| line.at(f64::from(value)) as f32);
        }
        DepthMap::predicted(values, self.traits().kind, monitor)
    }
}

struct Both<'a> {
    depth: &'a Estimator,
    merge: &'a Merge,
}

impl Networks for Both<'_> {
    type Look = Look;

    fn prepare(&self, picture: ArrayView3<'_, f32>, side: usize) -> Result<Look> {
        Look::prepare_square(picture, self.depth.traits(), side)
    }

    fn depths(&self, looks: &[Look], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        Look::depths(looks, self.depth.runner(), monitor)
    }

    fn merge(&self, pairs: &[Pair], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        match self.merge {
            Merge::Network(network) => network.merge(pairs, monitor),
            Merge::Guided => pairs.iter().map(guided_merge).collect(),
        }
    }

    fn at_once(&self, side: usize) -> usize {
        let (width, height) = self.depth.preprocessing().net_size;
        let larger = (side * side) as f64 / (width * height) as f64;
        let look = f64::from(self.depth.entry().memory) * larger * f64::from(1 << 20);
        let merge = match self.merge {
            Merge::Network(network) => network.pair_bytes,
            Merge::Guided => 0,
        };
        memory::at_once(&self.depth.runner().place().0, merge.max(look as u64))
    }
}
