//! The simple mesh and its files, at 1920x1080.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Array3};
use rilievo::Monitor;
use rilievo::surface::{SaveMesh, SimpleMeshOptions, simple_mesh};

fn meshes(criterion: &mut Criterion) {
    let (height, width) = (1080, 1920);
    let picture = Array3::from_shape_fn((height, width, 3), |(row, column, channel)| {
        let wave = ((row as f32 / 40.0).sin() + (column as f32 / 60.0).cos()) * 50.0 + 128.0;
        let grain = (row * 7 + column * 13 + channel * 5) % 9;
        wave as u8 + grain as u8
    });
    let depth = Array2::from_shape_fn((height, width), |(row, column)| {
        let near = (row / 270 + column / 240) % 2 == 0;
        2.0 + row as f32 / 1080.0 - if near { 0.5 } else { 0.0 }
    });
    let options = SimpleMeshOptions::default();
    let mut group = criterion.benchmark_group("surface 1920x1080");
    group.sample_size(10);
    let build = || simple_mesh(picture.view(), depth.view(), &options).expect("a good scene");
    group.bench_function("simple mesh", |bencher| bencher.iter(build));
    let mesh = build();
    let folder = tempfile::tempdir().expect("a folder for files");
    for name in ["mesh.obj", "mesh.glb", "mesh.ply"] {
        let path = folder.path().join(name);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                mesh.save(&path, &SaveMesh::default(), &Monitor::silent())
                    .expect("saved")
            });
        });
    }
}

criterion_group!(benches, meshes);
criterion_main!(benches);
