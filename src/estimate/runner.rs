//! Running a network in the memory that a device has.
//!
//! When the device is full the network steps back, one step at a time: to half
//! precision, to smaller batches, to the CPU. Each step is said in one line of
//! warning; what was computed before it is kept; later runs start where the
//! last one ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor};

use super::device::{self, Precision};
use crate::networks::pix2pix::Pix2Pix;
use crate::networks::{DepthKind, DepthNetwork, Preprocessing};
use crate::{Error, Monitor, Result};

/// What can be run: batches in, batches of results out.
pub(super) trait Batched: Send + Sync {
    /// What it says about itself, the same on every device.
    type Traits: Send + Sync;

    fn traits(&self) -> Self::Traits;

    /// Results `[B, ...]` for inputs `[B, ...]`.
    fn forward(&self, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor>;
}

/// What a depth network says about itself.
#[derive(Clone)]
pub(super) struct DepthTraits {
    pub preprocessing: Preprocessing,
    pub kind: DepthKind,
    pub mirror_averaged: bool,
    pub tiles: bool,
}

impl Batched for Box<dyn DepthNetwork> {
    type Traits = DepthTraits;

    fn traits(&self) -> DepthTraits {
        DepthTraits {
            preprocessing: self.preprocessing().clone(),
            kind: self.kind(),
            mirror_averaged: self.mirror_averaged(),
            tiles: self.tiles(),
        }
    }

    fn forward(&self, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        (**self).forward(inputs, monitor)
    }
}

impl Batched for Pix2Pix {
    type Traits = ();

    fn traits(&self) {}

    fn forward(&self, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        self.forward(inputs, monitor)
    }
}

/// Makes the network for a device and a number format.
type Load<N> = dyn Fn(&Device, DType) -> Result<N> + Send + Sync;

/// How a network runs.
#[derive(Clone, Debug)]
struct Way {
    device: Device,
    dtype: DType,
    /// Pictures at once.
    most: usize,
    /// Whether the CPU is left to go to.
    may_leave: bool,
    /// Whether half precision may be tried: not after it has overflowed.
    may_halve: bool,
    /// How many steps led here.
    steps: usize,
}

impl Way {
    /// The next smaller way after a batch of `count` did not fit, and what to say about it.
    fn smaller(&self, count: usize) -> Option<(Self, String)> {
        let name = device::name(&self.device);
        let mut next = Self {
            steps: self.steps + 1,
            ..self.clone()
        };
        let instead = if !self.may_leave {
            return None;
        } else if self.dtype == DType::F32 && self.may_halve && device::computes(&self.device, DType::F16) {
            next.dtype = DType::F16;
            "in half precision".to_owned()
        } else if count > 1 {
            next.most = count / 2;
            format!("with {} at once instead of {count}", count / 2)
        } else {
            next.device = Device::Cpu;
            next.dtype = DType::F32;
            next.may_leave = false;
            "on the CPU, which takes longer".to_owned()
        };
        Some((next, format!("{name} is out of memory; going on {instead}")))
    }

    /// The way to take when half precision has overflowed.
    fn wider(&self) -> (Self, String) {
        let next = Self {
            dtype: DType::F32,
            may_halve: false,
            steps: self.steps + 1,
            ..self.clone()
        };
        let said = format!(
            "this network's numbers do not fit into {} here; going on in f32",
            self.dtype.as_str()
        );
        (next, said)
    }
}

struct State<N> {
    way: Way,
    network: Option<Arc<N>>,
    /// Warnings from before anybody listened.
    unsaid: Vec<String>,
}

/// A network that steps back when its device is full. Its inputs and results are in single
/// precision on the CPU, wherever it runs.
pub(super) struct Runner<N: Batched> {
    load: Box<Load<N>>,
    /// Whether the number format is ours to choose.
    chooses: bool,
    traits: N::Traits,
    state: Mutex<State<N>>,
}

impl<N: Batched> Runner<N> {
    /// Loads a network on `device`, or wherever it fits. `half`: whether half
    /// precision is fine enough for it.
    pub fn new(load: Box<Load<N>>, device: Device, precision: Precision, half: bool) -> Result<Self> {
        let precision = match precision {
            Precision::Auto if !half => Precision::F32,
            chosen => chosen,
        };
        let way = Way {
            dtype: precision.on(&device)?,
            most: usize::MAX,
            may_leave: !device.is_cpu(),
            may_halve: half,
            steps: 0,
            device,
        };
        Self::on(way, load, precision == Precision::Auto)
    }

