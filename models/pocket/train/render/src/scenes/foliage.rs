//! Meadows, hedges and woods from within: leaves and blades near the camera.

use super::{Set, Stage, Stock, light, roll, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::model::Placed;
use crate::props::{at, plants};
use crate::rng::Rng;
use glam::{Affine3A, Vec3};
use std::f32::consts::TAU;

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let (light, backdrop, _) = light::outdoors(rng, kit, 80.0);
    let ground = kit.stuff(rng, Stuff::Ground, 1.0);
    let ground = set.fixed.material(ground);
    set.fixed.mesh.quad(
        Vec3::new(-120.0, 0.0, 120.0),
        Vec3::X * 240.0,
        Vec3::NEG_Z * 140.0,
        ground,
    );
    let wood = rng.chance(0.5);
    let trees: Vec<_> = (0..4).map(|_| plants::tree(rng, kit).build()).collect();
    for _ in 0..if wood { rng.int(15, 60) } else { rng.int(0, 10) } {
        let away = rng.log_range(if wood { 2.0 } else { 6.0 }, 60.0);
        let place = at(
            Vec3::new(rng.range(-0.9, 0.9) * away, 0.0, away),
            rng.range(0.0, TAU),
        );
        set.placed.push(Placed::new(
            rng.pick(&trees).clone(),
            place * Affine3A::from_scale(Vec3::splat(rng.range(0.7, 1.8))),
        ));
    }
    let low: Vec<_> = (0..5)
        .map(|k| match k {
            0 => plants::rosette(rng, kit, 0.5),
            1 => plants::bush(rng, kit),
            2 => plants::rock(rng, kit),
            _ => plants::tufts(rng, kit, 0.5),
        })
        .map(|b| b.build())
        .collect();
    for _ in 0..rng.int(20, 160) {
        let away = rng.log_range(0.8, 25.0);
        let place = at(
            Vec3::new(rng.range(-0.8, 0.8) * away, 0.0, away),
            rng.range(0.0, TAU),
        );
        set.placed.push(Placed::new(
            rng.pick(&low).clone(),
            place * Affine3A::from_scale(Vec3::splat(rng.log_range(0.4, 1.6))),
        ));
    }
    let meadow = rng.chance(0.6);
    if meadow {
        let count = rng.int(200, 900);
        let blades = plants::blades(rng, kit, 1.6, count);
        set.add(&blades, Affine3A::from_translation(Vec3::Z * 1.8));
    }
    let eye = Vec3::Y
        * if meadow {
            rng.range(0.2, 1.2)
        } else {
            rng.range(0.5, 2.0)
        };
    let target = eye + Vec3::new(0.0, rng.normal(-1.0, 1.0), 5.0);
    let camera = move |rng: &mut Rng| {
        let target = target + rng.direction() * Vec3::new(1.5, 0.4, 0.0);
        Camera::look_at(eye, target, roll(rng), view_angle(rng))
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.3,
    }
}
