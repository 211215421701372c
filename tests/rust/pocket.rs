//! The embedded network against its training code, and networks of other widths.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use ndarray::{Array2, Array3};
use rilievo::estimate::preprocess::to_tensor;
use rilievo::networks::Network;
use rilievo::networks::pocket::{Block, Config, Input, Level, Pocket};
use rilievo::weights::{Checkpoint, Weights};
use rilievo::{Error, Monitor};
use safetensors::tensor::TensorView;
use sha2::{Digest, Sha256};

use crate::golden::Golden;

static FILE: &[u8] = include_bytes!("../../models/pocket/pocket.safetensors");

#[test]
fn the_embedded_file_is_the_one_that_was_scored() {
    let digest: String = Sha256::digest(FILE)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        "d1608d8d1c604952e088e7499f6bbdbd3f821b4cd2b57bd7a8ed96ec59e01843"
    );
    assert!(FILE.len() <= 8_000_000);
}

#[test]
fn the_prediction_is_that_of_the_training_code() {
    let mut golden = Golden::open("pocket");
    let picture: Array3<u8> = golden.array("picture");
    let expected: Array2<f32> = golden.array("prediction");

    let network = Pocket::embedded(&Device::Cpu, DType::F32).unwrap();
    let input = to_tensor(
        picture.view(),
        &network.spec().preprocessing,
        (96, 64),
        &Device::Cpu,
    )
    .unwrap();
    assert_eq!(input.dims(), [1, 3, 64, 96]);
    let output = network.forward(&input, &Monitor::silent()).unwrap().depth;
    assert_eq!(output.dims(), [1, 32, 48]);
    let values = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();

    // Both have the embedded weights, rounded to half precision.
    let difference = values
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(
        difference <= 1e-4 * expected.std(0.0),
        "{difference} of {}",
        expected.std(0.0)
    );
}

#[test]
fn a_batch_is_its_pictures_one_by_one() {
    let network = Pocket::embedded(&Device::Cpu, DType::F32).unwrap();
    let pictures = Tensor::rand(-1f32, 1.0, (2, 3, 32, 64), &Device::Cpu).unwrap();
    let rows = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let together = network.forward(&pictures, &Monitor::silent()).unwrap().depth;
    for picture in 0..2 {
        let alone = network
            .forward(&pictures.narrow(0, picture, 1).unwrap(), &Monitor::silent())
            .unwrap()
            .depth;
        assert_eq!(rows(together.narrow(0, picture, 1).unwrap()), rows(alone));
    }
}

#[test]
fn a_size_that_does_not_halve_five_times_is_refused() {
    let network = Pocket::embedded(&Device::Cpu, DType::F32).unwrap();
    let picture = Tensor::zeros((1, 3, 32, 48), DType::F32, &Device::Cpu).unwrap();
    let error = network.forward(&picture, &Monitor::silent()).unwrap_err();
    assert!(
        matches!(&error, Error::Invalid(text) if text.contains("32") && text.contains("48x32")),
        "{error}"
    );
}

/// A network unlike the embedded one: other widths, kernels, depths, three levels.
fn other() -> Config {
    let block = |expanded, channels, kernel, stride| Block {
        expanded,
        channels,
        kernel,
        stride,
    };
    let level = |channels, kernel, blocks| Level {
        channels,
        kernel,
        blocks,
    };
    Config {
        version: "test".into(),
        licence: "none".into(),
        input: Input {
            mean: 100.0,
            scale: 50.0,
            net_size: (64, 32),
            mirrored: false,
        },
        stem: 6,
        encoder: vec![
            block(6, 4, 3, 1),
            block(12, 5, 5, 2),
            block(10, 5, 3, 1),
            block(15, 7, 7, 2),
        ],
        taps: vec![0, 2, 3],
        context: 3,
        decoder: vec![level(8, 3, 1), level(6, 5, 2), level(4, 3, 0)],
        head: 2,
    }
}

