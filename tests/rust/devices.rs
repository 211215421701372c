//! What only a machine with a GPU can show. The device is `RILIEVO_TEST_DEVICE` (`cuda`, `metal`);
//! on the CPU these tests run as well, and show less.
//!
//! `RILIEVO_TEST_DEVICE=cuda cargo test --release --features cuda --test rust devices -- --ignored --nocapture`

use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use ndarray::Array3;
use rilievo::estimate::{EstimateOptions, Estimator};
use rilievo::networks::depth_anything::{self, DepthAnything};
use rilievo::networks::leres::LeReS;
use rilievo::networks::midas_v21::{self, MidasV21};
use rilievo::networks::{DepthNetwork, Network};
use rilievo::run::{DeviceChoice, Precision};
use rilievo::weights::{Checkpoint, catalog};
use rilievo::{Error, Monitor};

use crate::pseudo;

fn choice() -> DeviceChoice {
    let name = std::env::var("RILIEVO_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    name.parse().unwrap()
}

fn device() -> Device {
    choice().open().unwrap()
}

/// Every number format the device computes in, single precision first.
fn precisions(device: &Device) -> Vec<DType> {
    let all = [Precision::F32, Precision::F16, Precision::Bf16];
    all.into_iter()
        .filter_map(|precision| precision.on(device).ok())
        .collect()
}

/// A picture with a horizon and something in front of it.
fn picture() -> Array3<u8> {
    Array3::from_shape_fn((240, 320, 3), |(y, x, channel)| {
        let near = (100..220).contains(&x) && y > 80;
        match near {
            true => 200 - (channel * 40) as u8,
            false => (y / 2) as u8 + (channel * 30) as u8,
        }
    })
}

#[test]
#[ignore = "asks the device of RILIEVO_TEST_DEVICE"]
fn the_device_answers_in_every_precision_it_has() {
    let device = device();
    let formats: Vec<_> = precisions(&device).iter().map(|dtype| dtype.as_str()).collect();
    println!("{} computes in {}", choice(), formats.join(", "));
    assert_eq!(formats[0], "f32");
    for (found, answer) in rilievo::run::devices() {
        println!(
            "{found}: {}",
            answer.map_or_else(|error| error.to_string(), |()| "ready".into())
        );
    }
}

#[test]
#[ignore = "asks the device of RILIEVO_TEST_DEVICE"]
fn the_whole_way_gives_the_same_depth_as_on_the_cpu() {
    let entry = catalog::find("pocket").unwrap();
    let estimate = |device, precision| {
        let estimator = Estimator::open(entry, None, device, precision, false).unwrap();
        let depth = estimator
            .estimate(picture().view(), &EstimateOptions::default(), &Monitor::silent())
            .unwrap();
        println!("{} in {}", estimator.device(), estimator.precision());
        depth.values().clone()
    };
    let wanted = estimate(DeviceChoice::Cpu, Precision::F32);
    let mean = wanted.mean().unwrap();
    let std = wanted.mapv(|value| (value - mean).powi(2)).mean().unwrap().sqrt();
    let mut choices = vec![(Precision::F32, 1e-3), (Precision::Auto, 1e-3)];
    if Precision::F16.on(&device()).is_ok() {
        choices.push((Precision::F16, 0.1));
    }
    for (precision, tolerance) in choices {
        let found = estimate(choice(), precision);
        let most = (&found - &wanted)
            .mapv(f32::abs)
            .fold(0f32, |most, value| most.max(*value))
            / std;
        println!("{precision:?}: {most:.1e} of the standard deviation");
        assert!(most < tolerance, "{precision:?}: {most}");
    }
}

/// A device that is full says so in a way that is understood, and works on afterwards.
#[test]
#[ignore = "asks the device of RILIEVO_TEST_DEVICE"]
fn a_full_device_is_recognised() {
    let device = device();
    if device.is_cpu() {
        return;
    }
    // A tebibyte and 256 of them: no GPU of these years, and nothing is taken from others.
    for rows in [1_usize << 18, 1 << 26] {
        let Err(error) = Tensor::zeros((rows, 1 << 20), DType::F32, &device) else {
            panic!("there was room");
        };
        let error = Error::from(error);
        println!("{error}");
        assert!(matches!(error, Error::OutOfMemory(_)), "{error:?}");
    }
    let x = Tensor::ones((64, 64), DType::F32, &device).unwrap();
    let sum = x
        .matmul(&x)
        .unwrap()
        .sum_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert_eq!(sum, 64.0 * 64.0 * 64.0);
}

type Make = fn(&Checkpoint, &Device, DType) -> Result<Box<DepthNetwork>, Error>;

/// Networks and the sizes (height, width) they are timed at.
const TIMED: [(&str, (usize, usize), Make); 5] = [
    ("midas_v21_small", (256, 256), |checkpoint, device, dtype| {
        let config = midas_v21::Config::named("small")?;
        Ok(Box::new(MidasV21::load(checkpoint, &config, device, dtype)?))
    }),
    (
        "depth_anything_v2_vits",
        (518, 518),
        |checkpoint, device, dtype| {
            let config = depth_anything::Config::v2_small();
            Ok(Box::new(DepthAnything::load(checkpoint, &config, device, dtype)?))
        },
    ),
    (
        "depth_anything_v2_vitb",
        (518, 518),
        |checkpoint, device, dtype| {
            let config = depth_anything::Config::v2_base();
            Ok(Box::new(DepthAnything::load(checkpoint, &config, device, dtype)?))
        },
    ),
    ("res101", (448, 448), |checkpoint, device, dtype| {
        Ok(Box::new(LeReS::load(checkpoint, device, dtype)?))
    }),
    (
        "depth_anything_v2_vitl",
        (518, 518),
        |checkpoint, device, dtype| {
            let config = depth_anything::Config::v2_large();
            Ok(Box::new(DepthAnything::load(checkpoint, &config, device, dtype)?))
        },
    ),
];

/// Milliseconds of a warm run: the fastest and the median of up to `RILIEVO_TEST_SECONDS` (2) seconds.
#[test]
#[ignore = "measures the device of RILIEVO_TEST_DEVICE"]
fn forward_times() {
    let device = device();
    let only = std::env::var("RILIEVO_TEST_NETWORK").unwrap_or_default();
    let seconds = std::env::var("RILIEVO_TEST_SECONDS").map_or(2.0, |text| text.parse().unwrap());
    for (name, (height, width), make) in TIMED {
        if !name.contains(&only) {
            continue;
        }
        let checkpoint = pseudo::checkpoint(name);
        for dtype in precisions(&device) {
            let started = Instant::now();
            let network = make(&checkpoint, &device, dtype).unwrap();
            device.synchronize().unwrap();
            let loaded = started.elapsed();
            let input = pseudo::input("direct", (3, height, width), (-1.8, 1.8))
                .to_device(&device)
                .and_then(|input| input.to_dtype(dtype))
                .unwrap();
            let run = || {
                let started = Instant::now();
                let output = network.forward(&input, &Monitor::silent()).unwrap().depth;
                // Reading a number waits for all of them.
                output
                    .to_dtype(DType::F32)
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap();
                started.elapsed()
            };
            let (first, begun) = (run(), Instant::now());
            let mut times = vec![run()];
            while begun.elapsed() < Duration::from_secs_f64(seconds) && times.len() < 50 {
                times.push(run());
            }
            times.sort();
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            println!(
                "TIME {name} {width}x{height} {} {}: fastest {:.1} ms, median {:.1} ms of {}, first {:.0} ms, load {:.0} ms",
                choice(),
                dtype.as_str(),
                ms(times[0]),
                ms(times[times.len() / 2]),
                times.len(),
                ms(first),
                ms(loaded)
            );
        }
    }
}

/// A build for a GPU on a machine without one falls back, and says why when asked for it.
#[test]
fn without_a_gpu_the_cpu_does_the_work() {
    let entry = catalog::find("pocket").unwrap();
    let estimator = Estimator::open(entry, None, DeviceChoice::Auto, Precision::Auto, false).unwrap();
    assert!(["cpu", "cuda:0", "metal"].contains(&&*estimator.device()));
    let result = Estimator::open(
        entry,
        None::<&Path>,
        DeviceChoice::Cuda(99),
        Precision::Auto,
        false,
    );
    let Err(error) = result else {
        panic!("there are not a hundred GPUs")
    };
    assert!(error.to_string().contains("cuda:99"), "{error}");
}
