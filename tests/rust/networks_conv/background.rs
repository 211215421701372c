//! The networks that tell a foreground from its background.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use ndarray::{Array, Array1, Array2, ArrayD, Axis, s};
use rilievo::image::resize::pillow_lanczos;
use rilievo::image::{Raster, Size};
use rilievo::networks::Network as _;
use rilievo::networks::background::Config;
use rilievo::networks::isnet::IsNet;
use rilievo::networks::u2net::U2Net;
use rilievo::weights::Checkpoint;
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Place, Reference, TOLERANCE, picture};

enum Network {
    U(U2Net),
    Is(IsNet),
}

impl Network {
    fn forward(&self, input: &Tensor) -> Result<Tensor, Error> {
        self.watched(input, &Monitor::silent())
    }

    fn watched(&self, input: &Tensor, monitor: &Monitor<'_>) -> Result<Tensor, Error> {
        match self {
            Self::U(network) => network.forward(input, monitor),
            Self::Is(network) => network.forward(input, monitor),
        }
    }

    fn map(&self, input: &Tensor) -> Array2<f32> {
        let output = self.forward(input).unwrap();
        let output = pseudo::place().give(&output);
        output.into_dimensionality().unwrap()
    }
}

/// Pillow's LANCZOS as the reference ran it. From version 13 on, Pillow shrinks
/// rows before it does columns where that is less work; at these sizes it is
/// when the height shrinks by more than the width.
fn lanczos<D: Raster>(picture: &Array<u8, D>, size: Size) -> Array<u8, D> {
    let (height, width) = (picture.shape()[0], picture.shape()[1]);
    if size.height < height && size.width * height > size.height * width {
        let rows = Size {
            width,
            height: size.height,
        };
        let shrunk = pillow_lanczos(picture.view(), rows).unwrap();
        return pillow_lanczos(shrunk.view(), size).unwrap();
    }
    pillow_lanczos(picture.view(), size).unwrap()
}

