//! Depth Anything against the reference's recorded results.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{DType, Device, Tensor};
use rilievo::networks::depth_anything::{Config, DepthAnything};
use rilievo::networks::{DepthKind, Network};
use rilievo::weights::Checkpoint;
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Place, Reference};

fn load(checkpoint: &Checkpoint, config: &Config) -> Result<DepthAnything, Error> {
    DepthAnything::load(checkpoint, config, &Device::Cpu, DType::F32)
}

fn check(name: &str, config: &Config) {
    let Place { device, dtype } = pseudo::place();
    let network = DepthAnything::load(&pseudo::checkpoint(name), config, device, *dtype).unwrap();
    assert_eq!(network.spec().kind, DepthKind::Inverse);
    let mut reference = Reference::open(name);
    reference.check_direct(&network);
    for picture in 0..2 {
        reference.check_picture(&network, picture, pseudo::ChannelOrder::Bgr);
    }
}

#[test]
fn v1_small_matches_the_reference() {
    check("depth_anything_vits14", &Config::v1_small());
}

#[test]
fn v2_small_matches_the_reference() {
    check("depth_anything_v2_vits", &Config::v2_small());
}

#[test]
fn v1_base_matches_the_reference() {
    check("depth_anything_vitb14", &Config::v1_base());
}

#[test]
fn v2_base_matches_the_reference() {
    check("depth_anything_v2_vitb", &Config::v2_base());
}

#[test]
#[ignore = "needs 3 GB"]
fn v1_large_matches_the_reference() {
    check("depth_anything_vitl14", &Config::v1_large());
}

#[test]
#[ignore = "needs 3 GB"]
fn v2_large_matches_the_reference() {
    check("depth_anything_v2_vitl", &Config::v2_large());
}

/// The tensors of a checkpoint under the names and in the parts that the
/// `transformers` library stores them in.
fn in_transformers_layout(official: &Checkpoint, depth: usize) -> Checkpoint {
    let tensor = |name: &str| official.tensor(name, &Device::Cpu, DType::F32).unwrap();
    let mut tensors = HashMap::new();
    let mut put = |name: String, tensor: Tensor| assert!(tensors.insert(name, tensor).is_none());
    let mut pair = |from: String, to: String| {
        for kind in ["weight", "bias"] {
            if official.contains(&format!("{from}.{kind}")) {
                put(format!("{to}.{kind}"), tensor(&format!("{from}.{kind}")));
            }
        }
    };
    pair(
        "pretrained.patch_embed.proj".into(),
        "backbone.embeddings.patch_embeddings.projection".into(),
    );
    pair("pretrained.norm".into(), "backbone.layernorm".into());
    for i in 0..depth {
        let (from, to) = (
            format!("pretrained.blocks.{i}"),
            format!("backbone.encoder.layer.{i}"),
        );
        for name in ["norm1", "norm2", "mlp.fc1", "mlp.fc2"] {
            pair(format!("{from}.{name}"), format!("{to}.{name}"));
        }
        pair(
            format!("{from}.attn.proj"),
            format!("{to}.attention.output.dense"),
        );
    }
    for i in 0..4 {
        pair(
            format!("depth_head.projects.{i}"),
            format!("neck.reassemble_stage.layers.{i}.projection"),
        );
        pair(
            format!("depth_head.resize_layers.{i}"),
            format!("neck.reassemble_stage.layers.{i}.resize"),
        );
        pair(
            format!("depth_head.scratch.layer{}_rn", i + 1),
            format!("neck.convs.{i}"),
        );
        let (from, to) = (
            format!("depth_head.scratch.refinenet{}", 4 - i),
            format!("neck.fusion_stage.layers.{i}"),
        );
        pair(format!("{from}.out_conv"), format!("{to}.projection"));
        for unit in [1, 2] {
            for conv in [1, 2] {
                pair(
                    format!("{from}.resConfUnit{unit}.conv{conv}"),
                    format!("{to}.residual_layer{unit}.convolution{conv}"),
                );
            }
        }
    }
    for (from, to) in [
        ("output_conv1", "conv1"),
        ("output_conv2.0", "conv2"),
        ("output_conv2.2", "conv3"),
    ] {
        pair(format!("depth_head.scratch.{from}"), format!("head.{to}"));
    }
    put(
        "backbone.embeddings.cls_token".into(),
        tensor("pretrained.cls_token"),
    );
    put(
        "backbone.embeddings.mask_token".into(),
        tensor("pretrained.mask_token"),
    );
    put(
        "backbone.embeddings.position_embeddings".into(),
        tensor("pretrained.pos_embed"),
    );
    for i in 0..depth {
        let (from, to) = (
            format!("pretrained.blocks.{i}"),
            format!("backbone.encoder.layer.{i}"),
        );
        for scale in [1, 2] {
            put(
                format!("{to}.layer_scale{scale}.lambda1"),
                tensor(&format!("{from}.ls{scale}.gamma")),
            );
        }
        for kind in ["weight", "bias"] {
            let parts = tensor(&format!("{from}.attn.qkv.{kind}")).chunk(3, 0).unwrap();
            for (part, tensor) in ["query", "key", "value"].into_iter().zip(parts) {
                put(format!("{to}.attention.attention.{part}.{kind}"), tensor);
            }
        }
    }
    assert_eq!(tensors.len(), official.names().count() + depth * 4);
    Checkpoint::from_tensors(tensors)
}

