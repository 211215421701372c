//! Stereo eyes of a photograph-sized picture: `cargo bench --bench stereo`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Array3};
use rilievo::Monitor;
use rilievo::stereo::{Fill, StereoOptions, eyes};

/// A textured picture and a sloping ground with thirty discs standing on it.
fn scene(width: usize, height: usize) -> (Array3<u8>, Array2<u16>) {
    let image = Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
        (x * 7 + y * 13 + (x * y) % 251 + c * 40) as u8
    });
    let depth = Array2::from_shape_fn((height, width), |(y, x)| {
        let ground = 20000.0 * y as f64 / height as f64 + 8000.0 * (x as f64 / width as f64);
        (0..30).fold(ground, |nearest, i| {
            let unit = width as f64 / 40.0;
            let (cx, cy) = ((i * 17 % 40) as f64 * unit, (i * 11 % 23) as f64 * unit);
            let radius = (1 + i % 4) as f64 * unit;
            let inside = (x as f64 - cx).powi(2) + (y as f64 - cy).powi(2) < radius * radius;
            if inside {
                nearest.max(20000.0 + 1500.0 * i as f64)
            } else {
                nearest
            }
        }) as u16
    });
    (image, depth)
}

fn fills(c: &mut Criterion) {
    for (width, height) in [(1920, 1080), (3840, 2160)] {
        let (image, depth) = scene(width, height);
        let mut group = c.benchmark_group(format!("eyes {width}x{height}"));
        group.sample_size(10);
        for fill in Fill::ALL {
            let options = StereoOptions {
                fill,
                ..Default::default()
            };
            group.bench_function(fill.name(), |b| {
                b.iter(|| {
                    eyes(
                        black_box(image.view()),
                        depth.view(),
                        &options,
                        &Monitor::silent(),
                    )
                });
            });
        }
    }
}

criterion_group!(benches, fills);
criterion_main!(benches);
