//! Running a network in the memory that a device has.
//!
//! When the device is full the network steps back, one step at a time: to half
//! precision, to smaller batches, to the CPU. Each step is said in one line of
//! warning; what was computed before it is kept; later runs start where the
//! last one ended.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor};

use super::batch_size;
use super::device::{self, DeviceChoice, Precision};
use crate::networks::{self, Batch, Family, Network, OfRole};
use crate::weights::catalog::Entry;
use crate::{Error, Monitor, Result};

/// Makes the network for a device and a number format.
type Load<N> = dyn Fn(&Device, DType) -> Result<N> + Send + Sync;

/// Where and how a network runs.
#[derive(Clone, Debug)]
struct Placement {
    device: Device,
    dtype: DType,
    /// Items of a batch at once.
    batch_size: usize,
    /// Whether the CPU is left to go to.
    may_leave: bool,
    /// Whether half precision may be tried: not after it has overflowed.
    may_halve: bool,
    /// How many steps led here.
    steps: usize,
}

impl Placement {
    /// The next one after a batch of `count` did not fit, and what to say about it.
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
            next.batch_size = count / 2;
            format!("with {} at once instead of {count}", count / 2)
        } else {
            next.device = Device::Cpu;
            next.dtype = DType::F32;
            next.may_leave = false;
            "on the CPU, which takes longer".to_owned()
        };
        Some((next, format!("{name} is out of memory; going on {instead}")))
    }

    /// The one to take when half precision has overflowed.
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
    placement: Placement,
    network: Option<Arc<N>>,
    /// Warnings from before anybody listened.
    unsaid: Vec<String>,
}

/// A network that steps back when its device is full. Its inputs and results are in single
/// precision on the CPU, wherever it runs.
pub struct Runner<N: Network> {
    load: Box<Load<N>>,
    /// Whether the number format is ours to choose.
    chooses: bool,
    spec: N::Spec,
    state: Mutex<State<N>>,
}

impl<N: OfRole> Runner<N> {
    /// Loads the network of `entry` from `file` (`None` for an embedded one) on a device, or wherever it fits.
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
        let file = file.map(Path::to_owned);
        let load =
            move |device: &Device, dtype| networks::load(entry, file.as_deref(), device, dtype, tiling);
        let half = Family::of(entry)?.half;
        Self::new(Box::new(load), device.open()?, precision, half)
    }
}

impl<N: Network> Runner<N> {
    /// Loads a network on `device`, or wherever it fits. `half`: whether half
    /// precision is fine enough for it.
    pub(crate) fn new(load: Box<Load<N>>, device: Device, precision: Precision, half: bool) -> Result<Self> {
        let precision = match precision {
            Precision::Auto if !half => Precision::F32,
            chosen => chosen,
        };
        let placement = Placement {
            dtype: precision.on(&device)?,
            batch_size: usize::MAX,
            may_leave: !device.is_cpu(),
            may_halve: half,
            steps: 0,
            device,
        };
        Self::on(placement, load, precision == Precision::Auto)
    }

    fn on(mut placement: Placement, load: Box<Load<N>>, chooses: bool) -> Result<Self> {
        let mut unsaid = Vec::new();
        let network = loop {
            match load_on(&placement, &*load) {
                Ok(network) => break network,
                Err(error) => {
                    let (next, said) = retreat(&placement, 1, error)?;
                    placement = next;
                    unsaid.push(said);
                }
            }
        };
        Ok(Self {
            load,
            chooses,
            spec: network.spec().clone(),
            state: Mutex::new(State {
                placement,
                network: Some(network),
                unsaid,
            }),
        })
    }

    /// What the network says about itself.
    pub fn spec(&self) -> &N::Spec {
        &self.spec
    }

    /// The device it runs on now, such as `cuda:0`.
    pub fn device(&self) -> String {
        device::name(&self.state().placement.device)
    }

