//! A network for tests: it predicts what anybody can compute.

use candle_core::{DType, Device, Tensor};

use super::input::DepthRunner;
use crate::networks::{DepthNetwork, Enlarge, Network, Prediction, Preprocessing, Shrink, SizeRule, Spec};
use crate::run::{Precision, Runner};
use crate::{Monitor, Result};

/// Predicts its input's first channel, larger to the right.
#[derive(Clone)]
pub(super) struct Ramp {
    spec: Spec,
    /// Degrees, if it is to know its camera and what can be measured: what its first channel shows above 0.
    field_of_view: Option<f32>,
}

/// Pictures stretched to a size, bytes staying in 0..1.
pub(super) fn preprocessing(net_size: (usize, usize)) -> Preprocessing {
    Preprocessing {
        mean: [0.0; 3],
        std: [1.0; 3],
        net_size,
        multiple: 1,
        rule: SizeRule::Stretch,
        shrink: Shrink::Bilinear,
        enlarge: Enlarge::Bilinear { align_corners: false },
    }
}

impl Ramp {
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            field_of_view: None,
        }
    }

    pub fn with_camera(self, field_of_view: f32) -> Self {
        Self {
            field_of_view: Some(field_of_view),
            ..self
        }
    }

    pub fn runner(self) -> DepthRunner {
        let load = move |_: &Device, _| -> Result<Box<DepthNetwork>> { Ok(Box::new(self.clone())) };
        Runner::new(Box::new(load), Device::Cpu, Precision::F32, true).unwrap()
    }
}

impl Network for Ramp {
    type Inputs = Tensor;
    type Outputs = Prediction;
    type Spec = Spec;

    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn forward(&self, input: &Tensor, _: &Monitor<'_>) -> Result<Prediction> {
        let (pictures, _, _, width) = input.dims4()?;
        let ramp = Tensor::arange(0f32, width as f32, input.device())?;
        let first = input.narrow(1, 0, 1)?.squeeze(1)?;
        let depth = first.broadcast_add(&ramp)?;
        let Some(degrees) = self.field_of_view else {
            return Ok(depth.into());
        };
        Ok(Prediction {
            valid: Some(first.gt(0f32)?.to_dtype(DType::F32)?),
            field_of_view: Some(Tensor::full(degrees, pictures, input.device())?),
            ..depth.into()
        })
    }
}
