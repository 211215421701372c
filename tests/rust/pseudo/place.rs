//! Where the comparisons with the reference run.

use std::fmt;
use std::sync::OnceLock;

use candle_core::{DType, Device, Tensor};
use ndarray::ArrayD;
use rilievo::run::DeviceChoice;

/// A device and a number format.
///
/// `RILIEVO_TEST_DEVICE` (`cpu`, `cuda:0`, `metal`) and `RILIEVO_TEST_PRECISION`
/// (`f32`, `f16`, `bf16`) choose them. In half precision the comparisons only
/// print how far off the results are: nobody promised how close they come.
pub struct Place {
    pub device: Device,
    pub dtype: DType,
}

impl Place {
    /// Whether the results are held to the reference's.
    pub fn exact(&self) -> bool {
        self.dtype == DType::F32
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = match self.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Metal(_) => "metal",
        };
        write!(f, "{device} {}", self.dtype.as_str())
    }
}

impl Place {
    /// The tensor on this device.
    pub fn take(&self, tensor: &Tensor) -> Tensor {
        tensor.to_device(&self.device).unwrap()
    }

    /// The values of a result, without the axis of the batch.
    pub fn give(&self, tensor: &Tensor) -> ArrayD<f32> {
        let values = tensor.flatten_all().unwrap().to_dtype(DType::F32).unwrap();
        ArrayD::from_shape_vec(tensor.dims()[1..].to_vec(), values.to_vec1().unwrap()).unwrap()
    }
}

/// The place that the environment names; without a word of it, single precision on the CPU.
pub fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let device = std::env::var("RILIEVO_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
        let precision = std::env::var("RILIEVO_TEST_PRECISION").unwrap_or_else(|_| "f32".into());
        let device: DeviceChoice = device.parse().unwrap();
        Place {
            device: device.open().unwrap(),
            dtype: match precision.as_str() {
                "f32" => DType::F32,
                "f16" => DType::F16,
                "bf16" => DType::BF16,
                other => panic!("RILIEVO_TEST_PRECISION is {other:?}; it can be f32, f16 or bf16"),
            },
        }
    })
}
