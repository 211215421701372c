//! One loaded network, ready for pictures.

use std::path::Path;

use candle_core::{Device, Tensor};
use ndarray::{Array2, ArrayView3};

use super::device::{self, DeviceChoice, Precision};
use super::guided::{self, GuidedOptions};
use super::look::{DepthRunner, Look, plane};
use super::preprocess::{self, ChannelOrder};
use super::runner::{DepthTraits, Runner};
use super::tiling;
use crate::depth::DepthMap;
use crate::image::Size;
use crate::networks::{self, Preprocessing};
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
    runner: DepthRunner,
    tiling: bool,
}

impl Estimator {
    /// Loads the network of `entry` from `file` (`None` for an embedded one).
    ///
    /// A network that does not fit into the memory of a GPU steps back, here or
    /// while it runs: to half precision, to smaller batches, to the CPU. Every
    /// step is a [`warning`](Monitor::warn) of the run it happens in.
    ///
    /// With `tiling` it is for pictures whose opposite borders are neighbours,
    /// and their depth is seamless too: see [`tiling`].
    ///
    /// # Errors
    /// When the file does not fit the network, or the device does not answer.
    pub fn open(
        entry: &'static Entry,
        file: Option<&Path>,
        device: DeviceChoice,
        precision: Precision,
        tiling: bool,
    ) -> Result<Self> {
        let file = file.map(Path::to_owned);
        let load =
            move |device: &Device, dtype| networks::load(entry, file.as_deref(), device, dtype, tiling);
        let runner = Runner::new(Box::new(load), device.open()?, precision, entry.half)?;
        Ok(Self {
            entry,
            runner,
            tiling,
        })
    }

    /// The device it runs on now, such as `cuda:0`.
    pub fn device(&self) -> String {
        device::name(&self.runner.place().0)
    }

    /// The number format it runs in now, such as `f16`.
    pub fn precision(&self) -> &'static str {
        self.runner.place().1.as_str()
    }

    /// How pictures become its input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.traits().preprocessing
    }

    /// The predictions `[B, h, w]` for a batch of its inputs `[B, 3, H, W]`, in
    /// single precision on the CPU. Reports the stage `network`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled),
    /// [`Error::Compute`](crate::Error::Compute) when the device fails.
    pub fn predict(&self, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        self.runner.forward(inputs, monitor)
    }

    /// What the network says about itself.
    pub(super) fn traits(&self) -> &DepthTraits {
        self.runner.traits()
    }

    /// What runs it.
    pub(super) fn runner(&self) -> &DepthRunner {
        &self.runner
    }

    /// The catalog's row of this network.
    pub fn entry(&self) -> &'static Entry {
        self.entry
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
        let (height, width, _) = picture.dim();
        let spec = self.preprocessing();
        let size = match settings {
            Settings { match_size: true, .. } => preprocess::matching_size(Size { width, height }),
            Settings {
                net_size: Some(size), ..
            } => *size,
            _ => spec.net_size,
        };
        let refine = settings.refine.unwrap_or(self.entry.refine);
        let values = if !self.tiling {
            self.values(picture, size, refine, monitor)?
        } else if self.traits().tiles {
            self.wrapped(picture, size, refine, monitor)?
        } else {
            tiling::framed(picture, size, |picture, size| {
                self.values(picture, size, refine, monitor)
            })?
        };
        DepthMap::predicted(values, self.traits().kind, monitor)
    }

    /// A picture's depth at its own size, `asked` (width, height) being the network size.
    fn values(
        &self,
        picture: ArrayView3<'_, u8>,
        asked: (usize, usize),
        refine: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Array2<f32>> {
        monitor.report("prepare", 0, 1)?;
        let (height, width, _) = picture.dim();
        let look = Look::prepare(picture, self.traits(), asked)?;
        monitor.report("prepare", 1, 1)?;
        let predictions = Look::predictions(&[look], &self.runner, monitor)?;
        let prediction = predictions
            .first()
            .ok_or_else(|| Error::Compute("there is no prediction".into()))?;
        monitor.report("upsample", 0, 1)?;
        let values = if refine {
            guided::refine(prediction.view(), picture, &GuidedOptions::default(), monitor)?
        } else {
            preprocess::to_picture_size(prediction.view(), self.preprocessing(), Size { width, height })?
        };
        monitor.report("upsample", 1, 1)?;
        Ok(values)
    }

    /// The same by a network that wraps around.
    fn wrapped(
        &self,
        picture: ArrayView3<'_, u8>,
        asked: (usize, usize),
        refine: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Array2<f32>> {
        monitor.report("prepare", 0, 1)?;
        let (height, width, _) = picture.dim();
        let (spec, order) = (self.preprocessing(), ChannelOrder::Rgb);
        let input = preprocess::to_tensor_with(picture, spec, asked, order, &Device::Cpu, true)?;
        monitor.report("prepare", 1, 1)?;
        let prediction = plane(&self.predict(&input, monitor)?)?;
        monitor.report("upsample", 0, 1)?;
        let size = Size { width, height };
        let mut values = preprocess::to_picture_size_tiling(prediction.view(), spec, size)?;
        if refine {
            // The guided upsampling knows nothing of tiling.
            let margins = tiling::margins(height, width);
            let (values_around, picture) = (
                tiling::frame(values.view(), margins),
                tiling::frame(picture, margins),
            );
            let options = GuidedOptions::default();
            let refined = guided::refine(values_around.view(), picture.view(), &options, monitor)?;
            values = tiling::faded(refined.view(), margins);
        }
        monitor.report("upsample", 1, 1)?;
        Ok(values)
    }
}
