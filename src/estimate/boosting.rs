//! Boost with real networks.

use std::path::Path;

use candle_core::{Device, Tensor};
use ndarray::{Array2, ArrayView2, ArrayView3};

use super::boost::{self, MERGE_SIDE, Networks, Plan};
use super::device::{DeviceChoice, Precision};
use super::estimator::{Estimator, Settings, plane};
use crate::depth::DepthMap;
use crate::networks::{self, DepthKind, pix2pix::Pix2Pix};
use crate::weights::catalog::Entry;
use crate::{Monitor, Result};

/// The network that merges two depth maps, on a device.
pub struct MergeNetwork {
    network: Pix2Pix,
    device: Device,
}

impl MergeNetwork {
    /// Loads the merge network of `entry` from `file`.
    ///
    /// # Errors
    /// When the file does not fit the network, or the device does not answer.
    pub fn open(entry: &Entry, file: &Path, device: DeviceChoice, precision: Precision) -> Result<Self> {
        let device = device.open()?;
        let dtype = precision.on(&device)?;
        let network = networks::load_merge(entry, file, &device, dtype)?;
        Ok(Self::new(network, device))
    }

    /// Wraps a network that is loaded, and the device it is on.
    pub fn new(network: Pix2Pix, device: Device) -> Self {
        Self { network, device }
    }
}

impl Estimator {
    /// The side of the square input that the network sees a picture best at,
    /// as boost counts it. The reference's for its networks.
    pub fn receptive_field(&self) -> usize {
        let entry = self.entry();
        match entry.index {
            Some(0) => 448,
            Some(1) => 512,
            Some(11..=14) => 518,
            Some(_) => 384,
            None => entry
                .net_size
                .map_or(384, |[width, height]| width.max(height).max(32)),
        }
    }

    /// The depth of an 8-bit RGB picture (`[H, W, 3]`) with the details of
    /// many small looks at it, at its own size; `rmax` is the largest input
    /// for the whole picture. Metres are lost: a boosted map is relative.
    /// Reports the stage `boost`, one step for the whole and one a patch.
    ///
    /// # Errors
    /// As [`estimate`](Self::estimate).
    pub fn boost(
        &self,
        picture: ArrayView3<'_, u8>,
        merge: &MergeNetwork,
        rmax: usize,
        monitor: &Monitor<'_>,
    ) -> Result<DepthMap> {
        let unit = picture.mapv(|value| f64::from(value) / 255.0);
        let plan = Plan::new(unit.view(), self.receptive_field(), rmax)?;
        let both = Both { depth: self, merge };
        let boosted = boost::boost(unit.view(), &plan, &both, monitor)?;
        let kind = match self.kind() {
            DepthKind::Inverse => DepthKind::Inverse,
            DepthKind::Depth | DepthKind::Metric => DepthKind::Depth,
        };
        Ok(DepthMap::new(boosted.values, kind))
    }
}

struct Both<'a> {
    depth: &'a Estimator,
    merge: &'a MergeNetwork,
}

impl Networks for Both<'_> {
    fn depth(&self, picture: ArrayView3<'_, f64>, side: usize, monitor: &Monitor<'_>) -> Result<Array2<f32>> {
        let bytes = picture.mapv(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8);
        let settings = Settings {
            net_size: Some((side, side)),
            refine: Some(false),
            ..Settings::default()
        };
        Ok(self
            .depth
            .estimate(bytes.view(), &settings, monitor)?
            .values()
            .clone())
    }

    fn merge(
        &self,
        outer: ArrayView2<'_, f32>,
        inner: ArrayView2<'_, f32>,
        monitor: &Monitor<'_>,
    ) -> Result<Array2<f32>> {
        let pair: Vec<f32> = outer.iter().chain(inner).copied().collect();
        let input = Tensor::from_vec(pair, (1, 2, MERGE_SIDE, MERGE_SIDE), &self.merge.device)?;
        plane(&self.merge.network.forward(&input, monitor)?)
    }
}
