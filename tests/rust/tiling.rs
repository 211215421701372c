//! Depth of pictures that tile.

use candle_core::{DType, Device, Tensor};
use ndarray::{Array2, Array3, Axis, concatenate, s};
use rilievo::estimate::{EstimateOptions, Estimator, preprocess, tiling};
use rilievo::image::Size;
use rilievo::networks::dpt::{Backbone, Dpt};
use rilievo::networks::leres::LeReS;
use rilievo::networks::midas_v21::{Config, MidasV21};
use rilievo::networks::{self, DepthNetwork, Network};
use rilievo::run::{DeviceChoice, Precision};
use rilievo::weights::{Weights, catalog};
use rilievo::{Monitor, Result};

use crate::networks_vit::tiny;
use crate::pseudo;

/// A picture on a torus: waves of different lengths in both directions.
fn picture(height: usize, width: usize) -> Array3<u8> {
    let turn = |at: usize, side: usize| std::f32::consts::TAU * at as f32 / side as f32;
    Array3::from_shape_fn((height, width, 3), |(y, x, channel)| {
        let (y, x) = (turn(y, height), turn(x, width));
        let wave = (2.0 * x + y).sin() + (3.0 * y - x).cos() + (x + 2.0 * channel as f32).sin();
        (127.0 + 40.0 * wave) as u8
    })
}

fn predict(network: &DepthNetwork, input: &Tensor) -> Tensor {
    network.forward(input, &Monitor::silent()).unwrap().depth
}

/// How far a prediction for a moved picture is from the moved prediction, in standard deviations.
fn slip(network: &DepthNetwork, (height, width): (usize, usize), by: usize) -> f32 {
    let input = pseudo::input("torus", (3, height, width), (-1.8, 1.8));
    let still = predict(network, &input);
    // A prediction may be smaller than its input.
    let step = by * still.dim(1).unwrap() / height;
    let moved = input.roll(by as i32, 2).unwrap().roll(by as i32, 3).unwrap();
    let moved = predict(network, &moved);
    let still = still.roll(step as i32, 1).unwrap().roll(step as i32, 2).unwrap();
    let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (still, moved) = (values(&still), values(&moved));
    let mean = still.iter().sum::<f32>() / still.len() as f32;
    let std = (still.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / still.len() as f32).sqrt();
    still
        .iter()
        .zip(&moved)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
        / std
}

#[test]
fn a_network_that_wraps_around_cannot_tell_where_a_picture_begins() {
    let checkpoint = pseudo::checkpoint("midas_v21_small");
    let weights = Weights::new(&checkpoint, &Device::Cpu, DType::F32);
    let load = |tiling| MidasV21::new(&weights.clone().with_tiling(tiling), &Config::small()).unwrap();
    let (wraps, ends) = (load(true), load(false));
    assert!(wraps.spec().tiles && !ends.spec().tiles);
    let (wrapped, ended) = (slip(&wraps, (96, 128), 32), slip(&ends, (96, 128), 32));
    println!("midas_v21_small: {wrapped:.1e} of the standard deviation, {ended:.1e} without tiling");
    assert!(wrapped < 1e-4 && ended > 0.1, "{wrapped} {ended}");

    let entry = catalog::find("pocket").unwrap();
    let pocket = |tiling| -> Box<DepthNetwork> {
        networks::load(entry, None, &Device::Cpu, DType::F32, tiling).unwrap()
    };
    let multiple = pocket(true).spec().preprocessing.multiple;
    let size = (4 * multiple, 6 * multiple);
    let (wrapped, ended) = (
        slip(&*pocket(true), size, multiple),
        slip(&*pocket(false), size, multiple),
    );
    println!("pocket: {wrapped:.1e} of the standard deviation, {ended:.1e} without tiling");
    assert!(wrapped < 1e-4 && ended > 0.01, "{wrapped} {ended}");
}

#[test]
#[ignore = "takes 20 s"]
fn res_nexts_wrap_around_too() {
    let checkpoint = pseudo::checkpoint("res101");
    let weights = Weights::new(&checkpoint, &Device::Cpu, DType::F32);
    let network = LeReS::new(&weights.with_tiling(true)).unwrap();
    let wrapped = slip(&network, (96, 96), 32);
    println!("res101: {wrapped:.1e} of the standard deviation");
    assert!(wrapped < 1e-3, "{wrapped}");
}