    fn on(way: Way, load: Box<Load<N>>, chooses: bool) -> Result<Self> {
        let (mut way, mut unsaid) = (way, Vec::new());
        let network = loop {
            match load_on(&way, &*load) {
                Ok(network) => break network,
                Err(error) => {
                    let (next, said) = retreat(&way, 1, error)?;
                    way = next;
                    unsaid.push(said);
                }
            }
        };
        Ok(Self {
            load,
            chooses,
            traits: network.traits(),
            state: Mutex::new(State {
                way,
                network: Some(network),
                unsaid,
            }),
        })
    }

    /// What the network says about itself.
    pub fn traits(&self) -> &N::Traits {
        &self.traits
    }

    /// The device and number format in use.
    pub fn place(&self) -> (Device, DType) {
        let state = self.state();
        (state.way.device.clone(), state.way.dtype)
    }

    /// The way taken now and its network, which is loaded if it is not there.
    fn current(&self) -> (Way, Result<Arc<N>>) {
        let mut state = self.state();
        let way = state.way.clone();
        if let Some(network) = &state.network {
            return (way, Ok(network.clone()));
        }
        let loaded = load_on(&way, &*self.load);
        let loaded = loaded.map(|network| state.network.insert(network).clone());
        (way, loaded)
    }

    /// Goes from `way` to `next`, unless another thread has gone on from there already.
    fn step(&self, way: Way, next: Way, said: &str, monitor: &Monitor<'_>) {
        let mut state = self.state();
        if state.way.steps != way.steps {
            return;
        }
        let reload = next.dtype != way.dtype || next.device.location() != way.device.location();
        if reload {
            // First, so that both are never in memory together.
            state.network = None;
        }
        state.way = next;
        drop(state);
        monitor.warn(said);
    }

