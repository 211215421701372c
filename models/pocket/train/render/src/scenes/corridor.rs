//! Corridors, halls and arcades: long rooms with something along their walls.

use super::{Set, Stage, Stock, light, roll, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::props::{at, figures, furniture, shift};
use crate::rng::Rng;
use glam::Vec3;
use std::f32::consts::{PI, TAU};

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let half = Vec3::new(rng.range(0.8, 3.0), rng.range(1.15, 2.2), rng.range(4.0, 14.0));
    let (low, high) = (
        Vec3::new(-half.x, 0.0, -half.z),
        Vec3::new(half.x, half.y * 2.0, half.z),
    );
    let (mut light, backdrop, night) = light::indoors(rng, kit, low, high);
    light.above *= 1.6;
    light.below *= 1.6;
    super::room::shell(rng, stock, &mut set, half, night);
    let columns = rng.chance(0.4);
    let stuff = if rng.chance(0.5) {
        Stuff::Masonry
    } else {
        Stuff::Pale
    };
    let stone = kit.stuff(rng, stuff, 1.0);
    let stone = set.fixed.material(stone);
    let step = rng.range(1.5, 4.0);
    let mut z = -half.z + step;
    while z < half.z {
        for side in [-1.0, 1.0] {
            if columns {
                let r = half.x * rng.range(0.06, 0.1);
                set.fixed
                    .mesh
                    .cylinder(shift(side * half.x * 0.72, 0.0, z), r, half.y * 2.0, 14, stone);
            }
            if rng.chance(0.4) {
                let piece = furniture::any(rng, kit);
                let depth = piece.bounds().size().z;
                let turn = if side < 0.0 { PI / 2.0 } else { -PI / 2.0 };
                set.add(&piece, at(Vec3::new(side * (half.x - depth * 0.5), 0.0, z), turn));
            }
        }
        if rng.chance(0.5) {
            set.fixed.mesh.cuboid(
                shift(0.0, half.y * 2.0 - 0.1, z),
                Vec3::new(half.x, 0.1, 0.12),
                stone,
            );
        }
        z += step;
    }
    for _ in 0..rng.int(0, 5) {
        let person = figures::person(rng, kit);
        let place = Vec3::new(
            rng.range(-0.6, 0.6) * half.x,
            0.0,
            -half.z + rng.log_range(2.0, half.z * 1.8),
        );
        set.add(&person, at(place, rng.range(0.0, TAU)));
    }
    let eye = Vec3::new(
        rng.range(-0.6, 0.6) * half.x,
        rng.range(0.7, 1.8),
        -half.z + rng.range(0.3, 1.5),
    );
    let camera = move |rng: &mut Rng| {
        let target = eye + Vec3::new(rng.normal(0.0, 1.5), rng.normal(-0.4, 0.6), 6.0);
        Camera::look_at(eye, target, roll(rng), view_angle(rng))
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.05,
    }
}
