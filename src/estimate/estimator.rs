//! One loaded network, ready for pictures.

use std::path::Path;

use candle_core::{Device, Tensor};
use ndarray::{Array2, ArrayView2, ArrayView3};

use super::guided_upsampling::{self, GuidedOptions};
use super::input::{DepthRunner, Estimate, Input};
use super::{preprocess, tiling};
use crate::depth::DepthMap;
use crate::image::Size;
use crate::monitor::Stage;
use crate::networks::{Prediction, Preprocessing, Spec};
use crate::options::options;
use crate::run::{DeviceChoice, Precision, Runner};
use crate::weights::catalog::Entry;
use crate::{Error, Monitor, Result};

options! {
    /// How one picture goes through a network.
    #[derive(Copy)]
    pub struct EstimateOptions("estimate", "") {
        /// Run the network at the picture's own size: slow, finer.
        match_size as "net_size_match": bool = false;
        /// Network input width in pixels; default: the model's own.
        net_width: Option<usize> = None, least(32.0), most(8192.0), unit("pixels");
        /// Network input height in pixels; default: the model's own.
        net_height: Option<usize> = None, least(32.0), most(8192.0), unit("pixels");
        /// Edge-aware upsampling guided by the picture; default: on for pocket, off for the others.
        refine: Option<bool> = None;
    }
}

impl EstimateOptions {
    /// Width and height of the network's input; `None` takes the network's own.
    /// One side alone stands for both.
    pub fn net_size(&self) -> Option<(usize, usize)> {
        let side = self.net_width.or(self.net_height)?;
        Some((self.net_width.unwrap_or(side), self.net_height.unwrap_or(side)))
    }
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
        Ok(Self {
            entry,
            runner: Runner::open(entry, file, device, precision, tiling)?,
            tiling,
        })
    }

    /// The device it runs on now, such as `cuda:0`.
    pub fn device(&self) -> String {
        self.runner.device()
    }

    /// The number format it runs in now, such as `f16`.
    pub fn precision(&self) -> &'static str {
        self.runner.precision()
    }

    /// What the network says about itself.
    pub fn spec(&self) -> &Spec {
        self.runner.spec()
    }

    /// How pictures become its input.
    fn preprocessing(&self) -> &Preprocessing {
        &self.spec().preprocessing
    }

    /// The prediction for a batch of its inputs `[B, 3, H, W]`, in single
    /// precision on the CPU. Reports the stage `network`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled),
    /// [`Error::Compute`](crate::Error::Compute) when the device fails.
    pub fn predict(&self, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Prediction> {
        self.runner.forward(inputs, monitor)
    }

    /// What runs the network.
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
        options: &EstimateOptions,
        monitor: &Monitor<'_>,
    ) -> Result<DepthMap> {
        options.check()?;
        let (height, width, _) = picture.dim();
        let size = if options.match_size {
            preprocess::matching_size(Size { width, height })
        } else {
            options.net_size().unwrap_or(self.preprocessing().net_size)
        };
        let refine = options.refine.unwrap_or(self.entry.refine);
        let kind = self.spec().kind;
        if !self.tiling {
            let estimate = self.plain(picture, size, refine, monitor)?;
            return estimate.into_map(kind).checked(monitor);
        }
        // A picture that tiles has neither a horizon nor a camera.
        let values = if self.spec().tiles {
            self.wrapped(picture, size, refine, monitor)?
        } else {
            tiling::framed(picture, size, |picture, size| {
                Ok(self.plain(picture, size, refine, monitor)?.depth)
            })?
        };
        DepthMap::new(values, kind).checked(monitor)
    }

    /// What the network says of a picture, at its own size; `asked` (width, height) is the network size.
    fn plain(
        &self,
        picture: ArrayView3<'_, u8>,
        asked: (usize, usize),
        refine: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Estimate> {
        monitor.report(Stage::Prepare, 0, 1)?;
        let (height, width, _) = picture.dim();
        let input = Input::prepare(picture, self.spec(), asked)?;
        monitor.report(Stage::Prepare, 1, 1)?;
        let estimate = only(Input::predictions(&[input], &self.runner, monitor)?)?;
        monitor.report(Stage::Upsample, 0, 1)?;
        let resized = |map: ArrayView2<'_, f32>| {
            preprocess::to_picture_size(map, self.preprocessing(), Size { width, height })
        };
        let depth = estimate.depth.view();
        let estimate = Estimate {
            depth: match refine {
                true => guided_upsampling::refine(depth, picture, &GuidedOptions::default(), monitor)?,
                false => resized(depth)?,
            },
            valid: estimate.valid.map(|valid| resized(valid.view())).transpose()?,
            ..estimate
        };
        monitor.report(Stage::Upsample, 1, 1)?;
        Ok(estimate)
    }

    /// A picture's depth by a network that wraps around.
    fn wrapped(
        &self,
        picture: ArrayView3<'_, u8>,
        asked: (usize, usize),
        refine: bool,
        monitor: &Monitor<'_>,
    ) -> Result<Array2<f32>> {
        monitor.report(Stage::Prepare, 0, 1)?;
        let (height, width, _) = picture.dim();
        let spec = self.preprocessing();
        let input = preprocess::to_tensor_with(picture, spec, asked, &Device::Cpu, true)?;
        monitor.report(Stage::Prepare, 1, 1)?;
        let depth = only(Estimate::each(&self.predict(&input, monitor)?)?)?.depth;
        monitor.report(Stage::Upsample, 0, 1)?;
        let size = Size { width, height };
        let mut values = preprocess::to_picture_size_tiling(depth.view(), spec, size)?;
        if refine {
            // The guided upsampling knows nothing of tiling.
            let margins = tiling::margins(height, width);
            let (values_around, picture) = (
                tiling::frame(values.view(), margins),
                tiling::frame(picture, margins),
            );
            let options = GuidedOptions::default();
            let refined = guided_upsampling::refine(values_around.view(), picture.view(), &options, monitor)?;
            values = tiling::faded(refined.view(), margins);
        }
        monitor.report(Stage::Upsample, 1, 1)?;
        Ok(values)
    }
}

