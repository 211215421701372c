//! Checkpoints as the `transformers` library stores them, held to what it computes from them.
//! `tests/golden/networks/transformers_layouts.py` made the names, shapes and results.

use candle_core::{DType, Device};
use rilievo::networks::depth_anything::{self, DepthAnything};
use rilievo::networks::dpt::{Backbone, Config, Dpt};
use rilievo::networks::zoedepth::{Variant, ZoeDepth};
use rilievo::networks::{DepthKind, DepthNetwork, Network};

use super::{tiny, tiny_zoedepth};
use crate::pseudo::{self, Reference, TOLERANCE};

fn check(name: &str, network: &DepthNetwork, range: (f64, f64)) {
    let mut reference = Reference::open(name);
    let size: ndarray::Array1<i32> = reference.array("direct/in_shape");
    let input = pseudo::input("direct", (3, size[0] as usize, size[1] as usize), range);
    let output = network
        .forward(&input, &rilievo::Monitor::silent())
        .unwrap()
        .depth;
    let output = output.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
    let output = ndarray::Array2::from_shape_fn((output.len(), output[0].len()), |(y, x)| output[y][x]);
    reference.compare("direct/out", output.view().into_dyn(), TOLERANCE, true);
}

#[test]
fn dense_prediction_transformers() {
    for (name, backbone) in [
        ("transformers_dpt", Backbone::Vit),
        ("transformers_dpt_hybrid", Backbone::Hybrid { stages: [1, 1, 2] }),
        ("transformers_dpt_beit", Backbone::Beit),
    ] {
        let config = Config {
            hidden: 32,
            grid: 4,
            ..tiny::config(backbone)
        };
        let network = Dpt::load(&pseudo::checkpoint(name), &config, &Device::Cpu, DType::F32);
        check(name, &network.unwrap(), (-1.8, 1.8));
    }
}

#[test]
fn depth_anything_relative_and_metric() {
    for (name, config, kind) in [
        ("transformers_depth_anything", "v2_small", DepthKind::Inverse),
        (
            "transformers_depth_anything_metric",
            "v2_small_indoor",
            DepthKind::Metric,
        ),
    ] {
        let config = depth_anything::Config::named(config).unwrap();
        let checkpoint = pseudo::checkpoint(name);
        let network = DepthAnything::load(&checkpoint, &config, &Device::Cpu, DType::F32).unwrap();
        assert_eq!(network.spec().kind, kind);
        check(name, &network, (-1.8, 1.8));
    }
}

#[test]
fn zoedepth_networks() {
    for (name, variant) in [
        ("transformers_zoedepth_n", Variant::N),
        ("transformers_zoedepth_k", Variant::K),
        ("transformers_zoedepth_nk", Variant::Nk),
    ] {
        let (_, mut config) = tiny_zoedepth(variant);
        (config.core.hidden, config.core.grid) = (32, 4);
        // Widths that the library does not let anybody choose.
        (config.seed_hidden, config.projector_hidden) = (256, 128);
        if variant == Variant::Nk {
            (config.embedding, config.seed_hidden, config.projector_hidden) = (128, 64, 64);
            config.attractors = [16; 4];
        }
        let network = ZoeDepth::load(&pseudo::checkpoint(name), &config, &Device::Cpu, DType::F32);
        check(name, &network.unwrap(), (-1.0, 1.0));
    }
}
