//! One or a few things seen from very near, the rest far behind.

use super::{Set, Stage, Stock, light, roll};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::props::{at, figures, objects, plants};
use crate::rng::Rng;
use glam::{Affine3A, Vec3};
use std::f32::consts::TAU;

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let stuff = *rng.pick(&[
        Stuff::Wood,
        Stuff::Cloth,
        Stuff::Plain,
        Stuff::Ground,
        Stuff::Mottled,
    ]);
    let top = kit.stuff(rng, stuff, 0.5);
    let top = set.fixed.material(top);
    set.fixed
        .mesh
        .quad(Vec3::new(-6.0, 0.0, 4.0), Vec3::X * 12.0, Vec3::NEG_Z * 8.0, top);
    let outdoors = rng.chance(0.4);
    for k in 0..rng.int(1, 7) {
        let thing = match rng.int(0, 8) {
            0 => plants::rosette(rng, kit, 0.4),
            1 => plants::potted(rng, kit, 0.4),
            2 => figures::animal(rng, kit),
            3 => plants::blades(rng, kit, 0.2, 60),
            _ => objects::any(rng, kit),
        };
        let extent = thing.bounds().size().max_element().max(0.02);
        let scale = Affine3A::from_scale(Vec3::splat(rng.range(0.15, 0.4) / extent));
        let spot = if k == 0 {
            Vec3::ZERO
        } else {
            Vec3::new(rng.normal(0.0, 0.35), 0.0, rng.range(-0.2, 1.8))
        };
        set.add(&thing, at(spot, rng.range(0.0, TAU)) * scale);
    }
    if rng.chance(0.6) {
        let wall = kit.any(rng, 2.0);
        let wall = set.fixed.material(wall);
        let away = rng.log_range(0.6, 4.0);
        set.fixed
            .mesh
            .quad(Vec3::new(-9.0, 0.0, away), Vec3::X * 18.0, Vec3::Y * 6.0, wall);
    }
    let (light, backdrop) = if outdoors {
        let (l, b, _) = light::outdoors(rng, kit, 400.0);
        (l, b)
    } else {
        let (mut l, b, _) = light::indoors(rng, kit, Vec3::new(-2.0, 0.0, -2.0), Vec3::new(2.0, 2.5, 0.5));
        l.occlusion_reach = 0.15;
        (l, b)
    };
    let (distance, steep) = (rng.log_range(0.22, 0.75), rng.range(0.02, 1.2));
    let camera = move |rng: &mut Rng| {
        let turn = rng.normal(0.0, 0.4);
        let away = Vec3::new(turn.sin() * steep.cos(), steep.sin(), -turn.cos() * steep.cos());
        let target = Vec3::new(rng.normal(0.0, 0.05), rng.range(0.03, 0.2), rng.normal(0.0, 0.05));
        Camera::look_at(
            target + away * distance,
            target,
            roll(rng),
            rng.range(30.0, 65.0).to_radians(),
        )
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.6,
    }
}