/// The estimate for a batch of one.
fn only(estimates: Vec<Estimate>) -> Result<Estimate> {
    estimates
        .into_iter()
        .next()
        .ok_or_else(|| Error::Compute("there is no prediction".into()))
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::depth::Camera;
    use crate::estimate::boost::{BoostOptions, Merge};
    use crate::estimate::stub::{Ramp, preprocessing};
    use crate::networks::DepthKind;
    use crate::weights::catalog;

    /// An estimator whose network sees a camera of 70 degrees and cannot measure what is black.
    fn estimator(kind: DepthKind) -> Estimator {
        let network = Ramp::new(Spec::new(kind, preprocessing((64, 64)))).with_camera(70.0);
        Estimator {
            entry: catalog::find("res101").unwrap(),
            runner: network.runner(),
            tiling: false,
        }
    }

    /// White, black on the right half.
    fn picture() -> Array3<u8> {
        Array3::from_shape_fn((48, 64, 3), |(_, x, _)| if x < 32 { 255 } else { 0 })
    }

    #[test]
    fn a_predicted_camera_and_what_can_be_measured_reach_the_map() {
        let options = EstimateOptions::default();
        let depth = estimator(DepthKind::Metric);
        let depth = depth
            .estimate(picture().view(), &options, &Monitor::silent())
            .unwrap();
        assert_eq!(depth.camera(), Some(Camera::Fov(70.0)));
        let valid = depth.valid().unwrap();
        assert_eq!(valid.dim(), (48, 64));
        assert!(valid[[20, 10]] && !valid[[20, 50]]);
        assert!(depth.values().iter().all(|value| value.is_finite()));
        // The farthest that was measured; what was not counts as no nearer.
        let nearness = depth.nearness().unwrap();
        assert_eq!((nearness[[20, 0]], nearness[[20, 50]]), (1.0, 0.0));
        assert!(depth.measured()[[20, 50]].is_nan());
    }

    #[test]
    fn boost_keeps_the_camera_of_the_whole_picture() {
        let depth = estimator(DepthKind::Inverse);
        let options = BoostOptions::default();
        let depth = depth.boost(picture().view(), &Merge::Guided, &options, &Monitor::silent());
        assert_eq!(depth.unwrap().camera(), Some(Camera::Fov(70.0)));
    }
}