    fn state(&self) -> MutexGuard<'_, State<N>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Results `[B, ...]` for inputs `[B, ...]`, in as many batches as it takes.
    pub fn forward(&self, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
        for sentence in std::mem::take(&mut self.state().unsaid) {
            monitor.warn(&sentence);
        }
        let total = inputs.dim(0)?;
        let mut done = Vec::new();
        let mut at = 0;
        while at < total {
            let (way, network) = self.current();
            let count = way.most.min(total - at);
            let batch = inputs.narrow(0, at, count)?;
            let result = network.and_then(|network| forward(&way, &*network, &batch, monitor));
            let (next, said) = match result {
                Ok(output) if !is_finite(&output)? => {
                    if !self.chooses || way.dtype == DType::F32 {
                        return Err(Error::Compute(
                            "the prediction holds values that are no numbers; try precision f32".into(),
                        ));
                    }
                    way.wider()
                }
                Ok(output) => {
                    done.push(output);
                    at += count;
                    continue;
                }
                Err(error) => retreat(&way, count, error)?,
            };
            self.step(way, next, &said, monitor);
        }
        Ok(Tensor::cat(&done, 0)?)
    }
}

/// The way to take after `error`, if there is one.
fn retreat(way: &Way, count: usize, error: Error) -> Result<(Way, String)> {
    match &error {
        Error::OutOfMemory(_) => way.smaller(count).ok_or(error),
        _ => Err(error),
    }
}

fn load_on<N>(way: &Way, load: &Load<N>) -> Result<Arc<N>> {
    let network = load(&way.device, way.dtype)?;
    // Another thread, with a stream of its own, may be the first to use the weights.
    way.device.synchronize()?;
    Ok(Arc::new(network))
}

fn forward<N: Batched>(way: &Way, network: &N, inputs: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor> {
    let inputs = inputs.to_device(&way.device)?.to_dtype(way.dtype)?;
    let output = network.forward(&inputs, monitor)?;
    Ok(output.to_dtype(DType::F32)?.to_device(&Device::Cpu)?)
}

/// Half precision can overflow: better a sentence than a map of NaN.
fn is_finite(output: &Tensor) -> Result<bool> {
    // Infinity times zero is no number either, and the sum of what is left is zero.
    Ok((output * 0.0)?.sum_all()?.to_scalar::<f32>()? == 0.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A network that doubles its input, as far as the device has room.
    struct Hungry {
        dtype: DType,
        on_cpu: bool,
        limits: Limits,
        pictures: Arc<AtomicUsize>,
    }

    /// Pictures at once that fit: in single precision, in half precision.
    #[derive(Clone, Copy)]
    struct Limits {
        single: usize,
        half: usize,
        overflows: bool,
    }

    impl Batched for Hungry {
        type Traits = ();

        fn traits(&self) {}

        fn forward(&self, input: &Tensor, _: &Monitor<'_>) -> Result<Tensor> {
            let count = input.dim(0)?;
            assert_eq!(input.dtype(), self.dtype);
            let limit = match self.dtype {
                _ if self.on_cpu => usize::MAX,
                DType::F32 => self.limits.single,
                _ => self.limits.half,
            };
            if count > limit {
                return Err(full());
            }
            self.pictures.fetch_add(count, Ordering::Relaxed);
            let output = (input.narrow(1, 0, 1)?.squeeze(1)? * 2.0)?;
            if self.limits.overflows && self.dtype == DType::F16 {
                return Ok((output * 60_000.0)?);
            }
            Ok(output)
        }
    }

    fn full() -> Error {
        candle_core::Error::Msg("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")".into()).into()
    }

    /// What became of a batch of six pictures.
    struct Outcome {
        result: Result<Tensor>,
        warnings: Vec<String>,
        loads: Vec<(DType, bool)>,
        pictures: usize,
        place: DType,
    }

    /// Runs six pictures on a device that plays a GPU: its networks come in order, and the
    /// last way is known by the loader being told to make one after `Way::may_leave` ended.
    fn run(dtype: DType, chooses: bool, limits: Limits, loading_fails: usize) -> Outcome {
        let (loads, pictures) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, counted) = (loads.clone(), pictures.clone());
        let load = move |_: &Device, dtype: DType| -> Result<Hungry> {
            let mut seen = seen.lock().unwrap();
            // After half precision, single precision means the CPU, unless half overflowed.
            let halved = seen.iter().any(|(seen, _)| *seen == DType::F16);
            let on_cpu = dtype == DType::F32 && halved && !limits.overflows;
            seen.push((dtype, on_cpu));
            if seen.len() <= loading_fails {
                return Err(full());
            }
            let pictures = counted.clone();
            Ok(Hungry {
                dtype,
                on_cpu,
                limits,
                pictures,
            })
        };
        let way = Way {
            device: Device::Cpu,
            dtype,
            most: usize::MAX,
            may_leave: true,
            may_halve: true,
            steps: 0,
        };
        let runner = Runner::on(way, Box::new(load), chooses).unwrap();
        let warnings = Mutex::new(Vec::new());
        let warn = |text: &str| warnings.lock().unwrap().push(text.to_owned());
        let inputs = Tensor::arange(0f32, 6.0, &Device::Cpu)
            .and_then(|x| x.reshape((6, 1, 1, 1))?.broadcast_as((6, 3, 2, 2)))
            .unwrap();
        let result = runner.forward(&inputs, &Monitor::silent().with_warnings(&warn));
        Outcome {
            result,
            warnings: warnings.into_inner().unwrap(),
            loads: loads.lock().unwrap().clone(),
            pictures: pictures.load(Ordering::Relaxed),
            place: runner.place().1,
        }
    }

    fn doubled(result: Result<Tensor>) -> bool {
        let values = result.unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.len() == 24 && values.iter().enumerate().all(|(i, &x)| x == (i / 4 * 2) as f32)
    }

    const LIMITS: Limits = Limits {
        single: 0,
        half: 0,
        overflows: false,
    };

    #[test]
    fn with_room_enough_nothing_changes() {
        let limits = Limits { single: 6, ..LIMITS };
        let outcome = run(DType::F32, true, limits, 0);
        assert!(doubled(outcome.result));
        assert_eq!(
            (outcome.warnings.len(), outcome.loads.len(), outcome.pictures),
            (0, 1, 6)
        );
    }

    #[test]
    fn a_full_device_is_tried_in_half_precision_first() {
        let outcome = run(DType::F32, true, Limits { half: 6, ..LIMITS }, 0);
        assert!(doubled(outcome.result));
        assert_eq!(outcome.warnings.len(), 1);
        assert!(
            outcome.warnings[0].contains("half precision"),
            "{:?}",
            outcome.warnings
        );
        assert_eq!((outcome.place, outcome.pictures), (DType::F16, 6));
    }

    #[test]
    fn then_in_smaller_batches_and_nothing_is_computed_twice() {
        let outcome = run(DType::F32, true, Limits { half: 2, ..LIMITS }, 0);
        assert!(doubled(outcome.result));
        assert_eq!(outcome.warnings.len(), 3, "{:?}", outcome.warnings);
        assert!(outcome.warnings[1].contains("3 at once instead of 6"));
        assert!(outcome.warnings[2].contains("1 at once instead of 3"));
        assert_eq!(outcome.loads.len(), 2, "a smaller batch loads nothing anew");
        assert_eq!(outcome.pictures, 6);
    }

    #[test]
    fn then_on_the_cpu() {
        let outcome = run(DType::F32, true, LIMITS, 0);
        assert!(doubled(outcome.result));
        let last = outcome.warnings.last().unwrap();
        assert!(last.contains("on the CPU"), "{last}");
        assert_eq!(
            outcome.loads,
            [(DType::F32, false), (DType::F16, false), (DType::F32, true)]
        );
        assert_eq!(outcome.place, DType::F32);
    }

    #[test]
    fn a_network_too_large_to_load_steps_back_as_well() {
        let outcome = run(DType::F32, true, Limits { half: 6, ..LIMITS }, 1);
        assert!(doubled(outcome.result));
        assert_eq!(
            outcome.warnings.len(),
            1,
            "said at the first run: {:?}",
            outcome.warnings
        );
        assert_eq!(outcome.place, DType::F16);
    }

    #[test]
    fn half_precision_that_overflows_is_not_tried_again() {
        let limits = Limits {
            single: 1,
            half: 6,
            overflows: true,
        };
        let outcome = run(DType::F16, true, limits, 0);
        assert!(doubled(outcome.result));
        assert!(outcome.warnings[0].contains("f32"), "{:?}", outcome.warnings);
        assert!(
            outcome
                .loads
                .iter()
                .filter(|(dtype, _)| *dtype == DType::F16)
                .count()
                == 1
        );

        // Asked for by name, it is an error: the caller wants to know.
        let error = run(DType::F16, false, limits, 0).result.unwrap_err().to_string();
        assert!(error.contains("precision f32"), "{error}");
    }

    #[test]
    fn a_full_machine_is_an_error() {
        let load = |_: &Device, _: DType| -> Result<Hungry> { Err(full()) };
        let Err(error) = Runner::new(Box::new(load), Device::Cpu, Precision::Auto, true) else {
            panic!("there is no room");
        };
        assert!(matches!(error, Error::OutOfMemory(_)), "{error:?}");
    }
}