/// The network alone, then from the two pictures to masks of their size.
fn check(name: &str, network: &Network, config: &Config) {
    let mut reference = Reference::open(name);
    let shape: Array1<i32> = reference.array("direct/out_shape");
    let input = pseudo::input("direct", (3, shape[0] as usize, shape[1] as usize), (-1.8, 1.8));
    let place = pseudo::place();
    let input = place.take(&input);
    let map = reference.check_stages("direct", 7, |monitor| network.watched(&input, monitor).unwrap());
    let map = place.give(&map);
    reference.compare("direct/out", map.view(), TOLERANCE, true);
    for number in 0..2 {
        let size: Array1<i32> = reference.array(&format!("img{number}/net_size_wh"));
        let (picture, size) = (
            picture(number),
            Size {
                width: size[0] as usize,
                height: size[1] as usize,
            },
        );
        let small = lanczos(&picture, size);
        let largest = f64::from(*small.iter().max().unwrap()).max(1e-6);
        let input = ArrayD::from_shape_fn(vec![3, size.height, size.width], |at| {
            let value = f64::from(small[(at[1], at[2], at[0])]) / largest;
            ((value - config.mean[at[0]]) / config.std[at[0]]) as f32
        });
        reference.compare(&format!("img{number}/net_input"), input.view(), 1e-4, false);
        let shape = (1, 3, size.height, size.width);
        let input = Tensor::from_vec(input.into_raw_vec_and_offset().0, shape, &Device::Cpu).unwrap();
        let raw = network.map(&place.take(&input));
        reference.compare(
            &format!("img{number}/raw"),
            raw.view().into_dyn(),
            TOLERANCE,
            true,
        );
        let (low, high) = raw.iter().fold((f32::MAX, f32::MIN), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
        let bytes = raw.mapv(|value| ((value - low) / (high - low) * 255.0) as u8);
        let full = Size {
            width: picture.dim().1,
            height: picture.dim().0,
        };
        let mask = lanczos(&bytes, full);
        let wanted: Array2<u8> = reference.array(&format!("img{number}/final"));
        let found = mask.slice(s![..;3, ..;3]);
        assert_eq!(found.dim(), wanted.dim());
        let most = found.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
        println!("{name} img{number}/final [{place}]: {most:?} of 255");
        assert!(most <= Some(1) || !place.exact());
    }
}

fn u2net(checkpoint: &Checkpoint) -> Result<Network, Error> {
    U2Net::load(checkpoint, &Device::Cpu, DType::F32).map(Network::U)
}

/// The golden network of this name, where the environment says.
fn u2net_there(name: &str) -> Network {
    let Place { device, dtype } = pseudo::place();
    Network::U(U2Net::load(&pseudo::checkpoint(name), device, *dtype).unwrap())
}

/// As `u2net_there`.
fn isnet_there(name: &str) -> Network {
    let Place { device, dtype } = pseudo::place();
    Network::Is(IsNet::load(&pseudo::checkpoint(name), Config::isnet_general(), device, *dtype).unwrap())
}

fn isnet(checkpoint: &Checkpoint) -> Result<Network, Error> {
    IsNet::load(checkpoint, Config::isnet_general(), &Device::Cpu, DType::F32).map(Network::Is)
}

#[test]
fn u2netp_matches_the_reference() {
    let network = u2net_there("u2netp");
    check("u2netp", &network, &Config::u2net());
}

#[test]
#[ignore = "takes 10 s"]
fn u2net_matches_the_reference() {
    let network = u2net_there("u2net");
    check("u2net", &network, &Config::u2net());
}

#[test]
#[ignore = "takes 10 s"]
fn isnet_matches_the_reference() {
    let network = isnet_there("isnet");
    check("isnet", &network, &Config::isnet_general());
}

/// The convolutions of a stage, in the order they run in.
fn stage_layers(stage: &str, depth: usize) -> Vec<String> {
    let down = (1..=depth).map(|i| format!("{stage}.rebnconv{i}"));
    let up = (1..depth).rev().map(|i| format!("{stage}.rebnconv{i}d"));
    std::iter::once(format!("{stage}.rebnconvin"))
        .chain(down)
        .chain(up)
        .collect()
}

/// What an exporter makes of a checkpoint: normalisations folded into the
/// convolutions, these renamed, all but the sides.
fn folded(checkpoint: &Checkpoint) -> HashMap<String, Tensor> {
    let depths = [7, 6, 5, 4, 4, 4, 4, 4, 5, 6, 7];
    let stages = ["1", "2", "3", "4", "5", "6", "5d", "4d", "3d", "2d", "1d"];
    let layers = stages
        .iter()
        .zip(depths)
        .flat_map(|(stage, depth)| stage_layers(&format!("stage{stage}"), depth));
    let tensor = |name: String| checkpoint.tensor(&name, &Device::Cpu, DType::F64).unwrap();
    let mut tensors = HashMap::new();
    for (i, layer) in layers.enumerate() {
        let norm = |kind| tensor(format!("{layer}.bn_s1.{kind}"));
        let scale = (norm("weight") / (norm("running_var") + 1e-5).unwrap().sqrt().unwrap()).unwrap();
        let weight = tensor(format!("{layer}.conv_s1.weight"));
        let weight = weight
            .broadcast_mul(&scale.reshape(((), 1, 1, 1)).unwrap())
            .unwrap();
        let bias =
            ((tensor(format!("{layer}.conv_s1.bias")) - norm("running_mean")).unwrap() * scale).unwrap();
        let bias = (bias + norm("bias")).unwrap();
        for (kind, tensor) in [("weight", weight), ("bias", bias)] {
            tensors.insert(format!("Conv#{i}.{kind}"), tensor.to_dtype(DType::F32).unwrap());
        }
    }
    let count = tensors.len() / 2;
    for (i, side) in ["side1", "side2", "side3", "side4", "side5", "side6", "outconv"]
        .iter()
        .enumerate()
    {
        for kind in ["weight", "bias"] {
            let tensor = tensor(format!("{side}.{kind}")).to_dtype(DType::F32).unwrap();
            tensors.insert(format!("Conv#{}.{kind}", count + i), tensor);
        }
    }
    tensors
}

#[test]
fn folded_and_renamed_weights_are_the_same_network() {
    let published = pseudo::checkpoint("u2netp");
    let mut tensors = folded(&published);
    let input = pseudo::input("odd", (3, 45, 71), (-1.8, 1.8));
    let wanted = u2net(&published).unwrap().map(&input);
    assert_eq!(wanted.dim(), (45, 71));
    let found = u2net(&Checkpoint::from_tensors(tensors.clone()))
        .unwrap()
        .map(&input);
    let most = (&found - &wanted).iter().fold(0f32, |a, b| a.max(b.abs()));
    assert!(most < 1e-5, "{most}");

    let last = (0..)
        .find(|i| !tensors.contains_key(&format!("Conv#{i}.weight")))
        .unwrap();
    let extra = tensors["Conv#3.weight"].clone();
    tensors.insert(format!("Conv#{last}.weight"), extra);
    let text = match u2net(&Checkpoint::from_tensors(tensors)) {
        Err(Error::Checkpoint(text)) => text,
        other => panic!("{:?}", other.err()),
    };
    assert!(
        text.contains("113 convolutions") && text.contains("112"),
        "{text}"
    );
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let u = pseudo::checkpoint("u2netp");
    for result in [isnet(&u), u2net(&Checkpoint::from_tensors(HashMap::new()))] {
        assert!(matches!(result.err(), Some(Error::Checkpoint(_))));
    }
    let network = u2net(&u).unwrap();
    let empty = Tensor::zeros((1, 3, 0, 5), DType::F32, &Device::Cpu).unwrap();
    assert!(matches!(network.forward(&empty), Err(Error::Invalid(_))));
    let one = Tensor::zeros((1, 3, 1, 1), DType::F32, &Device::Cpu).unwrap();
    assert_eq!(network.map(&one).len_of(Axis(0)), 1);
}
