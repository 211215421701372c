//! The merge network.

use candle_core::{DType, Device, Tensor};
use ndarray::s;
use rilievo::networks::Network;
use rilievo::networks::pix2pix::Pix2Pix;
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Place, Reference, TOLERANCE};

const SIDE: usize = 1024;

/// Cells of 8 x 8 pixels.
fn cells(name: &str) -> Vec<f64> {
    let cells = pseudo::uniform(name, 128 * 128, 0.0, 1.0);
    (0..SIDE * SIDE)
        .map(|i| f64::from(cells[i / SIDE / 8 * 128 + i % SIDE / 8]))
        .collect()
}

/// From its smallest to its largest value as -1 to 1.
fn scaled(map: &[f32]) -> Vec<f32> {
    let (low, high) = map
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    map.iter().map(|x| (x - low) / (high - low) * 2.0 - 1.0).collect()
}

fn load() -> Pix2Pix {
    let Place { device, dtype } = pseudo::place();
    Pix2Pix::load(&pseudo::checkpoint("pix2pix"), device, *dtype).unwrap()
}

#[test]
#[ignore = "takes 10 s"]
fn matches_the_reference() {
    let outer: Vec<f32> = cells("outer")
        .iter()
        .enumerate()
        .map(|(i, cell)| (0.6 * (i / SIDE) as f64 / SIDE as f64 + 0.4 * cell) as f32)
        .collect();
    let inner: Vec<f32> = cells("inner")
        .iter()
        .zip(&outer)
        .map(|(cell, outer)| (0.8 * f64::from(*outer) + 0.5 * cell) as f32)
        .collect();
    let input = [scaled(&outer), scaled(&inner)].concat();
    let input = Tensor::from_vec(input, (1, 2, SIDE, SIDE), &Device::Cpu).unwrap();
    let input = pseudo::place().take(&input);
    let network = load();
    let mut reference = Reference::open("pix2pix");
    let output = reference.check_stages("direct", 4, |monitor| network.forward(&input, monitor).unwrap());
    assert_eq!(output.dims(), [1, SIDE, SIDE]);
    let output = pseudo::place().give(&output);
    reference.compare("direct/out", output.view(), TOLERANCE, true);
    let crop = output.slice(s![448..512, 448..512]).into_dyn();
    reference.compare("direct/crop_448_448_64", crop, TOLERANCE, true);
}

#[test]
fn another_size_is_refused() {
    let input = Tensor::zeros((1, 2, SIDE, 512), DType::F32, &Device::Cpu).unwrap();
    let error = load().forward(&input, &Monitor::silent()).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    assert!(error.to_string().contains("512 x 1024"), "{error}");
}
