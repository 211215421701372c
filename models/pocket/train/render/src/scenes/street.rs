//! Streets, squares and roads.

use super::{Set, Stage, Stock, foreground, light, roll, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::model::Placed;
use crate::props::{at, buildings, figures, plants, shift, vehicles};
use crate::rng::Rng;
use glam::{Vec2, Vec3};
use std::f32::consts::{PI, TAU};

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let road = rng.range(3.0, 8.0);
    let path = rng.range(0.0, 4.0);
    let (light, backdrop, _) = light::outdoors(rng, kit, 250.0);
    let stuff = if rng.chance(0.75) {
        Stuff::Ground
    } else {
        Stuff::Masonry
    };
    let asphalt = kit.stuff(rng, stuff, 3.0);
    let asphalt = set.fixed.material(asphalt);
    let stuff = if rng.chance(0.5) {
        Stuff::Ground
    } else {
        Stuff::Masonry
    };
    let verge = kit.stuff(rng, stuff, 2.0);
    let verge = set.fixed.material(verge);
    let line = kit.stuff(rng, Stuff::Pale, 1.0);
    let line = set.fixed.material(line);
    set.fixed.mesh.quad(
        Vec3::new(-300.0, -0.02, 400.0),
        Vec3::X * 600.0,
        Vec3::NEG_Z * 420.0,
        verge,
    );
    set.fixed.mesh.quad(
        Vec3::new(-road, 0.0, 400.0),
        Vec3::X * 2.0 * road,
        Vec3::NEG_Z * 420.0,
        asphalt,
    );
    for side in [-1.0, 1.0] {
        if path > 1.0 {
            set.fixed.mesh.cuboid(
                shift(side * (road + path * 0.5), 0.0, 190.0),
                Vec3::new(path * 0.5, 0.13, 210.0),
                verge,
            );
        }
    }
    if rng.chance(0.7) {
        for k in 0..30 {
            set.fixed.mesh.quad(
                Vec3::new(-0.08, 0.005, k as f32 * 6.0 + 3.0),
                Vec3::X * 0.16,
                Vec3::NEG_Z * 3.0,
                line,
            );
        }
    }
    sides(rng, stock, &mut set, road + path, 120.0);
    traffic(rng, stock, &mut set, road, path);
    let driving = rng.chance(0.6);
    let eye = if driving {
        Vec3::new(rng.range(-0.7, 0.7) * road, rng.range(1.2, 2.2), 0.0)
    } else {
        Vec3::new(
            rng.sign() * (road + path * rng.unit() - 0.5),
            if rng.chance(0.8) { 1.6 } else { rng.range(0.4, 9.0) },
            0.0,
        )
    };
    let target = eye
        + Vec3::new(
            rng.normal(0.0, if driving { 1.2 } else { 6.0 }),
            rng.normal(-0.5, 0.6),
            12.0,
        );
    foreground(rng, stock, &mut set, eye, eye + (target - eye) * 0.4, true);
    let up = if rng.chance(0.12) {
        rng.range(0.2, 1.2) * 12.0
    } else {
        0.0
    };
    let camera = move |rng: &mut Rng| {
        let target = target + rng.direction() * Vec3::new(1.5, 0.5, 0.0) + Vec3::Y * up;
        Camera::look_at(
            eye + rng.direction() * 0.15,
            target,
            roll(rng) * 0.7,
            view_angle(rng),
        )
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.04,
    }
}

/// Houses, fences, hedges and trees along both sides from `near` metres off the middle up to `length` metres.
pub fn sides(rng: &mut Rng, stock: Stock, set: &mut Set, near: f32, length: f32) {
    let kit = stock.kit;
    let trees: Vec<_> = (0..3).map(|_| plants::tree(rng, kit).build()).collect();
    for side in [-1.0, 1.0] {
        let facing = if side < 0.0 { PI / 2.0 } else { -PI / 2.0 };
        let dense = rng.unit();
        let setback = if rng.chance(0.5) { 0.0 } else { rng.range(0.0, 8.0) };
        let mut z = -8.0;
        while z < length {
            let width = rng.range(5.0, 18.0);
            if rng.chance(dense) {
                let depth = rng.range(6.0, 14.0);
                let house = buildings::house(rng, kit, width, depth);
                set.add(
                    &house,
                    at(
                        Vec3::new(
                            side * (near + setback + rng.range(0.0, 0.8)),
                            0.0,
                            z + width * 0.5,
                        ),
                        facing,
                    ),
                );
            } else if rng.chance(0.4) {
                let barrier = buildings::barrier(rng, kit, width);
                set.add(
                    &barrier,
                    at(Vec3::new(side * (near + 0.3), 0.0, z + width * 0.5), facing),
                );
            }
            if rng.chance(0.55) {
                let scale = rng.range(0.7, 1.4);
                let place = at(
                    Vec3::new(side * (near + rng.range(-0.8, 5.0 + setback)), 0.0, z),
                    rng.range(0.0, TAU),
                );
                let scaled = place * glam::Affine3A::from_scale(Vec3::splat(scale));
                set.placed.push(Placed::new(rng.pick(&trees).clone(), scaled));
            }
            if rng.chance(0.25) {
                let bush = plants::bush(rng, kit);
                set.add(
                    &bush,
                    at(
                        Vec3::new(
                            side * (near + rng.range(0.0, 2.0)),
                            0.0,
                            z + rng.range(0.0, width),
                        ),
                        0.0,
                    ),
                );
            }
            z += width + if rng.chance(0.3) { rng.range(0.5, 8.0) } else { 0.0 };
        }
    }
}

fn traffic(rng: &mut Rng, stock: Stock, set: &mut Set, road: f32, path: f32) {
    let kit = stock.kit;
    let cars: Vec<_> = (0..4).map(|_| vehicles::car(rng, kit).build()).collect();
    for _ in 0..rng.int(0, 14) {
        let side = rng.sign();
        let parked = rng.chance(0.6);
        let x = side
            * if parked {
                road - 1.1
            } else {
                road * rng.range(0.25, 0.5)
            };
        let z = rng.log_range(4.0, 70.0);
        let yaw = if side > 0.0 { PI } else { 0.0 }
            + rng.normal(0.0, 0.04)
            + if rng.chance(0.08) { 1.4 } else { 0.0 };
        set.placed.push(Placed::new(
            rng.pick(&cars).clone(),
            at(Vec3::new(x, 0.0, z), yaw),
        ));
    }
    let walks = Vec2::new(road - 0.5, road + path.max(1.0));
    for _ in 0..rng.int(0, 9) {
        let thing = match rng.int(0, 6) {
            0..3 => figures::person(rng, kit),
            3 => vehicles::bicycle(rng, kit),
            _ => vehicles::post(rng, kit),
        };
        let place = Vec3::new(
            rng.sign() * rng.range(walks.x, walks.y),
            0.0,
            rng.log_range(2.5, 40.0),
        );
        set.add(&thing, at(place, rng.range(0.0, TAU)));
    }
    if rng.chance(0.5) {
        let lamp = vehicles::post(rng, kit).build();
        let (side, step) = (rng.sign(), rng.range(8.0, 25.0));
        for k in 0..6 {
            let place = Vec3::new(side * (road + 0.3), 0.0, 3.0 + step * k as f32);
            set.placed.push(Placed::new(
                lamp.clone(),
                at(place, if side > 0.0 { PI } else { 0.0 }),
            ));
        }
    }
}
