//! MiDaS 3.0 and 3.1.

use candle_core::{DType, Device, Tensor};
use rilievo::networks::dpt::{Backbone, Config, Dpt};
use rilievo::networks::{DepthKind, Network};
use rilievo::weights::Checkpoint;
use rilievo::{Error, Monitor};

use super::{library_names, tiny};
use crate::pseudo::{self, Place, Reference};

const BACKBONES: [Backbone; 3] = [
    Backbone::Vit,
    Backbone::Beit,
    Backbone::Hybrid { stages: [1, 1, 2] },
];

fn load(checkpoint: &Checkpoint, config: &Config) -> Result<Dpt, Error> {
    Dpt::load(checkpoint, config, &Device::Cpu, DType::F32)
}

fn check(name: &str, config: &Config) {
    let Place { device, dtype } = pseudo::place();
    let network = Dpt::load(&pseudo::checkpoint(name), config, device, *dtype).unwrap();
    assert_eq!(network.spec().kind, DepthKind::Inverse);
    let mut reference = Reference::open(name);
    reference.check_direct(&network);
    for picture in 0..2 {
        reference.check_picture(&network, picture, pseudo::ChannelOrder::Bgr);
    }
}

#[test]
#[ignore = "needs 3 GB"]
fn large_384_matches_the_reference() {
    check("dpt_large_384", &Config::large_384());
}

#[test]
#[ignore = "needs 3 GB"]
fn beit_large_384_matches_the_reference() {
    check("dpt_beit_large_384", &Config::beit_large_384());
}

#[test]
#[ignore = "needs 3 GB"]
fn beit_large_512_matches_the_reference() {
    check("dpt_beit_large_512", &Config::beit_large_512());
}

#[test]
#[ignore = "needs 1 GB"]
fn hybrid_384_matches_the_reference() {
    check("dpt_hybrid_384", &Config::hybrid_384());
}

fn predict(network: &Dpt, (h, w): (usize, usize)) -> Result<Vec<f32>, Error> {
    let input = pseudo::input("tiny", (3, h, w), (-1.8, 1.8));
    let output = network.forward(&input, &Monitor::silent())?.depth;
    assert_eq!(output.dims(), [1, h, w]);
    Ok(output.flatten_all().unwrap().to_vec1().unwrap())
}

fn spread(values: &[f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
}

#[test]
fn any_grid_gives_a_prediction_of_its_size_every_time() {
    for backbone in BACKBONES {
        let config = tiny::config(backbone);
        let network = load(&tiny::dpt(&config), &config).unwrap();
        // The trained grid, a wider one with odd sides, a single patch.
        for size in [(48, 48), (48, 112), (16, 16)] {
            let values = predict(&network, size).unwrap();
            assert!(values.iter().all(|value| value.is_finite() && *value >= 0.0));
            if size != (16, 16) {
                assert!(spread(&values) > 1e-3, "{backbone:?} {size:?}");
            }
            assert_eq!(values, predict(&network, size).unwrap(), "{backbone:?} {size:?}");
        }
    }
}

#[test]
fn double_precision_by_stock_operations_agrees() {
    for backbone in BACKBONES {
        let config = tiny::config(backbone);
        let checkpoint = tiny::dpt(&config);
        let fused = predict(&load(&checkpoint, &config).unwrap(), (48, 80)).unwrap();
        let stock = Dpt::load(&checkpoint, &config, &Device::Cpu, DType::F64).unwrap();
        let stock = predict(&stock, (48, 80)).unwrap();
        let most = fused
            .iter()
            .zip(&stock)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(most < 1e-4 * spread(&stock), "{backbone:?}: {most}");
    }
}

#[test]
fn a_batch_is_its_pictures_one_by_one() {
    let config = tiny::config(Backbone::Beit);
    let network = load(&tiny::dpt(&config), &config).unwrap();
    let first = pseudo::input("first", (3, 32, 48), (-1.8, 1.8));
    let second = pseudo::input("second", (3, 32, 48), (-1.8, 1.8));
    let run = |input: &Tensor| network.forward(input, &Monitor::silent()).unwrap().depth;
    let both = run(&Tensor::cat(&[&first, &second], 0).unwrap());
    for (i, one) in [first, second].iter().enumerate() {
        let difference = (run(one) - both.narrow(0, i, 1).unwrap()).unwrap().abs().unwrap();
        assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
    }
}

#[test]
fn a_size_that_is_no_multiple_is_refused() {
    for backbone in BACKBONES {
        let config = tiny::config(backbone);
        let network = load(&tiny::dpt(&config), &config).unwrap();
        match predict(&network, (48, 40)) {
            Err(Error::Invalid(message)) => assert!(message.contains("40 x 48"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_network_of_the_family_is_named() {
    let config = tiny::config(Backbone::Beit);
    let checkpoint = tiny::dpt(&config);
    let message = |checkpoint: &Checkpoint, config: &Config| match load(checkpoint, config) {
        Err(Error::Checkpoint(message)) => message,
        other => panic!("{:?}", other.err()),
    };
    let wider = Config {
        grid: 32,
        ..config.clone()
    };
    let found = message(&checkpoint, &wider);
    assert!(found.contains("holds DPT-BEiT-48, not DPT-BEiT-512"), "{found}");
    let found = message(&checkpoint, &tiny::config(Backbone::Vit));
    assert!(found.contains("not DPT-Large"), "{found}");
    let hybrid = tiny::dpt(&tiny::config(BACKBONES[2]));
    let found = message(&hybrid, &tiny::config(Backbone::Vit));
    assert!(found.contains("holds DPT-Hybrid"), "{found}");
    let missing = checkpoint.renamed(|name| (name != "scratch.layer3_rn.weight").then(|| name.to_owned()));
    let found = message(&missing, &config);
    assert!(found.contains("scratch.layer3_rn.weight is missing"), "{found}");
    assert!(message(&Checkpoint::from_tensors([].into()), &config).contains("holds no DPT-BEiT-48"));
}

#[test]
fn contradictory_configurations_are_refused() {
    let config = tiny::config(Backbone::Vit);
    let checkpoint = tiny::dpt(&config);
    for wrong in [
        Config {
            taps: vec![0, 2, 4],
            ..config.clone()
        },
        Config {
            taps: vec![0, 2, 3, 5],
            ..config.clone()
        },
        Config {
            taps: vec![0, 3, 2, 4],
            ..config.clone()
        },
        Config {
            heads: 0,
            ..config.clone()
        },
        Config {
            heads: 5,
            ..config.clone()
        },
    ] {
        assert!(
            matches!(load(&checkpoint, &wrong), Err(Error::Invalid(_))),
            "{wrong:?}"
        );
    }
}

#[test]
fn both_layouts_of_a_checkpoint_give_the_same_network() {
    for backbone in BACKBONES {
        let config = tiny::config(backbone);
        let official = tiny::dpt(&config);
        let converted = tiny::converted(&official, |name| library_names::dpt(name, backbone));
        assert!(converted.names().all(|name| !official.contains(name)));
        let run = |checkpoint| predict(&load(checkpoint, &config).unwrap(), (32, 48)).unwrap();
        assert_eq!(run(&official), run(&converted), "{backbone:?}");
    }
}
