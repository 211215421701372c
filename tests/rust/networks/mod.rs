//! Tests of the room `networks`.

mod depth_anything;
mod kit;

use candle_core::{Device, Tensor};
use ndarray::{Array1, Array2, Array3, s};
use rilievo::Monitor;
use rilievo::estimate::preprocess::{ChannelOrder, to_picture_size, to_tensor};
use rilievo::image::Size;
use rilievo::networks::DepthNetwork;

use crate::golden::{Golden, max_difference};

/// Largest difference from the reference, in its standard deviations. The
/// mildest mistake that can be seen moves a prediction by three times this;
/// the reference's own rounding errors are a seventh of it.
const TOLERANCE: f64 = 2e-4;

/// The prediction for one input, `[h, w]`.
fn predict(network: &dyn DepthNetwork, input: &Tensor) -> Array2<f32> {
    let y = network.forward(input, &Monitor::silent()).unwrap();
    let (_, h, w) = y.dims3().unwrap();
    let values = y.flatten_all().unwrap().to_vec1().unwrap();
    Array2::from_shape_vec((h, w), values).unwrap()
}

fn assert_close(what: &str, got: &Array2<f32>, golden: &mut Golden, want: &str, std: &str) {
    let want: Array2<f32> = golden.array(want);
    let std: Array1<f64> = golden.array(std);
    let error = max_difference(got, &want) / std[0];
    println!("{what}: {error:.1e} of the standard deviation");
    assert!(
        error <= TOLERANCE,
        "{what}: off by {error:.1e} of the standard deviation"
    );
}

/// Holds a network to the reference's recorded results: once on numbers fed
/// straight to the network, and along the whole way of two pictures.
fn assert_matches_reference(
    network: &dyn DepthNetwork,
    name: &str,
    direct: (usize, usize),
    order: ChannelOrder,
) {
    let mut golden = Golden::open(&format!("networks/{name}"));
    let input = kit::pseudo_input("direct", (3, direct.0, direct.1));
    let digest: Array1<u64> = golden.array("direct_digest");
    assert_eq!(kit::digest(&input), digest[0]);
    let input = Tensor::from_slice(
        input.as_slice().unwrap(),
        (1, 3, direct.0, direct.1),
        &Device::Cpu,
    )
    .unwrap();
    assert_close(
        &format!("{name}, direct"),
        &predict(network, &input),
        &mut golden,
        "direct_out",
        "direct_std",
    );

    for (i, picture) in kit::pictures().iter().enumerate() {
        let asked: Array1<i32> = golden.array(&format!("img{i}_net_size"));
        let asked = (asked[0] as usize, asked[1] as usize);
        let input = to_tensor(
            picture.view(),
            network.preprocessing(),
            asked,
            order,
            &Device::Cpu,
        )
        .unwrap();
        let shape: Array1<i32> = golden.array(&format!("img{i}_input_shape"));
        assert_eq!(
            input.dims()[1..],
            [shape[0] as usize, shape[1] as usize, shape[2] as usize]
        );
        let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let values = Array3::from_shape_vec((3, shape[1] as usize, shape[2] as usize), values).unwrap();
        let stride: Array1<i32> = golden.array(&format!("img{i}_input_stride"));
        let want: Array3<f32> = golden.array(&format!("img{i}_input"));
        let got = values.slice(s![.., ..;stride[0], ..;stride[0]]).to_owned();
        let error = max_difference(&got, &want);
        println!("{name}, input {i}: {error:.1e}");
        assert!(error <= 1e-4, "{name}, input {i}: off by {error:.1e}");

        let raw = predict(network, &input);
        let stride: Array1<i32> = golden.array(&format!("img{i}_raw_stride"));
        let got = raw.slice(s![..;stride[0], ..;stride[0]]).to_owned();
        let key = format!("img{i}_raw");
        assert_close(
            &format!("{name}, raw {i}"),
            &got,
            &mut golden,
            &key,
            &format!("{key}_std"),
        );

        let (height, width, _) = picture.dim();
        let size = Size { width, height };
        let last = to_picture_size(raw.view(), network.preprocessing(), size).unwrap();
        let got = last.slice(s![..;2, ..;2]).to_owned();
        let key = format!("img{i}_final");
        assert_close(
            &format!("{name}, final {i}"),
            &got,
            &mut golden,
            &key,
            &format!("{key}_std"),
        );
    }
}