fn random_weights(config: &Config) -> HashMap<String, Tensor> {
    let mut tensors = HashMap::new();
    let mut put = |name: String, outputs: usize, inputs: usize, side: usize| {
        let weight = Tensor::randn(0f32, 0.5, (outputs, inputs, side, side), &Device::Cpu).unwrap();
        tensors.insert(format!("{name}.weight"), weight);
        let bias = Tensor::randn(0f32, 0.5, outputs, &Device::Cpu).unwrap();
        tensors.insert(format!("{name}.bias"), bias);
    };
    put("stem".into(), config.stem, 3, 3);
    let mut channels = config.stem;
    for (number, block) in config.encoder.iter().enumerate() {
        if block.expanded != channels {
            put(format!("blocks.{number}.expand"), block.expanded, channels, 1);
        }
        put(
            format!("blocks.{number}.depthwise"),
            block.expanded,
            1,
            block.kernel,
        );
        put(
            format!("blocks.{number}.project"),
            block.channels,
            block.expanded,
            1,
        );
        channels = block.channels;
    }
    put("context.0".into(), config.context, channels, 1);
    put("context.1".into(), config.decoder[0].channels, config.context, 1);
    for (number, (level, &tap)) in config.decoder.iter().zip(config.taps.iter().rev()).enumerate() {
        put(
            format!("levels.{number}.lateral"),
            level.channels,
            config.encoder[tap].channels,
            1,
        );
        if number > 0 {
            put(
                format!("levels.{number}.reduce"),
                level.channels,
                config.decoder[number - 1].channels,
                1,
            );
        }
        for block in 0..level.blocks {
            put(
                format!("levels.{number}.blocks.{block}.depthwise"),
                level.channels,
                1,
                level.kernel,
            );
            put(
                format!("levels.{number}.blocks.{block}.pointwise"),
                level.channels,
                level.channels,
                1,
            );
        }
    }
    put(
        "head.0".into(),
        config.head,
        config.decoder[config.decoder.len() - 1].channels,
        3,
    );
    put("head.1".into(), 1, config.head, 1);
    tensors
}

/// A file as the export script writes it.
fn file(config: &str) -> Vec<u8> {
    let none: [(&str, TensorView<'_>); 0] = [];
    let metadata = HashMap::from([("rilievo.pocket".to_owned(), config.to_owned())]);
    safetensors::serialize(none, Some(metadata)).unwrap()
}

#[test]
fn a_network_of_other_widths_needs_no_other_code() {
    let config = other();
    let read = Config::read(&file(&serde_json::to_string(&config).unwrap())).unwrap();
    assert_eq!(read, config);

    let checkpoint = Checkpoint::from_tensors(random_weights(&config));
    let network = Pocket::new(read, &Weights::new(&checkpoint, &Device::Cpu, DType::F32)).unwrap();
    assert_eq!(network.spec().preprocessing.multiple, 8);
    let picture = Tensor::randn(0f32, 1.0, (1, 3, 24, 40), &Device::Cpu).unwrap();
    let output = network.forward(&picture, &Monitor::silent()).unwrap().depth;
    assert_eq!(output.dims(), [1, 12, 20]);
    let values = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(values.iter().all(|value| value.is_finite()) && values.iter().any(|value| *value != values[0]));
}

#[test]
fn a_missing_tensor_is_named() {
    let config = other();
    let mut tensors = random_weights(&config);
    tensors.remove("levels.1.reduce.weight");
    let checkpoint = Checkpoint::from_tensors(tensors);
    let error = Pocket::new(config, &Weights::new(&checkpoint, &Device::Cpu, DType::F32))
        .err()
        .unwrap();
    assert!(error.to_string().contains("levels.1.reduce.weight"), "{error}");
}

#[test]
fn a_description_that_makes_no_network_is_refused() {
    let broken = |change: &dyn Fn(&mut Config)| {
        let mut config = other();
        change(&mut config);
        file(&serde_json::to_string(&config).unwrap())
    };
    for bytes in [
        broken(&|config| config.taps = vec![0, 2, 4]),
        broken(&|config| config.taps = vec![2, 0, 3]),
        broken(&|config| config.taps = vec![]),
        broken(&|config| config.decoder.truncate(2)),
        broken(&|config| config.encoder[1].stride = 0),
        broken(&|config| config.encoder[1].stride = 3),
        file("{}"),
        file("not JSON"),
        FILE[..1000].to_vec(),
        Vec::new(),
    ] {
        assert!(matches!(Config::read(&bytes), Err(Error::Checkpoint(_))));
    }
}
