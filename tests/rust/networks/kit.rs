//! The reference's test kit: pseudo-random weights under the official names,
//! inputs, pictures and checksums, all from one stream of numbers. Described
//! in `tests/golden/networks/README.md`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use ndarray::{Array, Array3, Dimension};
use rayon::prelude::*;
use rilievo::weights::Checkpoint;

const SEED: u64 = 1;
const GOLD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The FNV-1a hash of a name.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Element `i` of the stream of `name`, in [0, 1).
fn unit(name: &str) -> impl Fn(usize) -> f64 + Sync + use<> {
    let key = mix(hash(name) ^ mix(SEED.wrapping_mul(GOLD).wrapping_add(1)));
    move |i| {
        let z = mix(key.wrapping_add((i as u64 + 1).wrapping_mul(GOLD)));
        (z >> 40) as f64 / 16_777_216.0
    }
}

fn uniform(name: &str, count: usize, lo: f64, hi: f64) -> Vec<f32> {
    let unit = unit(name);
    (0..count)
        .into_par_iter()
        .map(|i| (unit(i) * (hi - lo) + lo) as f32)
        .collect()
}

/// A checkpoint with the tensors of `tests/golden/networks/<network>.txt`.
pub fn checkpoint(network: &str) -> Checkpoint {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/networks/{network}.txt"));
    let manifest = std::fs::read_to_string(path).unwrap();
    let tensors = manifest.lines().map(|line| {
        let [name, shape, lo, hi] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let shape: Vec<usize> = shape.split('x').map(|side| side.parse().unwrap()).collect();
        let values = uniform(
            name,
            shape.iter().product(),
            lo.parse().unwrap(),
            hi.parse().unwrap(),
        );
        (
            name.to_owned(),
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap(),
        )
    });
    Checkpoint::from_tensors(tensors.collect::<HashMap<_, _>>())
}

/// A normalised input `[C, H, W]`: a coarse mosaic plus fine noise.
pub fn pseudo_input(name: &str, (c, h, w): (usize, usize, usize)) -> Array3<f32> {
    let (rows, columns) = (h.div_ceil(8), w.div_ceil(8));
    let coarse = uniform(&format!("{name}#coarse"), c * rows * columns, -1.8, 1.8);
    let fine = uniform(&format!("{name}#fine"), c * h * w, -0.25, 0.25);
    Array3::from_shape_fn((c, h, w), |(c, y, x)| {
        coarse[(c * rows + y / 8) * columns + x / 8] + fine[(c * h + y) * w + x]
    })
}

/// An order-dependent checksum.
pub fn digest<D: Dimension>(array: &Array<f32, D>) -> u64 {
    words(array.iter().map(|value| value.to_bits()))
}

fn words(words: impl Iterator<Item = u32>) -> u64 {
    words.zip(1u64..).fold(0, |sum, (word, i)| {
        sum.wrapping_add((u64::from(word) + 1).wrapping_mul(i.wrapping_mul(GOLD) | 1))
    })
}

/// The two test pictures: a floor, discs and boxes under noise.
pub fn pictures() -> [Array3<u8>; 2] {
    [picture("image0", 333, 250), picture("image1", 200, 301)]
}

fn picture(name: &str, height: usize, width: usize) -> Array3<u8> {
    let (h, w) = (height as f64, width as f64);
    let r: Vec<f64> = (0..64).map(unit(&format!("{name}#p"))).collect();
    let noise = unit(&format!("{name}#n"));
    let horizon = (h * (0.35 + 0.2 * r[3])).trunc();
    Array3::from_shape_fn((height, width, 3), |(row, column, channel)| {
        let (y, x) = (row as f64, column as f64);
        let (yn, xn) = (y / h, x / w);
        let mut value = [
            0.25 + 0.5 * yn * r[0] + 0.3 * xn,
            0.2 + 0.5 * (1.0 - yn) * (0.4 + 0.6 * r[1]),
            0.3 + 0.35 * xn * (1.0 - yn) + 0.2 * r[2],
        ][channel];
        if y > horizon {
            let d = 1.0 / ((y - horizon) / h).max(1e-3);
            let check = (((xn - 0.5) * d * 3.0).floor() + (d * 2.0).floor()).rem_euclid(2.0);
            value = 0.55 * value + 0.35 * check * [0.9, 0.8, 0.6][channel];
        }
        for (k, p) in r[8..].chunks_exact(8).take(6).enumerate() {
            let (dy, dx) = (y - p[0] * h, x - p[1] * w);
            let s = (0.06 + 0.16 * p[2]) * h.min(w);
            let squared = dy * dy + dx * dx;
            if k % 2 == 1 && dy.abs() < s && dx.abs() < s * (0.4 + p[6]) {
                value = p[3 + channel];
            } else if k % 2 == 0 && squared < s * s {
                value = p[3 + channel] * (0.45 + 0.55 * (1.0 - squared / (s * s)).clamp(0.0, 1.0).sqrt());
            }
        }
        value += (noise((row * width + column) * 3 + channel) - 0.5) * 0.08;
        (value * 255.0 + 0.5).floor().clamp(0.0, 255.0) as u8
    })
}

#[test]
fn the_stream_of_numbers_is_the_references() {
    let demo = unit("demo");
    let k: Vec<u64> = (0..8).map(|i| (demo(i) * 16_777_216.0) as u64).collect();
    assert_eq!(
        k,
        [
            10_694_776, 15_460_702, 3_911_975, 10_968_905, 906_250, 12_299_648, 9_326_264, 16_350_387
        ]
    );
    let values = Array::from_vec(uniform("demo", 8, -1.0, 1.0));
    assert_eq!(digest(&values), 0x97c3_1438_06f5_2c50);
}

#[test]
fn the_pictures_are_the_references() {
    let digests = pictures().map(|picture| words(picture.iter().map(|&byte| u32::from(byte))));
    assert_eq!(digests, [0xc848_382d_ae6f_23e2, 0x020d_f8ce_ffa0_fb1e]);
}