    /// The number format it runs in now, such as `f16`.
    pub fn precision(&self) -> &'static str {
        self.state().placement.dtype.as_str()
    }

    /// How many items should be computed at once where the network is now, when each takes `bytes`.
    pub fn batch_size(&self, bytes: u64) -> usize {
        batch_size::fitting(&self.state().placement.device, bytes)
    }

    /// The placement now and its network, which is loaded if it is not there.
    fn current(&self) -> (Placement, Result<Arc<N>>) {
        let mut state = self.state();
        let placement = state.placement.clone();
        if let Some(network) = &state.network {
            return (placement, Ok(network.clone()));
        }
        let loaded = load_on(&placement, &*self.load);
        let loaded = loaded.map(|network| state.network.insert(network).clone());
        (placement, loaded)
    }

    /// Goes from one placement to the next, unless another thread has gone on from there already.
    fn step(&self, from: &Placement, next: Placement, said: &str, monitor: &Monitor<'_>) {
        let mut state = self.state();
        if state.placement.steps != from.steps {
            return;
        }
        let reload = next.dtype != from.dtype || next.device.location() != from.device.location();
        if reload {
            // First, so that both are never in memory together.
            state.network = None;
        }
        state.placement = next;
        drop(state);
        monitor.warn(said);
    }

    fn state(&self) -> MutexGuard<'_, State<N>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The results for a batch, computed in as many parts as it takes.
    ///
    /// # Errors
    /// What the network says; [`Error::OutOfMemory`] when not even the CPU has room, and
    /// [`Error::Compute`] when results are no numbers.
    pub fn forward(&self, inputs: &N::Inputs, monitor: &Monitor<'_>) -> Result<N::Outputs> {
        for sentence in std::mem::take(&mut self.state().unsaid) {
            monitor.warn(&sentence);
        }
        let total = match tensors(inputs)?.first() {
            Some(tensor) => tensor.dim(0)?,
            None => 0,
        };
        let mut done = Vec::new();
        let mut at = 0;
        while at < total {
            let (placement, network) = self.current();
            let count = placement.batch_size.min(total - at);
            let part = inputs.try_map(&mut |tensor| Ok(tensor.narrow(0, at, count)?))?;
            let result = network.and_then(|network| forward(&placement, &*network, &part, monitor));
            let (next, said) = match result {
                Ok(output) if !is_finite(&output)? => {
                    if !self.chooses || placement.dtype == DType::F32 {
                        return Err(Error::Compute(
                            "the prediction holds values that are no numbers; try precision f32".into(),
                        ));
                    }
                    placement.wider()
                }
                Ok(output) => {
                    done.push(output);
                    at += count;
                    continue;
                }
                Err(error) => retreat(&placement, count, error)?,
            };
            self.step(&placement, next, &said, monitor);
        }
        concatenated(&done)
    }
}

/// The placement to take after `error`, if there is one.
fn retreat(placement: &Placement, count: usize, error: Error) -> Result<(Placement, String)> {
    match &error {
        Error::OutOfMemory(_) => placement.smaller(count).ok_or(error),
        _ => Err(error),
    }
}

fn load_on<N>(placement: &Placement, load: &Load<N>) -> Result<Arc<N>> {
    let network = load(&placement.device, placement.dtype)?;
    // Another thread, with a stream of its own, may be the first to use the weights.
    placement.device.synchronize()?;
    Ok(Arc::new(network))
}

fn forward<N: Network>(
    placement: &Placement,
    network: &N,
    inputs: &N::Inputs,
    monitor: &Monitor<'_>,
) -> Result<N::Outputs> {
    let there = |x: &Tensor| Ok(x.to_device(&placement.device)?.to_dtype(placement.dtype)?);
    let output = network.forward(&inputs.try_map(&mut |x| there(x))?, monitor)?;
    output.try_map(&mut |x| Ok(x.to_dtype(DType::F32)?.to_device(&Device::Cpu)?))
}

/// All tensors of a batch.
fn tensors<B: Batch>(batch: &B) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::new();
    batch.try_map(&mut |tensor| {
        tensors.push(tensor.clone());
        Ok(tensor.clone())
    })?;
    Ok(tensors)
}

/// Batches one behind the other.
fn concatenated<B: Batch>(parts: &[B]) -> Result<B> {
    let first = parts.first().ok_or_else(|| {
        Error::invalid("a network was given nothing to look at; give it one picture at least")
    })?;
    let parts = parts.iter().map(tensors).collect::<Result<Vec<_>>>()?;
    let mut columns = 0..;
    first.try_map(&mut |_| {
        let column = columns.next().unwrap_or_default();
        let column: Vec<_> = parts.iter().filter_map(|part| part.get(column)).collect();
        Ok(Tensor::cat(&column, 0)?)
    })
}

