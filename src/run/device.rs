//! Choosing the device and the number format a network runs in.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, DeviceLocation, Tensor};

use crate::named::named;
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

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device and has it compute something: that a driver is there,
    /// or that this build knows the device, does not mean that it can run this
    /// build's kernels. `Auto` falls back to the CPU; a device asked for by name
    /// does not.
    ///
    /// # Errors
    /// [`Error::Device`] saying why a device asked for by name does not answer.
    pub fn open(self) -> Result<Device> {
        let opened = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Auto => {
                let gpu = Self::Cuda(0).open().or_else(|_| Self::Metal.open());
                return Ok(gpu.unwrap_or(Device::Cpu));
            }
            Self::Cuda(number) => Device::new_cuda(number),
            Self::Metal => Device::new_metal(0),
        };
        let device = opened.and_then(|device| probe(&device).map(|()| device));
        device.map_err(|error| Error::Device {
            name: self.to_string(),
            reason: reason(&error),
        })
    }
}

/// The devices of this machine: the CPU, every CUDA device and the Metal device
/// that this build was made for; each with the reason if it cannot be used.
pub fn devices() -> Vec<(DeviceChoice, Result<()>)> {
    let mut found = vec![(DeviceChoice::Cpu, Ok(()))];
    if cfg!(feature = "cuda") {
        let first = DeviceChoice::Cuda(0);
        found.push((first, first.open().map(drop)));
        let others = (1..).map(DeviceChoice::Cuda);
        found.extend(others.map_while(|other| other.open().ok().map(|_| (other, Ok(())))));
    }
    if cfg!(feature = "metal") {
        found.push((DeviceChoice::Metal, DeviceChoice::Metal.open().map(drop)));
    }
    found
}

/// What a device is called in messages: `cpu`, `cuda:0`, `metal`.
pub fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".into(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { .. } => "metal".into(),
    }
}

/// Whether the device adds and multiplies.
fn probe(device: &Device) -> candle_core::Result<()> {
    let x = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], device)?;
    let y = (x.matmul(&x)? + 1.0)?.to_vec2::<f32>()?;
    if y != [[8.0, 11.0], [16.0, 23.0]] {
        return Err(candle_core::Error::Msg(format!(
            "it computed {y:?} for a product that is known"
        )));
    }
    Ok(())
}

/// Whether the device computes in `dtype`.
pub(super) fn computes(device: &Device, dtype: DType) -> bool {
    let x = || Tensor::new(&[1f32, 2.0], device)?.to_dtype(dtype)? * 2.0;
    let y = x().and_then(|x| x.to_dtype(DType::F32)?.to_vec1::<f32>());
    y.is_ok_and(|y| y == [2.0, 4.0])
}

fn reason(error: &candle_core::Error) -> String {
    match error {
        candle_core::Error::NotCompiledWithCudaSupport => {
            "this build of rilievo has no CUDA; docs/devices.md says how to make one".into()
        }
        candle_core::Error::NotCompiledWithMetalSupport => {
            "this build of rilievo has no Metal; docs/devices.md says how to make one".into()
        }
        error => {
            // The first line: candle adds where in its own code it happened.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            let hint = if line.contains("UNSUPPORTED_PTX_VERSION") {
                "; the driver is older than the CUDA toolkit this build was made with: update the driver"
            } else if line.contains("NO_BINARY_FOR_GPU") || line.contains("INVALID_PTX") {
                "; this build was made for another generation of GPUs: build with CUDA_COMPUTE_CAP of this one"
            } else if line.contains("NO_DEVICE") || line.contains("INVALID_DEVICE") {
                "; there is no such GPU on this machine, or CUDA_VISIBLE_DEVICES hides it"
            } else {
                ""
            };
            format!("{line}{hint}")
        }
    }
}

named! {
    /// The number format a network computes in.
    #[derive(Default)]
    pub enum Precision as "precision" {
        /// Half precision on a GPU that has it, single precision otherwise.
        #[default]
        Auto = "auto",
        /// 32-bit floats.
        F32 = "f32",
        /// 16-bit IEEE floats.
        F16 = "f16",
        /// 16-bit brain floats.
        Bf16 = "bf16",
    }
}

impl Precision {
    /// The format to use on `device`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for half precision on a device that does not have it;
    /// a CPU has no fast path for it.
    pub fn on(self, device: &Device) -> Result<DType> {
        let half = match (self, device) {
            (Self::Auto | Self::F32, Device::Cpu) | (Self::F32, _) => return Ok(DType::F32),
            (Self::F16 | Self::Bf16, Device::Cpu) => {
                return Err(Error::invalid(
                    "half precision runs on a GPU only; on the CPU use precision f32 or auto",
                ));
            }
            (Self::Auto | Self::F16, _) => DType::F16,
            (Self::Bf16, _) => DType::BF16,
        };
        match computes(device, half) {
            true => Ok(half),
            false if self == Self::Auto => Ok(DType::F32),
            false => Err(Error::invalid(format!(
                "{} does not compute in {}; use precision auto or f32",
                name(device),
                half.as_str()
            ))),
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
            assert_eq!(device.to_string().parse::<DeviceChoice>().unwrap(), device);
        }
        for text in ["", "cuda:", "cuda:x", "tpu"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn auto_always_finds_a_device() {
        assert!(DeviceChoice::Auto.open().is_ok());
        let all = devices();
        assert!(matches!(all[0], (DeviceChoice::Cpu, Ok(()))));
    }

    #[test]
    fn a_device_that_is_not_there_says_why() {
        let error = DeviceChoice::Cuda(99).open().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Device { .. }), "{error:?}");
        assert!(
            text.contains("cuda:99") && text.contains("\"cpu\"") && text.lines().count() == 1,
            "{text}"
        );
    }

    #[test]
    fn the_probe_knows_a_device_that_computes() {
        assert!(probe(&Device::Cpu).is_ok());
        assert!(computes(&Device::Cpu, DType::BF16));
        assert_eq!(name(&Device::Cpu), "cpu");
    }

    #[test]
    fn half_precision_on_a_cpu_is_refused() {
        assert_eq!(Precision::Auto.on(&Device::Cpu).unwrap(), DType::F32);
        assert!(Precision::F16.on(&Device::Cpu).is_err());
    }
}
