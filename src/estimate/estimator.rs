//! One loaded network, ready for pictures.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use ndarray::{Array2, ArrayView2, ArrayView3};

use super::device::{DeviceChoice, Precision};
use super::guided::{self, GuidedOptions};
use super::preprocess::{self, ChannelOrder};
use super::zoedepth;
use crate::depth::DepthMap;
use crate::image::Size;
use crate::networks::{self, DepthKind, DepthNetwork};
use crate::weights::catalog::Entry;
use crate::{Error, Monitor, Result};

/// How one picture should go through a network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Width and height of the network's input; `None` takes the network's own.
    pub net_size: Option<(usize, usize)>,
    /// Take the picture's own size as the network size.
    pub match_size: bool,
    /// Guide the upsampling by the picture; `None` takes the network's habit.
    pub refine: Option<bool>,
}

/// A network on a device, with what its catalog entry says about it.
pub struct Estimator {
    entry: &'static Entry,
    network: Box<dyn DepthNetwork>,
    device: Device,
    dtype: DType,
}

impl Estimator {
    /// Loads the network of `entry` from `file` (`None` for an embedded one).
    ///
    /// # Errors
    /// When the file does not fit the network, or the device does not answer.
    pub fn open(
        entry: &'static Entry,
        file: Option<&Path>,
        device: DeviceChoice,
        precision: Precision,
    ) -> Result<Self> {
        let device = device.open()?;
        let dtype = precision.on(&device)?;
        let network = networks::load(entry, file, &device, dtype, false)?;
        Ok(Self {
            entry,
            network,
            device,
            dtype,
        })
    }

    /// The catalog's row of this network.
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// What the numbers of this network mean.
    pub fn kind(&self) -> DepthKind {
        self.network.kind()
    }

    /// The depth of an 8-bit RGB picture (`[H, W, 3]`), at its own size.
    /// Reports the stages `prepare`, `network` (by large networks) and `upsample`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a picture without pixels, [`Error::Cancelled`],
    /// [`Error::Compute`] when the device fails.
    pub fn estimate(
        &self,
        picture: ArrayView3<'_, u8>,
        settings: &Settings,
        monitor: &Monitor<'_>,
    ) -> Result<DepthMap> {
        monitor.report("prepare", 0, 1)?;
        let (height, width, _) = picture.dim();
        let picture_size = Size { width, height };
        let spec = self.network.preprocessing();
        let size = match settings {
            Settings { match_size: true, .. } => preprocess::matching_size(picture_size),
            Settings {
                net_size: Some(size), ..
            } => *size,
            _ => spec.net_size,
        };
        let prediction = if self.network.mirror_averaged() {
            monitor.report("prepare", 1, 1)?;
            zoedepth::predict(
                &*self.network,
                picture,
                size,
                ChannelOrder::Rgb,
                &self.device,
                monitor,
            )?
        } else {
            let input = preprocess::to_tensor(picture, spec, size, ChannelOrder::Rgb, &self.device)?;
            monitor.report("prepare", 1, 1)?;
            plane(&self.network.forward(&input.to_dtype(self.dtype)?, monitor)?)?
        };
        monitor.report("upsample", 0, 1)?;

        let refine = settings.refine.unwrap_or(self.entry.refine);
        let values = if refine {
            guided::refine(prediction.view(), picture, &GuidedOptions::default(), monitor)?
        } else {
            preprocess::to_picture_size(prediction.view(), spec, picture_size)?
        };
        finite(values.view())?;
        monitor.report("upsample", 1, 1)?;
        Ok(DepthMap::new(values, self.network.kind()))
    }
}

/// The single prediction of a batch of one, as a plane.
pub(super) fn plane(output: &Tensor) -> Result<Array2<f32>> {
    let (_, height, width) = output.dims3()?;
    let values = output.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Array2::from_shape_vec((height, width), values).map_err(|error| Error::Compute(error.to_string()))
}

/// Half precision can overflow: better a sentence than a map of NaN.
fn finite(values: ArrayView2<'_, f32>) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::Compute(
        "the prediction holds values that are no numbers; try precision f32".into(),
    ))
}
