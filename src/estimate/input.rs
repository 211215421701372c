//! A picture on its way through a network.

use candle_core::{Device, Tensor};
use ndarray::{Array2, ArrayView3};

use super::mirror;
use super::preprocess::{self, Sample};
use crate::depth::{Camera, DepthMap};
use crate::image::Size;
use crate::networks::{DepthKind, DepthNetwork, Prediction, Preprocessing, SizeRule, Spec};
use crate::run::Runner;
use crate::{Error, Monitor, Result};

/// A depth network that steps back when its device is full.
pub(super) type DepthRunner = Runner<Box<DepthNetwork>>;

/// What a network says of one picture.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    /// Its own numbers, `[h, w]`.
    pub depth: Array2<f32>,
    /// How sure it is that they can be measured, `[h, w]` in 0..1.
    pub valid: Option<Array2<f32>>,
    /// The camera, where the network predicts it.
    pub camera: Option<Camera>,
}

impl Estimate {
    /// The parts of a prediction for a batch.
    pub fn each(prediction: &Prediction) -> Result<Vec<Self>> {
        let valid = prediction.valid.as_ref().map(planes).transpose()?;
        let mut valid = valid.unwrap_or_default().into_iter();
        let angles = prediction.field_of_view.as_ref();
        let angles = angles.map(|angles| angles.flatten_all()?.to_vec1::<f32>());
        let mut angles = angles.transpose()?.unwrap_or_default().into_iter();
        let estimates = planes(&prediction.depth)?.into_iter().map(|depth| Self {
            depth,
            valid: valid.next(),
            camera: angles.next().map(|degrees| Camera::Fov(f64::from(degrees))),
        });
        Ok(estimates.collect())
    }

    /// A map of this kind, at the size this has.
    pub fn into_map(self, kind: DepthKind) -> DepthMap {
        DepthMap::new(self.depth, kind)
            .with_valid(self.valid.map(|valid| valid.mapv(|sure| sure >= 0.5)))
            .with_camera(self.camera)
    }

    /// The same with its maps changed.
    pub fn try_map(self, change: impl Fn(Array2<f32>) -> Result<Array2<f32>>) -> Result<Self> {
        Ok(Self {
            depth: change(self.depth)?,
            valid: self.valid.map(change).transpose()?,
            ..self
        })
    }
}

/// A picture that is ready for a network.
pub(super) struct Input {
    tensor: Tensor,
    picture: Size,
}

impl Input {
    /// Prepares an RGB picture (`[H, W, 3]`); `asked` (width, height) is the network size.
    pub fn prepare<T: Sample>(
        picture: ArrayView3<'_, T>,
        spec: &Spec,
        asked: (usize, usize),
    ) -> Result<Self> {
        Self::sized(picture, spec, asked, spec.preprocessing.rule)
    }

    /// Prepares an RGB picture for boost, which asks for a square of about `side` x `side` pixels.
    ///
    /// Networks that take the nearer of two scales take the smaller here, as the reference does.
    pub fn prepare_square<T: Sample>(picture: ArrayView3<'_, T>, spec: &Spec, side: usize) -> Result<Self> {
        let rule = match spec.preprocessing.rule {
            SizeRule::Minimal => SizeRule::UpperBound,
            rule => rule,
        };
        Self::sized(picture, spec, (side, side), rule)
    }

    fn sized<T: Sample>(
        picture: ArrayView3<'_, T>,
        spec: &Spec,
        asked: (usize, usize),
        rule: SizeRule,
    ) -> Result<Self> {
        let (height, width, _) = picture.dim();
        let preprocessing = Preprocessing {
            rule,
            ..spec.preprocessing.clone()
        };
        let tensor = if spec.mirror_averaged && !picture.is_empty() {
            let bordered = mirror::bordered(picture);
            preprocess::to_tensor(bordered.view(), &preprocessing, asked, &Device::Cpu)?
        } else {
            preprocess::to_tensor(picture, &preprocessing, asked, &Device::Cpu)?
        };
        Ok(Self {
            tensor,
            picture: Size { width, height },
        })
    }

