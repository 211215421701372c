//! Hills, trees, rocks and meadows under the sky.

use super::{Set, Stage, Stock, foreground, light, roll, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::model::Placed;
use crate::noise::fractal;
use crate::props::{at, buildings, figures, plants};
use crate::rng::Rng;
use glam::{Affine3A, Vec2, Vec3};
use std::f32::consts::TAU;

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let reach = rng.log_range(60.0, 900.0);
    let (light, backdrop, _) = light::outdoors(rng, kit, reach * 1.2);
    let (seed, relief, base) = (
        rng.int(0, 1 << 30) as u32,
        reach * rng.log_range(0.01, 0.25),
        rng.int(2, 7) as i32,
    );
    let ground = *rng.pick(&[Stuff::Ground, Stuff::Ground, Stuff::Photo, Stuff::Mottled]);
    let ground = kit.stuff(rng, ground, reach * 0.02);
    let ground = set.fixed.material(ground);
    // Finer towards the camera; flat around it.
    let height = move |x: f32, z: f32| {
        let n = fractal(Vec2::new(x, z) / (2.0 * reach) + 0.5, base, 6, seed) - 0.5;
        let near = 1.0 - (-(x * x + z * z) / (reach * reach * 0.02)).exp();
        n * relief * near + 0.01 * (x * x + z * z) / reach * near * bowl(seed)
    };
    set.fixed.mesh.surface(90, 90, ground, |u, v| {
        let spread = |t: f32| (t * 2.0 - 1.0).powi(3) * 0.7 + (t * 2.0 - 1.0) * 0.3;
        let (x, z) = (spread(u) * reach, -spread(v) * reach);
        (Vec3::new(x, height(x, z), z), Vec2::new(x, z))
    });
    if rng.chance(0.2) {
        let mut water = kit.stuff(rng, Stuff::Plain, 30.0);
        water.tint = Vec3::new(0.25, 0.4, 0.5) * rng.range(0.4, 1.5);
        water.gloss = 0.5;
        let water = set.fixed.material(water);
        let level = -relief * rng.range(0.02, 0.2);
        set.fixed.mesh.quad(
            Vec3::new(-reach, level, reach),
            Vec3::X * 2.0 * reach,
            Vec3::NEG_Z * 2.0 * reach,
            water,
        );
    }
    let trees: Vec<_> = (0..4).map(|_| plants::tree(rng, kit).build()).collect();
    let rocks: Vec<_> = (0..3).map(|_| plants::rock(rng, kit).build()).collect();
    let tufts: Vec<_> = (0..2).map(|_| plants::tufts(rng, kit, 0.4).build()).collect();
    let scatter = |rng: &mut Rng,
                   set: &mut Set,
                   models: &[std::sync::Arc<crate::model::Model>],
                   count: usize,
                   near: f32,
                   far: f32,
                   size: (f32, f32)| {
        for _ in 0..count {
            let (a, r) = (rng.normal(0.0, 0.6), rng.log_range(near, far));
            let (x, z) = (a.sin() * r, a.cos() * r);
            let scale = Affine3A::from_scale(Vec3::splat(rng.log_range(size.0, size.1)));
            set.placed.push(Placed::new(
                rng.pick(models).clone(),
                at(Vec3::new(x, height(x, z) - 0.05, z), rng.range(0.0, TAU)) * scale,
            ));
        }
    };
    let (many, some) = (rng.int(0, 90), rng.int(0, 30));
    scatter(rng, &mut set, &trees, many, 5.0, reach * 0.8, (0.6, 1.6));
    scatter(rng, &mut set, &rocks, some, 2.0, reach * 0.3, (0.2, 4.0));
    if rng.chance(0.6) {
        let count = rng.int(20, 160);
        scatter(rng, &mut set, &tufts, count, 1.0, 14.0, (0.4, 2.0));
    }
    for _ in 0..rng.int(0, 4) {
        let (x, z) = (rng.normal(0.0, 0.2) * reach, rng.range(0.1, 0.6) * reach);
        let thing = match rng.int(0, 3) {
            0 => {
                let (w, d) = (rng.range(6.0, 15.0), rng.range(6.0, 12.0));
                buildings::house(rng, kit, w, d)
            }
            1 => figures::animal(rng, kit),
            _ => figures::person(rng, kit),
        };
        let (x, z) = if thing.bounds().size().y < 2.5 {
            (x / reach * 30.0, z / reach * 30.0 + 2.0)
        } else {
            (x, z)
        };
        set.add(&thing, at(Vec3::new(x, height(x, z), z), rng.range(0.0, TAU)));
    }
    let eye = Vec3::Y * (height(0.0, 0.0) + rng.log_range(0.5, 4.0));
    let target = eye + Vec3::new(0.0, rng.normal(-0.8, 0.8), 8.0);
    foreground(rng, stock, &mut set, eye, eye + (target - eye) * 0.5, true);
    let camera = move |rng: &mut Rng| {
        let target = target + rng.direction() * Vec3::new(3.0, 0.4, 0.0);
        Camera::look_at(eye, target, roll(rng), view_angle(rng))
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.05,
    }
}

/// How much the land rises towards its rim, from the terrain's seed: -1 (a hilltop) to 3 (a valley).
fn bowl(seed: u32) -> f32 {
    (seed % 1000) as f32 / 250.0 - 1.0
}
