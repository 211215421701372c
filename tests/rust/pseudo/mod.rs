//! Pseudo-random weights and inputs that any program can make again, and the
//! comparison with what the reference networks computed from them.
//!
//! `tests/golden/networks/<model>.json` lists the official checkpoint's tensors
//! and the range each is filled from; `<model>.npz` holds the results. Every
//! number is a hash of the seed, the tensor's name and the element's index.

mod check;
mod place;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use rilievo::weights::Checkpoint;
use serde::Deserialize;

pub use check::{ChannelOrder, Noise, Reference, TOLERANCE, mirror_averaged, picture, run, run_watched};
pub use place::{Place, place};

/// The seed of the committed results.
pub const SEED: u64 = 1;

const GOLD: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Deserialize)]
struct Manifest {
    tensors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    fill: Fill,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Fill {
    Uniform { lo: f64, hi: f64 },
    Const { value: f64 },
    Arange,
    RelPosIndex,
    SpectralU { of: String, dim: usize },
    SpectralV { of: String, dim: usize },
}

/// The golden file of a network: `.json` is its manifest, `.npz` its results.
pub fn path(model: &str, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/networks/{model}.{extension}"))
}

/// The official checkpoint of `model`, filled with pseudo-random numbers.
/// Integer tensors are left out: no network reads them.
pub fn checkpoint(model: &str) -> Checkpoint {
    let file = File::open(path(model, "json")).unwrap();
    let manifest: Manifest = serde_json::from_reader(BufReader::new(file)).unwrap();
    let entries: HashMap<_, _> = manifest
        .tensors
        .iter()
        .map(|entry| (entry.name.as_str(), entry))
        .collect();
    let tensors = manifest
        .tensors
        .iter()
        .filter(|entry| entry.dtype == "float32")
        .map(|entry| {
            let values = fill(entry, &entries);
            let tensor = Tensor::from_vec(values, entry.shape.as_slice(), &Device::Cpu).unwrap();
            (entry.name.clone(), tensor)
        })
        .collect();
    Checkpoint::from_tensors(tensors)
}

fn fill(entry: &Entry, entries: &HashMap<&str, &Entry>) -> Vec<f32> {
    let count = entry.shape.iter().product();
    match &entry.fill {
        Fill::Uniform { lo, hi } => uniform(&entry.name, count, *lo, *hi),
        Fill::Const { value } => vec![*value as f32; count],
        Fill::SpectralU { of, dim } => spectral(entries[of.as_str()], *dim, entries).0,
        Fill::SpectralV { of, dim } => spectral(entries[of.as_str()], *dim, entries).1,
        Fill::Arange | Fill::RelPosIndex => unreachable!("integers only"),
    }
}

/// Eight rounds of power iteration on a weight with axis `dim` first, flattened to a matrix.
fn spectral(weight: &Entry, dim: usize, entries: &HashMap<&str, &Entry>) -> (Vec<f32>, Vec<f32>) {
    let values = Tensor::from_vec(fill(weight, entries), weight.shape.as_slice(), &Device::Cpu).unwrap();
    let rows = weight.shape[dim];
    let columns = weight.shape.iter().product::<usize>() / rows;
    let matrix: Vec<f64> = values
        .transpose(0, dim)
        .and_then(|moved| {
            // Moving axis 1 to the front keeps the others in order, as swapping does for dim <= 1.
            moved
                .contiguous()?
                .flatten_all()?
                .to_dtype(candle_core::DType::F64)?
                .to_vec1()
        })
        .unwrap();
    let normalised = |values: Vec<f64>| {
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        values.into_iter().map(|value| value / norm).collect::<Vec<_>>()
    };
    let start = format!("{}#v0", weight.name);
    let mut v = normalised((0..columns).map(|i| unit(key(&start), i as u64) + 0.5).collect());
    let mut u = Vec::new();
    for _ in 0..8 {
        u = normalised(
            matrix
                .chunks_exact(columns)
                .map(|row| row.iter().zip(&v).map(|(a, b)| a * b).sum())
                .collect(),
        );
        let mut next = vec![0.0; columns];
        for (row, scale) in matrix.chunks_exact(columns).zip(&u) {
            next.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += scale * value);
        }
        v = normalised(next);
    }
    let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
    (single(u), single(v))
}

/// `count` numbers from `lo` to `hi`; the arithmetic is in double precision, rounded once.
pub fn uniform(name: &str, count: usize, lo: f64, hi: f64) -> Vec<f32> {
    let key = key(name);
    (0..count)
        .into_par_iter()
        .map(|i| (unit(key, i as u64) * (hi - lo) + lo) as f32)
        .collect()
}

/// A network's input `[1, C, H, W]`: a mosaic of 8x8 cells plus fine noise.
pub fn input(name: &str, (channels, height, width): (usize, usize, usize), (lo, hi): (f64, f64)) -> Tensor {
    let (rows, columns) = (height.div_ceil(8), width.div_ceil(8));
    let coarse = uniform(&format!("{name}#coarse"), channels * rows * columns, lo, hi);
    let mut values = uniform(&format!("{name}#fine"), channels * height * width, -0.25, 0.25);
    for (i, value) in values.iter_mut().enumerate() {
        let (channel, y, x) = (i / (height * width), i / width % height, i % width);
        *value += coarse[(channel * rows + y / 8) * columns + x / 8];
    }
    Tensor::from_vec(values, (1, channels, height, width), &Device::Cpu).unwrap()
}

/// A checksum over the raw words, to tell whether two programs made the same numbers.
pub fn digest(values: &[f32]) -> u64 {
    values.iter().enumerate().fold(0_u64, |sum, (i, value)| {
        let weight = (i as u64 + 1).wrapping_mul(GOLD) | 1;
        sum.wrapping_add((u64::from(value.to_bits()) + 1).wrapping_mul(weight))
    })
}

fn unit(key: u64, index: u64) -> f64 {
    (mix(key.wrapping_add((index + 1).wrapping_mul(GOLD))) >> 40) as f64 / f64::from(1 << 24)
}

fn key(name: &str) -> u64 {
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    mix(hash ^ mix(SEED.wrapping_mul(GOLD).wrapping_add(1)))
}

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
