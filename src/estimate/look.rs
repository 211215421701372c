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

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::estimate::Precision;
    use crate::networks::{DepthKind, Enlarge, Preprocessing, Shrink};

    /// Predicts its input's first channel, brighter to the right.
    struct Ramp {
        spec: Preprocessing,
        mirror_averaged: bool,
    }

    impl DepthNetwork for Ramp {
        fn forward(&self, input: &Tensor, _: &Monitor<'_>) -> Result<Tensor> {
            let width = input.dim(3)?;
            let ramp = Tensor::arange(0f32, width as f32, input.device())?;
            Ok(input.narrow(1, 0, 1)?.squeeze(1)?.broadcast_add(&ramp)?)
        }

        fn preprocessing(&self) -> &Preprocessing {
            &self.spec
        }

        fn kind(&self) -> DepthKind {
            DepthKind::Metric
        }

        fn mirror_averaged(&self) -> bool {
            self.mirror_averaged
        }
    }

    fn spec(rule: SizeRule) -> Preprocessing {
        Preprocessing {
            mean: [0.0; 3],
            std: [1.0; 3],
            net_size: (32, 32),
            multiple: 4,
            rule,
            shrink: Shrink::Cubic,
            enlarge: Enlarge::OpenCvCubic,
        }
    }

    fn runner(rule: SizeRule, mirror_averaged: bool) -> DepthRunner {
        let load = move |_: &Device, _| -> Result<Box<dyn DepthNetwork>> {
            Ok(Box::new(Ramp {
                spec: spec(rule),
                mirror_averaged,
            }))
        };
        Runner::new(Box::new(load), Device::Cpu, Precision::F32, true).unwrap()
    }

    fn picture(height: usize, width: usize, seed: usize) -> Array3<u8> {
        Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
            ((x * 7 + y * 13 + c + seed * 31) % 256) as u8
        })
    }

    #[test]
    fn several_pictures_get_the_depths_they_get_alone() {
        for (rule, mirror_averaged) in [(SizeRule::LowerBound, false), (SizeRule::Stretch, true)] {
            let runner = runner(rule, mirror_averaged);
            // Of two sizes: the first two go through the network together.
            let pictures = [picture(40, 60, 0), picture(40, 60, 1), picture(60, 40, 2)];
            let look =
                |picture: &Array3<u8>| Look::prepare(picture.view(), runner.traits(), (32, 32)).unwrap();
            let depths = |looks: &[Look]| Look::depths(looks, &runner, &Monitor::silent()).unwrap();
            let together = depths(&pictures.each_ref().map(look));
            for (picture, depth) in pictures.iter().zip(&together) {
                assert_eq!(depth.dim(), (picture.dim().0, picture.dim().1));
                assert_eq!(depth, &depths(&[look(picture)])[0]);
                if mirror_averaged {
                    let network = Ramp {
                        spec: spec(rule),
                        mirror_averaged,
                    };
                    let alone = zoedepth::predict(
                        &network,
                        picture.view(),
                        (32, 32),
                        ChannelOrder::Rgb,
                        &Device::Cpu,
                        &Monitor::silent(),
                    );
                    assert_eq!(depth, &alone.unwrap());
                }
            }
        }
    }

    #[test]
    fn a_square_bounds_the_input_of_networks_that_would_take_either_scale() {
        let sides = |rule, height, width| {
            let look =
                Look::prepare_square(picture(height, width, 0).view(), runner(rule, false).traits(), 64);
            let look = look.unwrap();
            (look.input.dim(3).unwrap(), look.input.dim(2).unwrap())
        };
        assert_eq!(sides(SizeRule::Minimal, 100, 200), (64, 32));
        assert_eq!(sides(SizeRule::Minimal, 20, 40), (64, 32));
        assert_eq!(sides(SizeRule::LowerBound, 100, 200), (128, 64));
        assert_eq!(sides(SizeRule::Stretch, 100, 200), (64, 64));
    }

    #[test]
    fn floats_and_bytes_of_one_picture_are_one_input() {
        let bytes = picture(24, 36, 5);
        let floats = bytes.mapv(|byte| f32::from(byte) / 255.0);
        let runner = runner(SizeRule::LowerBound, false);
        let values = |look: Look| look.input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let bytes = values(Look::prepare(bytes.view(), runner.traits(), (32, 32)).unwrap());
        let floats = values(Look::prepare(floats.view(), runner.traits(), (32, 32)).unwrap());
        let off = bytes.iter().zip(&floats).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 1e-6);
    }
}