    /// What a network says of several pictures, at its own size or (mirror-averaged) at theirs.
    /// Neighbours whose inputs have one size go through the network together.
    pub fn predictions(
        inputs: &[Self],
        runner: &DepthRunner,
        monitor: &Monitor<'_>,
    ) -> Result<Vec<Estimate>> {
        let mut found = Vec::with_capacity(inputs.len());
        for same in inputs.chunk_by(|a, b| a.tensor.dims() == b.tensor.dims()) {
            let tensors: Vec<_> = same.iter().map(|input| &input.tensor).collect();
            let tensors = Tensor::cat(&tensors, 0)?;
            let plain = Estimate::each(&runner.forward(&tensors, monitor)?)?;
            if !runner.spec().mirror_averaged {
                found.extend(plain);
                continue;
            }
            let mirrored = Estimate::each(&runner.forward(&tensors.flip(&[3])?, monitor)?)?;
            let spec = &runner.spec().preprocessing;
            for ((input, plain), mirrored) in same.iter().zip(plain).zip(mirrored) {
                let (plain, mirrored) = (plain.depth.view(), mirrored.depth.view());
                found.push(Estimate {
                    depth: mirror::mean_of_both(plain, mirrored, spec, input.picture)?,
                    // The networks that are run like this know of neither.
                    valid: None,
                    camera: None,
                });
            }
        }
        Ok(found)
    }

    /// The same, each at its picture's size.
    pub fn depths(inputs: &[Self], runner: &DepthRunner, monitor: &Monitor<'_>) -> Result<Vec<Estimate>> {
        let estimates = Self::predictions(inputs, runner, monitor)?;
        let spec = &runner.spec().preprocessing;
        let pairs = inputs.iter().zip(estimates);
        pairs
            .map(|(input, estimate)| {
                estimate.try_map(|map| preprocess::to_picture_size(map.view(), spec, input.picture))
            })
            .collect()
    }
}

/// The maps of a batch `[B, h, w]`.
pub(super) fn planes(outputs: &Tensor) -> Result<Vec<Array2<f32>>> {
    let (count, height, width) = outputs.dims3()?;
    let plane = |index| -> Result<_> {
        let values = outputs.narrow(0, index, 1)?.flatten_all()?.to_vec1::<f32>()?;
        Array2::from_shape_vec((height, width), values).map_err(|error| Error::Compute(error.to_string()))
    };
    (0..count).map(plane).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::estimate::stub::{Ramp, preprocessing};
    use crate::networks::{Enlarge, Network, Shrink};

    fn ramp(rule: SizeRule, mirror_averaged: bool) -> Ramp {
        Ramp::new(Spec {
            mirror_averaged,
            ..Spec::new(
                DepthKind::Metric,
                Preprocessing {
                    rule,
                    multiple: 4,
                    shrink: Shrink::Cubic,
                    enlarge: Enlarge::OpenCvCubic,
                    ..preprocessing((32, 32))
                },
            )
        })
    }

    fn runner(rule: SizeRule, mirror_averaged: bool) -> DepthRunner {
        ramp(rule, mirror_averaged).runner()
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
            let input =
                |picture: &Array3<u8>| Input::prepare(picture.view(), runner.spec(), (32, 32)).unwrap();
            let depths = |inputs: &[Input]| -> Vec<_> {
                let estimates = Input::depths(inputs, &runner, &Monitor::silent()).unwrap();
                estimates.into_iter().map(|estimate| estimate.depth).collect()
            };
            let together = depths(&pictures.each_ref().map(input));
            for (picture, depth) in pictures.iter().zip(&together) {
                let (height, width, _) = picture.dim();
                assert_eq!(depth.dim(), (height, width));
                assert_eq!(depth, &depths(&[input(picture)])[0]);
                if mirror_averaged {
                    let (network, spec) = (ramp(rule, mirror_averaged), &runner.spec().preprocessing);
                    let bordered = mirror::bordered(picture.view());
                    let tensor =
                        preprocess::to_tensor(bordered.view(), spec, (32, 32), &Device::Cpu).unwrap();
                    let pass = |tensor: &Tensor| {
                        let prediction = network.forward(tensor, &Monitor::silent()).unwrap();
                        planes(&prediction.depth).unwrap().remove(0)
                    };
                    let (plain, mirrored) = (pass(&tensor), pass(&tensor.flip(&[3]).unwrap()));
                    let size = Size { width, height };
                    let alone = mirror::mean_of_both(plain.view(), mirrored.view(), spec, size);
                    assert_eq!(depth, &alone.unwrap());
                }
            }
        }
    }

    #[test]
    fn a_square_bounds_the_input_of_networks_that_would_take_either_scale() {
        let sides = |rule, height, width| {
            let input =
                Input::prepare_square(picture(height, width, 0).view(), runner(rule, false).spec(), 64);
            let input = input.unwrap();
            (input.tensor.dim(3).unwrap(), input.tensor.dim(2).unwrap())
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
        let values = |input: Input| input.tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let bytes = values(Input::prepare(bytes.view(), runner.spec(), (32, 32)).unwrap());
        let floats = values(Input::prepare(floats.view(), runner.spec(), (32, 32)).unwrap());
        let off = bytes.iter().zip(&floats).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 1e-6);
    }
}