#[test]
fn wrapping_by_stock_operations_is_the_same() {
    let checkpoint = pseudo::checkpoint("midas_v21_small");
    let input = pseudo::input("torus", (3, 64, 96), (-1.8, 1.8));
    let values = |dtype| {
        let weights = Weights::new(&checkpoint, &Device::Cpu, dtype).with_tiling(true);
        let output = predict(&MidasV21::new(&weights, &Config::small()).unwrap(), &input);
        output.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let (fused, stock) = (values(DType::F32), values(DType::F64));
    let largest = stock.iter().fold(0f32, |a, b| a.max(b.abs()));
    for (a, b) in fused.iter().zip(&stock) {
        assert!((a - b).abs() < 1e-4 * largest, "{a} {b}");
    }
}

/// The change of depth from the last row or column to the first, beside the change between
/// neighbours within: about 1 where there is no seam. Measured on four tiles.
fn seam(depth: &Array2<f32>) -> f32 {
    let wide = concatenate![Axis(1), depth.view(), depth.view()];
    let tiles = concatenate![Axis(0), wide.view(), wide.view()];
    let (height, width) = depth.dim();
    let change = |a: ndarray::ArrayView1<'_, f32>, b: ndarray::ArrayView1<'_, f32>| {
        (&a - &b).mapv(f32::abs).mean().unwrap()
    };
    let of_columns = |x: usize| change(tiles.column(x), tiles.column(x + 1));
    let of_rows = |y: usize| change(tiles.row(y), tiles.row(y + 1));
    let within = |changes: Vec<f32>| changes.iter().sum::<f32>() / changes.len() as f32;
    let columns = of_columns(width - 1) / within((0..width - 1).map(of_columns).collect());
    let rows = of_rows(height - 1) / within((0..height - 1).map(of_rows).collect());
    columns.max(rows)
}

#[test]
fn four_tiles_of_depth_have_no_seam() {
    let picture = picture(120, 168);
    let entry = catalog::find("pocket").unwrap();
    for refine in [false, true] {
        let settings = EstimateOptions {
            refine: Some(refine),
            ..EstimateOptions::default()
        };
        let depth = |tiling| {
            let estimator = Estimator::open(entry, None, DeviceChoice::Cpu, Precision::F32, tiling).unwrap();
            let depth = estimator.estimate(picture.view(), &settings, &Monitor::silent());
            depth.unwrap().values().to_owned()
        };
        let (tiled, plain) = (seam(&depth(true)), seam(&depth(false)));
        println!("pocket, refine {refine}: seam {tiled:.2}, {plain:.2} without tiling");
        assert!(tiled < 2.0 && plain > 2.0 * tiled, "{refine}: {tiled} {plain}");
    }
}

#[test]
fn a_transformer_sees_a_frame_of_the_opposite_sides() {
    let config = tiny::config(Backbone::Vit);
    let network = Dpt::load(&tiny::dpt(&config), &config, &Device::Cpu, DType::F32).unwrap();
    let run = |picture: ndarray::ArrayView3<'_, u8>, asked| -> Result<Array2<f32>> {
        let (height, width, _) = picture.dim();
        let spec = &network.spec().preprocessing;
        let input = preprocess::to_tensor(picture, spec, asked, &Device::Cpu)?;
        let output = predict(&network, &input).squeeze(0)?.to_vec2::<f32>()?;
        let output = Array2::from_shape_fn((output.len(), output[0].len()), |(y, x)| output[y][x]);
        preprocess::to_picture_size(output.view(), spec, Size { width, height })
    };
    let picture = picture(96, 128);
    let framed = tiling::framed(picture.view(), (128, 96), run).unwrap();
    let plain = run(picture.view(), (128, 96)).unwrap();
    let (tiled, plain) = (seam(&framed), seam(&plain));
    println!("a tiny DPT: seam {tiled:.2}, {plain:.2} without tiling");
    assert_eq!(framed.dim(), (96, 128));
    assert!(tiled < 2.0 && tiled < plain, "{tiled} {plain}");
    // Pictures too small to have a frame.
    for size in [(1, 1), (1, 9), (3, 2)] {
        let small = picture.slice(s![..size.0, ..size.1, ..]);
        assert_eq!(tiling::framed(small, (32, 32), run).unwrap().dim(), size);
    }
}

#[test]
fn transformers_are_not_asked_to_wrap_around() {
    let entry = catalog::find("pocket").unwrap();
    let loaded = |tiling| -> Box<DepthNetwork> {
        networks::load(entry, None, &Device::Cpu, DType::F32, tiling).unwrap()
    };
    assert!(loaded(true).spec().tiles && !loaded(false).spec().tiles);
    let config = tiny::config(Backbone::Beit);
    let checkpoint = tiny::dpt(&config);
    let weights = Weights::new(&checkpoint, &Device::Cpu, DType::F32).with_tiling(false);
    assert!(!Dpt::new(&weights, &config).unwrap().spec().tiles);
}
