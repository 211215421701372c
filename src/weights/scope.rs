//! Walking a checkpoint by its key paths.

use std::fmt::Display;

use candle_core::{DType, Device, Shape, Tensor};

use super::Checkpoint;
use crate::{Error, Result};

/// A place in a checkpoint's tree of names, and where its tensors should go.
///
/// `weights.pp("blocks").pp(3).tensor("norm1.weight", 384)` reads
/// `blocks.3.norm1.weight`.
#[derive(Clone)]
pub struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    prefix: String,
    device: Device,
    dtype: DType,
    tiling: bool,
}

impl<'a> Weights<'a> {
    /// The root of `checkpoint`; its tensors will live on `device` as `dtype`.
    pub fn new(checkpoint: &'a Checkpoint, device: &Device, dtype: DType) -> Self {
        Self {
            checkpoint,
            prefix: String::new(),
            device: device.clone(),
            dtype,
            tiling: false,
        }
    }

    /// The same place, for a network whose maps' opposite borders are
    /// neighbours (or not): the layers read from here wrap around.
    pub fn with_tiling(self, tiling: bool) -> Self {
        Self { tiling, ..self }
    }

    /// Whether layers read from here wrap around.
    pub fn tiling(&self) -> bool {
        self.tiling
    }

    /// The place one part further down.
    pub fn pp(&self, part: impl Display) -> Self {
        let prefix = self.path(&part.to_string());
        Self {
            prefix,
            ..self.clone()
        }
    }

    /// The same place, its tensors read for arithmetic that comes before the
    /// device: on the CPU and not in half precision, which has too small a range
    /// for the statistics of a normalisation.
    pub fn exact(&self) -> Self {
        Self {
            device: Device::Cpu,
            dtype: match self.dtype {
                DType::F64 => DType::F64,
                _ => DType::F32,
            },
            ..self.clone()
        }
    }

    /// A tensor of this place, which must have this shape.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming the tensor and what was found instead.
    pub fn tensor(&self, name: &str, shape: impl Into<Shape>) -> Result<Tensor> {
        let (path, wanted) = (self.path(name), shape.into());
        if let Some(survey) = self.checkpoint.survey() {
            survey.note(&path, wanted.dims(), self.checkpoint.shape(&path));
            return Ok(Tensor::zeros(wanted, self.dtype, &self.device)?);
        }
        match self.checkpoint.shape(&path) {
            Some(found) if found == wanted.dims() => self.checkpoint.tensor(&path, &self.device, self.dtype),
            Some(found) => Err(Error::Checkpoint(format!(
                "the tensor {path} has the shape {found:?} instead of {:?}",
                wanted.dims()
            ))),
            None => Err(Error::Checkpoint(format!("the tensor {path} is missing"))),
        }
    }

    /// Whether this place has a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.checkpoint.contains(&self.path(name))
    }

    /// The shape of a tensor of this place, if it is there.
    pub fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.checkpoint.shape(&self.path(name))
    }

    /// The shape of a tensor of this place that must have four axes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it is missing, has other axes or no elements.
    pub fn shape4(&self, name: &str) -> Result<[usize; 4]> {
        let path = self.path(name);
        match self.checkpoint.shape(&path) {
            Some(found) => match <[usize; 4]>::try_from(found) {
                Ok(shape) if !shape.contains(&0) => Ok(shape),
                _ => Err(Error::Checkpoint(format!(
                    "the tensor {path} has the shape {found:?}; it must have four axes, none of them empty"
                ))),
            },
            None => Err(Error::Checkpoint(format!("the tensor {path} is missing"))),
        }
    }

    /// Where the tensors go.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The number format the tensors get.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}
