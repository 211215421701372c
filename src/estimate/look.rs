//! A picture on its way through a network.

use candle_core::{Device, Tensor};
use ndarray::{Array2, ArrayView3};

use super::preprocess::{self, ChannelOrder, Sample};
use super::runner::{DepthTraits, Runner};
use super::zoedepth;
use crate::image::Size;
use crate::networks::{DepthNetwork, SizeRule};
use crate::{Error, Monitor, Result};

/// A depth network that steps back when its device is full.
pub(super) type DepthRunner = Runner<Box<dyn DepthNetwork>>;

/// A picture that is ready for a network.
pub(super) struct Look {
    input: Tensor,
    picture: Size,
}

impl Look {
    /// Prepares an RGB picture (`[H, W, 3]`); `asked` (width, height) is the network size.
    pub fn prepare<T: Sample>(
        picture: ArrayView3<'_, T>,
        traits: &DepthTraits,
        asked: (usize, usize),
    ) -> Result<Self> {
        let (height, width, _) = picture.dim();
        let (spec, order) = (&traits.preprocessing, ChannelOrder::Rgb);
        let input = if traits.mirror_averaged && !picture.is_empty() {
            let bordered = zoedepth::bordered(picture);
            preprocess::to_tensor(bordered.view(), spec, asked, order, &Device::Cpu)?
        } else {
            preprocess::to_tensor(picture, spec, asked, order, &Device::Cpu)?
        };
        Ok(Self {
            input,
            picture: Size { width, height },
        })
    }

    /// Prepares an RGB picture for boost, which asks for a square of about `side` x `side` pixels.
    ///
    /// Networks that take the nearer of two scales take the smaller here, as the reference does.
    pub fn prepare_square<T: Sample>(
        picture: ArrayView3<'_, T>,
        traits: &DepthTraits,
        side: usize,
    ) -> Result<Self> {
        if traits.preprocessing.rule != SizeRule::Minimal {
            return Self::prepare(picture, traits, (side, side));
        }
        let mut bound = traits.clone();
        bound.preprocessing.rule = SizeRule::UpperBound;
        Self::prepare(picture, &bound, (side, side))
    }

    /// The predictions for several pictures, each as large as the network gives it. Neighbours
    /// whose inputs have one size go through the network together.
    pub fn predictions(
        looks: &[Self],
        runner: &DepthRunner,
        monitor: &Monitor<'_>,
    ) -> Result<Vec<Array2<f32>>> {
        let mut found = Vec::with_capacity(looks.len());
        for same in looks.chunk_by(|a, b| a.input.dims() == b.input.dims()) {
            let inputs: Vec<_> = same.iter().map(|look| &look.input).collect();
            let inputs = Tensor::cat(&inputs, 0)?;
            let plain = planes(&runner.forward(&inputs, monitor)?)?;
            if !runner.traits().mirror_averaged {
                found.extend(plain);
                continue;
            }
            let mirrored = planes(&runner.forward(&inputs.flip(&[3])?, monitor)?)?;
            let spec = &runner.traits().preprocessing;
            for ((look, plain), mirrored) in same.iter().zip(plain).zip(mirrored) {
                let both = zoedepth::mean_of_both(plain.view(), mirrored.view(), spec, look.picture)?;
                found.push(both);
            }
        }
        Ok(found)
    }

    /// The depths of several pictures, each at its own size.
    pub fn depths(looks: &[Self], runner: &DepthRunner, monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        let predictions = Self::predictions(looks, runner, monitor)?;
        let spec = &runner.traits().preprocessing;
        let pairs = looks.iter().zip(predictions);
        pairs
            .map(|(look, prediction)| preprocess::to_picture_size(prediction.view(), spec, look.picture))
            .collect()
    }
}

/// The single prediction of a batch of one, as a plane.
pub(super) fn plane(output: &Tensor) -> Result<Array2<f32>> {
    let (_, height, width) = output.dims3()?;
    let values = output.flatten_all()?.to_vec1::<f32>()?;
    Array2::from_shape_vec((height, width), values).map_err(|error| Error::Compute(error.to_string()))
}

/// The predictions of a batch, as planes.
pub(super) fn planes(outputs: &Tensor) -> Result<Vec<Array2<f32>>> {
    (0..outputs.dim(0)?)
        .map(|index| plane(&outputs.narrow(0, index, 1)?))
        .collect()
}
