//! LeReS.

use candle_core::{DType, Device, Tensor};
use rilievo::estimate::preprocess;
use rilievo::image::Size;
use rilievo::networks::leres::LeReS;
use rilievo::networks::{DepthKind, Network};
use rilievo::weights::Checkpoint;
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Place, Reference};

fn load(checkpoint: &Checkpoint) -> LeReS {
    LeReS::load(checkpoint, &Device::Cpu, DType::F32).unwrap()
}

#[test]
#[ignore = "takes 10 s"]
fn matches_the_reference() {
    let Place { device, dtype } = pseudo::place();
    let network = LeReS::load(&pseudo::checkpoint("res101"), device, *dtype).unwrap();
    assert_eq!(network.spec().kind, DepthKind::Depth);
    let mut reference = Reference::open("res101");
    reference.check_direct(&network);
    for picture in 0..2 {
        reference.check_picture(&network, picture, pseudo::ChannelOrder::Rgb);
    }
}

#[test]
#[ignore = "takes 10 s"]
fn the_outer_prefix_may_be_missing_and_sizes_are_checked() {
    let short =
        pseudo::checkpoint("res101").renamed(|name| name.strip_prefix("depth_model.").map(str::to_owned));
    let network = load(&short);
    let input = Tensor::zeros((1, 3, 64, 70), DType::F32, &Device::Cpu).unwrap();
    let error = network.forward(&input, &Monitor::silent()).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let picture = Size {
        width: 40,
        height: 30,
    };
    let size = preprocess::input_size(picture, &network.spec().preprocessing, (450, 70));
    assert_eq!((size.width, size.height), (448, 64));
}
