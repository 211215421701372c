//! One training pair: draw a scene, find a camera that sees something, render, develop.

use crate::camera::Camera;
use crate::model::Scene;
use crate::post;
use crate::render;
use crate::rng::Rng;
use crate::scenes::{Kind, Stage, Stock};
use image::RgbImage;

/// A picture with its exact inverse z-depth (1/m, 0 for sky), row by row.
pub struct Pair {
    pub picture: RgbImage,
    pub inverse_depth: Vec<f32>,
}

/// Pictures made of each scene before the next one is built.
const VIEWS: usize = 2;

/// Makes `count` pairs of `width` x `height`; of every kind if `kind` is none.
pub fn pairs(
    rng: &mut Rng,
    stock: Stock,
    kind: Option<Kind>,
    count: usize,
    (width, height): (usize, usize),
) -> Vec<Pair> {
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let mut rng = rng.fork();
        let kind = kind.unwrap_or_else(|| Kind::draw(&mut rng));
        let kit = stock.kit.in_mood(&mut rng);
        let stage = kind.build(&mut rng, Stock { kit: &kit, ..stock });
        for _ in 0..VIEWS.min(count - made.len()) {
            let camera = find_camera(&stage, &mut rng, width, height);
            let frame = render::render(&stage.scene, &camera, width, height, &mut rng);
            let picture = post::develop(&frame, stage.blur, &mut rng);
            made.push(Pair {
                picture,
                inverse_depth: frame.inverse_depth,
            });
        }
    }
    made
}

/// Draws cameras until one sees a scene with depth in it, for at most a dozen tries.
fn find_camera(stage: &Stage, rng: &mut Rng, width: usize, height: usize) -> Camera {
    let mut best = (f32::NEG_INFINITY, None);
    for _ in 0..12 {
        let camera = (stage.camera)(rng);
        let worth = worth(&stage.scene, &camera, width, height);
        if worth > best.0 {
            best = (worth, Some(camera));
        }
        if worth > 0.0 {
            break;
        }
    }
    best.1.unwrap_or_else(|| (stage.camera)(rng))
}

/// How worthwhile a view is: positive if it shows a range of depths, not only sky, and
/// nothing right before the lens.
fn worth(scene: &Scene, camera: &Camera, width: usize, height: usize) -> f32 {
    const GRID: (usize, usize) = (12, 9);
    let mut seen: Vec<f32> = (0..GRID.0 * GRID.1)
        .map(|k| {
            let (i, j) = (k % GRID.0, k / GRID.0);
            let x = (i as f32 + 0.5) / GRID.0 as f32 * width as f32;
            let y = (j as f32 + 0.5) / GRID.1 as f32 * height as f32;
            scene
                .hit(camera.ray(x, y, width, height), f32::INFINITY)
                .map_or(0.0, |h| h.t.recip())
        })
        .collect();
    seen.sort_by(f32::total_cmp);
    let n = seen.len();
    let sky = seen.iter().filter(|v| **v == 0.0).count() as f32 / n as f32;
    let (far, near) = (seen[n / 10], seen[n * 9 / 10]);
    let spread = (near - far) / near.max(1e-6);
    // Inverse depth of the middle against that of the nearest part: small when something on the lens leaves all
    // the rest flat.
    let balance = if sky < 0.3 {
        seen[n / 2] / seen[n * 19 / 20].max(1e-6)
    } else {
        1.0
    };
    (spread - 0.22).min(0.75 - sky).min(balance - 0.16)
}
