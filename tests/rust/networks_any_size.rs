//! No picture and no network size makes a network fail.

use candle_core::{DType, Device};
use ndarray::{Array2, Array3};
use rilievo::Monitor;
use rilievo::estimate::preprocess;
use rilievo::image::Size;
use rilievo::networks::DepthNetwork;
use rilievo::networks::depth_anything::{self, DepthAnything};
use rilievo::networks::dpt::{Backbone, Dpt};
use rilievo::networks::midas_v21::{self, MidasV21};
use rilievo::networks::pocket::Pocket;
use rilievo::networks::zoedepth::{Variant, ZoeDepth};

use crate::networks_vit::{tiny, tiny_zoedepth};
use crate::pseudo;

/// Heights and widths of pictures.
const PICTURES: [(usize, usize); 8] = [
    (1, 1),
    (1, 2),
    (2, 1),
    (7, 5),
    (1, 90),
    (33, 47),
    (64, 31),
    (120, 9),
];
/// Widths and heights that somebody may ask for.
const ASKED: [(usize, usize); 5] = [(1, 1), (33, 47), (48, 48), (13, 100), (64, 32)];

/// Every picture at every size asked for, and at its own.
fn check(name: &str, network: &DepthNetwork) {
    for (height, width) in PICTURES {
        let picture = Array3::from_shape_fn((height, width, 3), |(y, x, c)| (y * 31 + x * 17 + c * 5) as u8);
        let size = Size { width, height };
        for asked in ASKED.into_iter().chain([preprocess::matching_size(size)]) {
            let depth = depth(network, &picture, asked);
            assert_eq!(
                depth.dim(),
                (height, width),
                "{name}, {width}x{height} at {asked:?}"
            );
            assert!(
                depth.iter().all(|value| value.is_finite()),
                "{name}, {width}x{height} at {asked:?}"
            );
        }
    }
}

fn depth(network: &DepthNetwork, picture: &Array3<u8>, asked: (usize, usize)) -> Array2<f32> {
    if network.spec().mirror_averaged {
        return pseudo::mirror_averaged(network, picture, asked);
    }
    let spec = &network.spec().preprocessing;
    let input = preprocess::to_tensor(picture.view(), spec, asked, &Device::Cpu).unwrap();
    let (_, _, h, w) = input.dims4().unwrap();
    assert_eq!((h % spec.multiple, w % spec.multiple), (0, 0));
    let output = network.forward(&input, &Monitor::silent()).unwrap().depth;
    let values = output.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
    let values = Array2::from_shape_fn((values.len(), values[0].len()), |(y, x)| values[y][x]);
    let (height, width, _) = picture.dim();
    preprocess::to_picture_size(values.view(), spec, Size { width, height }).unwrap()
}

#[test]
fn dense_prediction_transformers() {
    for backbone in [
        Backbone::Vit,
        Backbone::Beit,
        Backbone::Hybrid { stages: [1, 1, 2] },
    ] {
        let config = tiny::config(backbone);
        let network = Dpt::load(&tiny::dpt(&config), &config, &Device::Cpu, DType::F32).unwrap();
        check(&format!("{backbone:?}"), &network);
    }
}

#[test]
fn zoedepth_networks() {
    for variant in [Variant::N, Variant::K, Variant::Nk] {
        let (checkpoint, config) = tiny_zoedepth(variant);
        let network = ZoeDepth::load(&checkpoint, &config, &Device::Cpu, DType::F32).unwrap();
        check(&format!("{variant:?}"), &network);
    }
}

#[test]
fn published_networks_that_are_small_enough() {
    let checkpoint = pseudo::checkpoint("midas_v21_small");
    let config = midas_v21::Config::small();
    let midas = MidasV21::load(&checkpoint, &config, &Device::Cpu, DType::F32).unwrap();
    check("midas_v21_small", &midas);
    check("pocket", &Pocket::embedded(&Device::Cpu, DType::F32).unwrap());
    let checkpoint = pseudo::checkpoint("depth_anything_v2_vits");
    let config = depth_anything::Config::named("v2_small_indoor").unwrap();
    let network = DepthAnything::load(&checkpoint, &config, &Device::Cpu, DType::F32).unwrap();
    check("depth_anything_v2_small", &network);
}
