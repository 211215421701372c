//! Choosing the device and the number format a network runs in.

use std::str::FromStr;

use candle_core::{DType, Device};

use crate::{Error, Result};

/// Where a network should run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU that answers, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this number.
    Cuda(usize),
    /// The Metal device.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = Error;

    /// Reads `auto`, `cpu`, `cuda`, `cuda:N` or `metal`; also `GPU` (= auto)
    /// and `CPU`, as the reference spells them.
    fn from_str(text: &str) -> Result<Self> {
        let name = text.trim().to_ascii_lowercase();
        match name.as_str() {
            "auto" | "gpu" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "cuda" => return Ok(Self::Cuda(0)),
            "metal" | "mps" => return Ok(Self::Metal),
            _ => {}
        }
        name.strip_prefix("cuda:")
            .and_then(|number| number.parse().ok())
            .map(Self::Cuda)
            .ok_or_else(|| {
                Error::invalid(format!(
                    "device {text:?} is unknown; use auto, cpu, cuda, cuda:N or metal"
                ))
            })
    }
}

impl DeviceChoice {
    /// Opens the device. `Auto` falls back to the CPU; a device asked for by
    /// name does not.
    ///
    /// # Errors
    /// [`Error::Compute`] when a device asked for by name does not answer.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => Ok(Device::new_cuda(number)?),
            Self::Metal => Ok(Device::new_metal(0)?),
            // Asking the device is the only proof: the compile-time flag says nothing
            // about the machine the wheel ended up on.
            Self::Auto => Ok(Device::new_cuda(0)
                .or_else(|_| Device::new_metal(0))
                .unwrap_or(Device::Cpu)),
        }
    }
}

/// The number format a network computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Half precision on a GPU, single precision on a CPU.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// 16-bit IEEE floats.
    F16,
    /// 16-bit brain floats.
    Bf16,
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "f32" | "fp32" => Ok(Self::F32),
            "f16" | "fp16" => Ok(Self::F16),
            "bf16" => Ok(Self::Bf16),
            _ => Err(Error::invalid(format!(
                "precision {text:?} is unknown; use auto, f32, f16 or bf16"
            ))),
        }
    }
}

impl Precision {
    /// The format to use on `device`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for half precision on a CPU, which has no fast path
    /// for it.
    pub fn on(self, device: &Device) -> Result<DType> {
        match (self, device) {
            (Self::Auto | Self::F32, Device::Cpu) | (Self::F32, _) => Ok(DType::F32),
            (Self::F16 | Self::Bf16, Device::Cpu) => Err(Error::invalid(
                "half precision runs on a GPU only; on the CPU use precision f32 or auto",
            )),
            (Self::Auto | Self::F16, _) => Ok(DType::F16),
            (Self::Bf16, _) => Ok(DType::BF16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_in_every_spelling() {
        for (text, device) in [
            ("auto", DeviceChoice::Auto),
            ("GPU", DeviceChoice::Auto),
            ("CPU", DeviceChoice::Cpu),
            ("cuda", DeviceChoice::Cuda(0)),
            ("cuda:2", DeviceChoice::Cuda(2)),
            ("metal", DeviceChoice::Metal),
        ] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap(), device, "{text}");
        }
        for text in ["", "cuda:", "cuda:x", "tpu"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn auto_always_finds_a_device() {
        assert!(DeviceChoice::Auto.open().is_ok());
    }

    #[test]
    fn half_precision_on_a_cpu_is_refused() {
        assert_eq!(Precision::Auto.on(&Device::Cpu).unwrap(), DType::F32);
        assert!(Precision::F16.on(&Device::Cpu).is_err());
    }
}
