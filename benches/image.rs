//! Resizing, filters, depth conversion, normal and heat maps at 1920x1080.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Array3};
use rilievo::depth::{ClipMode, ClipOptions, DepthKind, DepthMap};
use rilievo::image::{Size, filter, resize};
use rilievo::surface::{HeatMapOptions, NormalMapOptions, heat_map, normal_map};

const FULL: Size = Size {
    width: 1920,
    height: 1080,
};
const NET: Size = Size {
    width: 924,
    height: 518,
};

/// Waves with detail at every scale.
fn wave(y: usize, x: usize) -> f32 {
    let (x, y) = (x as f32, y as f32);
    0.5 + 0.3 * (x / 170.0).sin() * (y / 90.0).cos() + 0.1 * (x / 7.0 + y / 11.0).sin()
}

fn resizing(c: &mut Criterion) {
    let full = Array2::from_shape_fn((FULL.height, FULL.width), |(y, x)| wave(y, x));
    let net = Array2::from_shape_fn((NET.height, NET.width), |(y, x)| wave(y, x));
    let picture = Array3::from_shape_fn((FULL.height, FULL.width, 3), |(y, x, c)| {
        (wave(y, x + 50 * c) * 255.0) as u8
    });
    let float_picture = picture.mapv(f32::from);
    let mut group = c.benchmark_group("resize");
    group.bench_function("opencv_cubic f32 up", |b| {
        b.iter(|| resize::opencv_cubic(black_box(net.view()), FULL))
    });
    group.bench_function("opencv_cubic f32 [H, W, 3] down", |b| {
        b.iter(|| resize::opencv_cubic(black_box(float_picture.view()), NET))
    });
    group.bench_function("torch_bilinear f32 up", |b| {
        b.iter(|| resize::torch_bilinear(black_box(net.view()), FULL, true))
    });
    group.bench_function("opencv_area u8 [H, W, 3] down", |b| {
        b.iter(|| resize::opencv_area(black_box(picture.view()), NET))
    });
    group.bench_function("pillow_bicubic u8 [H, W, 3] down", |b| {
        b.iter(|| resize::pillow_bicubic(black_box(picture.view()), NET))
    });
    group.bench_function("pillow_lanczos f32 down", |b| {
        b.iter(|| resize::pillow_lanczos(black_box(full.view()), NET))
    });
    group.finish();
}

fn filters(c: &mut Criterion) {
    let full = Array2::from_shape_fn((FULL.height, FULL.width), |(y, x)| f64::from(wave(y, x)));
    let mut group = c.benchmark_group("filter");
    group.bench_function("gaussian_blur f64 5", |b| {
        b.iter(|| filter::gaussian_blur(black_box(full.view()), 5, 5.0))
    });
    group.bench_function("gaussian_blur f64 31", |b| {
        b.iter(|| filter::gaussian_blur(black_box(full.view()), 31, 31.0))
    });
    group.bench_function("sobel f64 3", |b| {
        b.iter(|| filter::sobel(black_box(full.view()), 3))
    });
    group.finish();
}

fn depth(c: &mut Criterion) {
    let values = Array2::from_shape_fn((FULL.height, FULL.width), |(y, x)| wave(y, x));
    let map = DepthMap::new(values, DepthKind::Inverse);
    let depth = map.to_u16(None).unwrap_or_default();
    let mut group = c.benchmark_group("depth");
    group.bench_function("nearness", |b| b.iter(|| black_box(&map).nearness()));
    group.bench_function("to_u16", |b| b.iter(|| black_box(&map).to_u16(None)));
    group.bench_function("to_u16, outliers", |b| {
        let clip = ClipOptions {
            mode: ClipMode::Outliers,
            far: 0.02,
            near: 0.98,
        };
        b.iter(|| black_box(&map).to_u16(Some(clip)))
    });
    group.bench_function("normal_map", |b| {
        b.iter(|| normal_map(black_box(depth.view()), &NormalMapOptions::default()))
    });
    group.bench_function("normal_map 31 31 31", |b| {
        let options = NormalMapOptions {
            pre_blur: true,
            pre_blur_kernel: 31,
            sobel_kernel: 31,
            post_blur: true,
            post_blur_kernel: 31,
            ..Default::default()
        };
        b.iter(|| normal_map(black_box(depth.view()), &options))
    });
    group.bench_function("heat_map", |b| {
        b.iter(|| heat_map(black_box(depth.view()), &HeatMapOptions::default()))
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = resizing, filters, depth
}
criterion_main!(benches);