fn small_input() -> Tensor {
    pseudo::input("small", (3, 28, 42), (-1.8, 1.8))
}

/// The prediction, row by row.
fn predict(network: &DepthAnything, input: &Tensor) -> Vec<f32> {
    let output = network.forward(input, &Monitor::silent()).unwrap().depth;
    assert_eq!(output.dims(), [1, input.dims()[2], input.dims()[3]]);
    output.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn both_layouts_of_a_checkpoint_give_the_same_network() {
    let official = pseudo::checkpoint("depth_anything_v2_vits");
    let converted = in_transformers_layout(&official, 12);
    assert!(!converted.contains("pretrained.cls_token"));
    let config = Config::v2_small();
    let predict = |checkpoint| predict(&load(checkpoint, &config).unwrap(), &small_input());
    assert_eq!(predict(&official), predict(&converted));
}

#[test]
fn a_batch_is_its_pictures_one_by_one() {
    let network = load(&pseudo::checkpoint("depth_anything_v2_vits"), &Config::v2_small()).unwrap();
    let first = small_input();
    let second = (&first * -0.5).unwrap();
    let both = network
        .forward(&Tensor::cat(&[&first, &second], 0).unwrap(), &Monitor::silent())
        .unwrap()
        .depth;
    for (i, one) in [first, second].iter().enumerate() {
        let one = network.forward(one, &Monitor::silent()).unwrap().depth;
        let both = both.narrow(0, i, 1).unwrap();
        let difference = (one - both)
            .unwrap()
            .abs()
            .unwrap()
            .max_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap();
        assert!(difference < 1e-4, "picture {i}: {difference}");
    }
}

#[test]
fn double_precision_by_stock_operations_agrees() {
    let checkpoint = pseudo::checkpoint("depth_anything_v2_vits");
    let config = Config::v2_small();
    let fused = predict(&load(&checkpoint, &config).unwrap(), &small_input());
    let stock = DepthAnything::load(&checkpoint, &config, &Device::Cpu, DType::F64).unwrap();
    let stock = predict(&stock, &small_input());
    let mean = stock.iter().sum::<f32>() / stock.len() as f32;
    let std = (stock.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / stock.len() as f32).sqrt();
    let error = fused
        .iter()
        .zip(&stock)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
        / std;
    println!("single against double precision: {error:.1e} of the standard deviation");
    assert!(error < 1e-4, "{error}");
}

#[test]
fn a_metric_network_gives_metres_below_its_limit() {
    let checkpoint = pseudo::checkpoint("depth_anything_v2_vits");
    let network = load(&checkpoint, &Config::v2_small().metric(20.0)).unwrap();
    assert_eq!(network.spec().kind, DepthKind::Metric);
    let relative = predict(&load(&checkpoint, &Config::v2_small()).unwrap(), &small_input());
    let metres = predict(&network, &small_input());
    for (&metres, &relative) in metres.iter().zip(&relative) {
        assert!((0.0..=20.0).contains(&metres));
        if relative > 0.0 {
            assert!((metres - 20.0 / (1.0 + (-relative).exp())).abs() < 1e-4);
        }
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_says_why() {
    let checkpoint = pseudo::checkpoint("depth_anything_v2_vits");
    let message = |checkpoint: &Checkpoint, config| match load(checkpoint, &config) {
        Err(Error::Checkpoint(message)) => message,
        other => panic!("{:?}", other.err()),
    };
    let text = message(&checkpoint, Config::v2_large());
    assert!(
        text.contains("Depth Anything Small (384 channels), not Large (1024)"),
        "{text}"
    );
    let other = Checkpoint::from_tensors(HashMap::from([("w".to_owned(), small_input())]));
    assert!(message(&other, Config::v2_small()).contains("no Depth Anything network"));
    let without = |missing: &str| {
        checkpoint
            .clone()
            .renamed(|name| (name != missing).then(|| name.to_owned()))
    };
    let missing = "pretrained.blocks.7.mlp.fc2.bias";
    assert!(message(&without(missing), Config::v2_small()).contains(missing));
    let bent = checkpoint
        .clone()
        .with("depth_head.scratch.layer2_rn.weight", small_input());
    let text = message(&bent, Config::v2_small());
    assert!(
        text.contains("layer2_rn.weight")
            && text.contains("[1, 3, 28, 42]")
            && text.contains("[64, 96, 3, 3]")
    );
}

#[test]
fn the_catalogs_configurations_exist() {
    let entries = rilievo::weights::catalog::entries()
        .iter()
        .filter(|entry| entry.family == "depth_anything");
    let configs: Vec<_> = entries
        .map(|entry| Config::named(&entry.config).unwrap())
        .collect();
    assert!(configs.len() >= 6);
    assert!(
        Config::named("v3_small")
            .unwrap_err()
            .to_string()
            .contains("v2_small")
    );
}

#[test]
fn a_run_reports_its_steps_and_stops_between_them() {
    let network = load(&pseudo::checkpoint("depth_anything_v2_vits"), &Config::v2_small()).unwrap();
    let (steps, cancel) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let stop = || cancel.load(Ordering::Relaxed);
    let report =
        |stage: &str, done: u64, total: u64| steps.lock().unwrap().push((stage.to_owned(), done, total));
    network
        .forward(&small_input(), &Monitor::new(Some(&report), Some(&stop)))
        .unwrap();
    let total = steps.lock().unwrap().len() as u64;
    let expected: Vec<_> = (1..=total).map(|i| ("network".to_owned(), i, total)).collect();
    assert_eq!(*steps.lock().unwrap(), expected);

    let seen = Mutex::new(0);
    let report = |_: &str, done: u64, _: u64| {
        *seen.lock().unwrap() = done;
        cancel.store(done == 3, Ordering::Relaxed);
    };
    let result = network.forward(&small_input(), &Monitor::new(Some(&report), Some(&stop)));
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(*seen.lock().unwrap(), 3);
}

#[test]
fn an_input_that_is_no_multiple_of_the_patch_is_refused() {
    let network = load(&pseudo::checkpoint("depth_anything_v2_vits"), &Config::v2_small()).unwrap();
    let input = Tensor::zeros((1, 3, 28, 40), DType::F32, &Device::Cpu).unwrap();
    let text = network
        .forward(&input, &Monitor::silent())
        .unwrap_err()
        .to_string();
    assert!(text.contains("40 x 28") && text.contains("14"), "{text}");
}