/// Half precision can overflow: better a sentence than a map of NaN.
fn is_finite<B: Batch>(output: &B) -> Result<bool> {
    for tensor in tensors(output)? {
        // Infinity times zero is no number either, and the sum of what is left is zero.
        if (tensor * 0.0)?.sum_all()?.to_scalar::<f32>()? != 0.0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::networks::background::Config;
    use crate::networks::inpaint::Hole;
    use crate::networks::{
        BackgroundNetwork, DepthKind, DepthNetwork, Enlarge, InpaintNetwork, MergeNetwork, Prediction,
        Preprocessing, Shrink, SizeRule, Spec,
    };

    /// A network that is a function.
    struct Stub<I, O, S> {
        spec: S,
        forward: fn(&I) -> Result<O>,
    }

    impl<I: Batch, O: Batch, S: Clone + Send + Sync> Network for Stub<I, O, S> {
        type Inputs = I;
        type Outputs = O;
        type Spec = S;

        fn spec(&self) -> &S {
            &self.spec
        }

        fn forward(&self, inputs: &I, _: &Monitor<'_>) -> Result<O> {
            (self.forward)(inputs)
        }
    }

    /// Doubles the first channel.
    const DOUBLING: Stub<Tensor, Tensor, ()> = Stub {
        spec: (),
        forward: |x| Ok((x.narrow(1, 0, 1)?.squeeze(1)? * 2.0)?),
    };

    /// A network as far as its device has room.
    struct Hungry<N> {
        network: N,
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

    impl<N: Network> Network for Hungry<N> {
        type Inputs = N::Inputs;
        type Outputs = N::Outputs;
        type Spec = N::Spec;

        fn spec(&self) -> &N::Spec {
            self.network.spec()
        }

        fn forward(&self, inputs: &N::Inputs, monitor: &Monitor<'_>) -> Result<N::Outputs> {
            let given = tensors(inputs)?;
            let count = given[0].dim(0)?;
            for tensor in &given {
                assert_eq!((tensor.dim(0)?, tensor.dtype()), (count, self.dtype));
            }
            let limit = match self.dtype {
                _ if self.on_cpu => usize::MAX,
                DType::F32 => self.limits.single,
                _ => self.limits.half,
            };
            if count > limit {
                return Err(full());
            }
            self.pictures.fetch_add(count, Ordering::Relaxed);
            let output = self.network.forward(inputs, monitor)?;
            if self.limits.overflows && self.dtype == DType::F16 {
                return output.try_map(&mut |x| Ok((x * 60_000.0)?));
            }
            Ok(output)
        }
    }

    fn full() -> Error {
        candle_core::Error::Msg("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")".into()).into()
    }

    /// What became of a batch of six pictures.
    struct Outcome<O> {
        result: Result<O>,
        warnings: Vec<String>,
        loads: Vec<(DType, bool)>,
        pictures: usize,
        precision: &'static str,
    }

    /// Runs a batch on a device that plays a GPU: its networks come in order, and the
    /// last placement is known by the loader being told to make one after `Placement::may_leave` ended.
    fn run_on_gpu<N: Network + 'static>(
        make: fn() -> N,
        inputs: &N::Inputs,
        (dtype, chooses): (DType, bool),
        limits: Limits,
        loading_fails: usize,
    ) -> Outcome<N::Outputs> {
        let (loads, pictures) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, counted) = (loads.clone(), pictures.clone());
        let load = move |_: &Device, dtype: DType| -> Result<Hungry<N>> {
            let mut seen = seen.lock().unwrap();
            // After half precision, single precision means the CPU, unless half overflowed.
            let halved = seen.iter().any(|(seen, _)| *seen == DType::F16);
            let on_cpu = dtype == DType::F32 && halved && !limits.overflows;
            seen.push((dtype, on_cpu));
            if seen.len() <= loading_fails {
                return Err(full());
            }
            Ok(Hungry {
                network: make(),
                dtype,
                on_cpu,
                limits,
                pictures: counted.clone(),
            })
        };
        let placement = Placement {
            device: Device::Cpu,
            dtype,
            batch_size: usize::MAX,
            may_leave: true,
            may_halve: true,
            steps: 0,
        };
        let runner = Runner::on(placement, Box::new(load), chooses).unwrap();
        let warnings = Mutex::new(Vec::new());
        let warn = |text: &str| warnings.lock().unwrap().push(text.to_owned());
        let result = runner.forward(inputs, &Monitor::silent().with_warnings(&warn));
        Outcome {
            result,
            warnings: warnings.into_inner().unwrap(),
            loads: loads.lock().unwrap().clone(),
            pictures: pictures.load(Ordering::Relaxed),
            precision: runner.precision(),
        }
    }

    /// Six items whose values are their numbers.
    fn six(channels: usize) -> Tensor {
        Tensor::arange(0f32, 6.0, &Device::Cpu)
            .and_then(|x| x.reshape((6, 1, 1, 1))?.broadcast_as((6, channels, 2, 2)))
            .unwrap()
    }

    /// The network that doubles, given six pictures.
    fn run(dtype: DType, chooses: bool, limits: Limits, loading_fails: usize) -> Outcome<Tensor> {
        run_on_gpu(|| DOUBLING, &six(3), (dtype, chooses), limits, loading_fails)
    }

    /// Holds a network to what it says of six items at once, on devices with less and less room.
    fn steps_back<N: Network + 'static>(make: fn() -> N, inputs: &N::Inputs) {
        let values = |batch: &N::Outputs| -> Vec<_> {
            let values = |x: &Tensor| {
                (
                    x.dims().to_vec(),
                    x.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                )
            };
            tensors(batch).unwrap().iter().map(values).collect()
        };
        let wanted = values(&make().forward(inputs, &Monitor::silent()).unwrap());
        assert!(wanted.iter().all(|(shape, _)| shape[0] == 6));
        for (half, precision, warnings) in [(6, "f16", 1), (2, "f16", 3), (0, "f32", 4)] {
            let outcome = run_on_gpu(make, inputs, (DType::F32, true), Limits { half, ..LIMITS }, 0);
            assert_eq!(values(&outcome.result.unwrap()), wanted);
            assert_eq!((outcome.precision, outcome.warnings.len()), (precision, warnings));
        }
    }

    #[test]
    fn networks_of_every_role_step_back_alike() {
        steps_back::<Box<MergeNetwork>>(|| Box::new(DOUBLING), &six(2));
        let background = || -> Box<BackgroundNetwork> {
            Box::new(Stub {
                spec: Config::u2net(),
                forward: DOUBLING.forward,
            })
        };
        steps_back(background, &six(3));
        let inpaint = || -> Box<InpaintNetwork> {
            Box::new(Stub {
                spec: (),
                forward: |hole: &Hole| {
                    let known = hole.content.broadcast_mul(&hole.context)?;
                    Ok((known + hole.edge.broadcast_add(&hole.mask)?)?)
                },
            })
        };
        let hole = Hole {
            content: six(1),
            edge: six(1),
            context: six(1),
            mask: six(1),
        };
        steps_back(inpaint, &hole);
        let depth = || -> Box<DepthNetwork> {
            let preprocessing = Preprocessing {
                mean: [0.0; 3],
                std: [1.0; 3],
                net_size: (2, 2),
                multiple: 1,
                rule: SizeRule::Stretch,
                shrink: Shrink::Cubic,
                enlarge: Enlarge::Bicubic,
            };
            Box::new(Stub {
                spec: Spec::new(DepthKind::Metric, preprocessing),
                forward: |x: &Tensor| {
                    let first = (DOUBLING.forward)(x)?;
                    Ok(Prediction {
                        valid: Some((&first * 0.5)?),
                        field_of_view: Some(first.narrow(1, 0, 1)?.narrow(2, 0, 1)?.flatten_all()?),
                        points: Some(x.clone()),
                        normals: Some((x * 3.0)?),
                        pose: Some(Tensor::cat(&[x, x], 3)?.narrow(2, 0, 1)?.squeeze(2)?),
                        ..first.into()
                    })
                },
            })
        };
        steps_back(depth, &six(3));
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
        assert_eq!((outcome.precision, outcome.pictures), ("f16", 6));
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
        assert_eq!(outcome.precision, "f32");
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
        assert_eq!(outcome.precision, "f16");
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
        let load = |_: &Device, _: DType| -> Result<Hungry<Box<MergeNetwork>>> { Err(full()) };
        let Err(error) = Runner::new(Box::new(load), Device::Cpu, Precision::Auto, true) else {
            panic!("there is no room");
        };
        assert!(matches!(error, Error::OutOfMemory(_)), "{error:?}");
    }
}
