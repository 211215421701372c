//! MiDaS v2.1.

use candle_core::{DType, Device, Tensor};
use rilievo::networks::midas_v21::{Config, MidasV21};
use rilievo::networks::{DepthKind, Network};
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Place, Reference};

fn check(name: &str, config: &Config) {
    let Place { device, dtype } = pseudo::place();
    let network = MidasV21::load(&pseudo::checkpoint(name), config, device, *dtype).unwrap();
    assert_eq!(network.spec().kind, DepthKind::Inverse);
    let mut reference = Reference::open(name);
    reference.check_direct(&network);
    for picture in 0..2 {
        reference.check_picture(&network, picture, pseudo::ChannelOrder::Bgr);
    }
}

#[test]
fn small_matches_the_reference() {
    check("midas_v21_small", &Config::small());
}

#[test]
#[ignore = "takes 10 s"]
fn large_matches_the_reference() {
    check("midas_v21", &Config::large());
}

#[test]
fn stock_operations_in_double_precision_agree() {
    let checkpoint = pseudo::checkpoint("midas_v21_small");
    let input = pseudo::input("stock", (3, 64, 96), (-1.8, 1.8));
    let predict = |dtype| {
        let network = MidasV21::load(&checkpoint, &Config::small(), &Device::Cpu, dtype).unwrap();
        network.forward(&input, &Monitor::silent()).unwrap().depth
    };
    let (fused, stock) = (predict(DType::F32), predict(DType::F64));
    let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let largest = values(&stock).iter().fold(0f32, |a, b| a.max(b.abs()));
    for (a, b) in values(&fused).iter().zip(values(&stock)) {
        assert!((a - b).abs() < 1e-4 * largest, "{a} {b}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let checkpoint = pseudo::checkpoint("midas_v21_small");
    let load = |config| MidasV21::load(&checkpoint, &config, &Device::Cpu, DType::F32);
    let network = load(Config::small()).unwrap();
    for (h, w) in [(64, 60), (48, 64), (0, 32)] {
        let input = Tensor::zeros((1, 3, h, w), DType::F32, &Device::Cpu).unwrap();
        let error = network.forward(&input, &Monitor::silent()).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)));
        assert!(error.to_string().contains(&format!("{w} x {h}")), "{error}");
    }
    match load(Config::large()) {
        Err(Error::Checkpoint(text)) => assert!(text.contains("pretrained.layer1"), "{text}"),
        other => panic!("{:?}", other.err()),
    }
    let text = Config::named("tiny").unwrap_err().to_string();
    assert!(text.contains("large and small"), "{text}");
}
