//! Furnished rooms.

use super::{Set, Stage, Stock, foreground, light, roll, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::model::{Model, Placed};
use crate::props::{at, figures, furniture, shift};
use crate::rng::Rng;
use glam::{Affine3A, Vec2, Vec3};
use std::f32::consts::{PI, TAU};

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let half = Vec3::new(rng.range(1.3, 3.5), rng.range(1.15, 1.6), rng.range(1.4, 4.0));
    let mut set = Set::default();
    let (low, high) = (
        Vec3::new(-half.x, 0.0, -half.z),
        Vec3::new(half.x, 2.0 * half.y, half.z),
    );
    let (light, backdrop, night) = light::indoors(rng, stock.kit, low, high);
    shell(rng, stock, &mut set, half, night);
    let eye = Vec3::new(
        rng.range(-0.85, 0.85) * half.x,
        if rng.chance(0.75) {
            rng.normal(1.4, 0.2).clamp(0.8, 2.0)
        } else {
            rng.range(0.4, 2.1)
        },
        -half.z * rng.range(0.2, 0.95),
    );
    furnish(rng, stock, &mut set, half, eye);
    let target = Vec3::new(
        rng.range(-0.8, 0.8) * half.x,
        rng.range(0.2, 1.1),
        rng.range(0.0, 0.95) * half.z,
    );
    foreground(rng, stock, &mut set, eye, target, false);
    let camera = move |rng: &mut Rng| {
        let shake = rng.direction() * 0.3;
        let place = (eye + shake).clamp(low + 0.12, high - 0.12);
        let target = target + rng.direction() * half * 0.5;
        Camera::look_at(place, target, roll(rng), view_angle(rng))
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.1,
    }
}

/// Floor, ceiling, four walls and what hangs on them.
pub fn shell(rng: &mut Rng, stock: Stock, set: &mut Set, half: Vec3, night: bool) {
    let kit = stock.kit;
    let floor = *rng.pick(&[
        Stuff::Wood,
        Stuff::Wood,
        Stuff::Masonry,
        Stuff::Plain,
        Stuff::Cloth,
        Stuff::Mottled,
    ]);
    let floor = kit.stuff(rng, floor, 1.0);
    let floor = set.fixed.material(floor);
    let ceiling = kit.stuff(rng, Stuff::Pale, 2.0);
    let ceiling = set.fixed.material(ceiling);
    let common = wall_stuff(rng);
    let common = kit.stuff(rng, common, 1.2);
    let (x, y, z) = (half.x * 2.0, half.y * 2.0, half.z * 2.0);
    set.fixed.mesh.quad(
        Vec3::new(-half.x, 0.0, half.z),
        Vec3::X * x,
        Vec3::NEG_Z * z,
        floor,
    );
    set.fixed
        .mesh
        .quad(Vec3::new(-half.x, y, -half.z), Vec3::X * x, Vec3::Z * z, ceiling);
    let skirting = rng.chance(0.6).then(|| {
        let m = kit.stuff(rng, Stuff::Pale, 1.0);
        set.fixed.material(m)
    });
    for side in 0..4u8 {
        let turn = Affine3A::from_rotation_y(f32::from(side) * PI / 2.0);
        let (width, away) = if side.is_multiple_of(2) {
            (x, half.z)
        } else {
            (z, half.x)
        };
        let wall = if rng.chance(0.7) {
            common.clone()
        } else {
            let stuff = wall_stuff(rng);
            kit.stuff(rng, stuff, 1.2)
        };
        let wall = set.fixed.material(wall);
        // In the wall's own frame: x along it, z into the room.
        let place = turn * shift(0.0, 0.0, -away);
        let p = |x: f32, y: f32, z: f32| place.transform_point3(Vec3::new(x, y, z));
        let corner = p(-width * 0.5, 0.0, 0.0);
        set.fixed
            .mesh
            .quad(corner, p(width * 0.5, 0.0, 0.0) - corner, Vec3::Y * y, wall);
        if let Some(m) = skirting {
            set.fixed.mesh.cuboid(
                place * shift(0.0, 0.05, 0.008),
                Vec3::new(width * 0.5, 0.05, 0.01),
                m,
            );
        }
        let mut along = -width * 0.5 + 0.3;
        while along < width * 0.5 - 0.5 {
            let room_left = width * 0.5 - 0.2 - along;
            let (thing, taken, height) = match rng.int(0, 6) {
                0 => {
                    let h = Vec2::new(
                        (room_left * 0.5).min(rng.range(0.3, 1.1)),
                        rng.range(0.35, 0.8).min(half.y * 0.65),
                    );
                    (
                        furniture::window(rng, kit, h, night),
                        h.x * 2.0,
                        (half.y * 1.15).max(h.y + 0.5).min(y - h.y - 0.1),
                    )
                }
                1 => {
                    let h = Vec2::new((room_left * 0.5).min(0.45), 1.0);
                    (furniture::door(rng, kit, h), h.x * 2.0 + 0.1, 0.0)
                }
                2 | 3 => {
                    let h = Vec2::new(
                        (room_left * 0.5).min(rng.log_range(0.12, 0.7)),
                        rng.log_range(0.12, 0.6),
                    );
                    (
                        furniture::wall_picture(rng, kit, h),
                        h.x * 2.0,
                        rng.normal(1.5, 0.15).clamp(h.y + 0.1, y - h.y - 0.1),
                    )
                }
                _ => {
                    along += rng.range(0.3, 1.2);
                    continue;
                }
            };
            set.add(&thing, place * shift(along + taken * 0.5, height, 0.001));
            along += taken + rng.range(0.15, 0.8);
        }
    }
    if rng.chance(0.35) {
        let rug = kit.stuff(rng, Stuff::Cloth, 1.2);
        let rug = set.fixed.material(rug);
        let (w, d) = (half.x * rng.range(0.3, 0.8), half.z * rng.range(0.25, 0.7));
        set.fixed.mesh.cuboid(
            shift(rng.normal(0.0, 0.3), 0.006, rng.normal(0.0, 0.5)),
            Vec3::new(w, 0.006, d),
            rug,
        );
    }
}

fn wall_stuff(rng: &mut Rng) -> Stuff {
    *rng.pick(&[
        Stuff::Pale,
        Stuff::Pale,
        Stuff::Pale,
        Stuff::Plain,
        Stuff::Cloth,
        Stuff::Masonry,
        Stuff::Wood,
        Stuff::Mottled,
    ])
}

/// Small things on top of a piece of furniture, wherever it is high there.
fn clutter(rng: &mut Rng, stock: Stock, set: &mut Set, piece: &Model, place: Affine3A) {
    let bounds = piece.bounds();
    if bounds.max.y > 1.4 || !rng.chance(0.5) {
        return;
    }
    for _ in 0..rng.int(1, 6) {
        let (x, z) = (
            rng.range(bounds.min.x, bounds.max.x) * 0.85,
            rng.range(bounds.min.z, bounds.max.z) * 0.85,
        );
        if let Some(y) = piece.height_at(x, z).filter(|y| *y > 0.2) {
            let thing = crate::props::objects::any(rng, stock.kit);
            let turn = at(Vec3::new(x, y, z), rng.range(0.0, TAU));
            set.add(&thing, place * turn);
        }
    }
}

/// A worktop with cupboards below and above, along one of the walls.
fn counter(rng: &mut Rng, stock: Stock, set: &mut Set, half: Vec3) {
    let kit = stock.kit;
    let side = rng.int(0, 4);
    let (away, along) = if side.is_multiple_of(2) {
        (half.z, half.x)
    } else {
        (half.x, half.z)
    };
    let place = Affine3A::from_rotation_y(side as f32 * PI / 2.0) * shift(0.0, 0.0, -away);
    let stuff = *rng.pick(&[Stuff::Wood, Stuff::Pale, Stuff::Plain]);
    let body = kit.stuff(rng, stuff, 0.7);
    let body = set.fixed.material(body);
    let stuff = *rng.pick(&[Stuff::Plain, Stuff::Pale, Stuff::Mottled, Stuff::Wood]);
    let top = kit.stuff(rng, stuff, 0.8);
    let top = set.fixed.material(top);
    let metal = kit.paint(rng, Vec3::splat(0.6));
    let metal = set.fixed.material(metal);
    let (deep, high) = (rng.range(0.27, 0.34), rng.range(0.8, 0.95));
    let (above, tall) = (rng.range(1.35, 1.55), rng.range(0.3, 0.8).min(half.y * 2.0 - 1.6));
    let end = along * rng.range(0.2, 1.0);
    let mut x = -along * rng.range(0.2, 1.0);
    while x < end {
        let w = rng.range(0.18, 0.5);
        let front = |b: &mut Set, y: f32, h: f32, z: f32| {
            let mesh = &mut b.fixed.mesh;
            mesh.cuboid(place * shift(x + w, y, z * 0.5), Vec3::new(w, h, z * 0.5), body);
            mesh.cuboid(
                place * shift(x + w, y, z + 0.008),
                Vec3::new(w - 0.01, h - 0.01, 0.01),
                body,
            );
            mesh.cuboid(
                place * shift(x + w * 1.7, y + h * 0.5, z + 0.03),
                Vec3::new(0.01, 0.05, 0.012),
                metal,
            );
        };
        front(set, high * 0.5, high * 0.5, deep * 2.0);
        if rng.chance(0.6) {
            front(set, above + tall * 0.5, tall * 0.5, deep);
        }
        set.fixed.mesh.cuboid(
            place * shift(x + w, high + 0.02, deep + 0.01),
            Vec3::new(w, 0.02, deep + 0.02),
            top,
        );
        if rng.chance(0.6) {
            for _ in 0..rng.int(1, 4) {
                let thing = crate::props::objects::any(rng, kit);
                let spot = Vec3::new(
                    x + w * rng.range(0.2, 1.8),
                    high + 0.04,
                    deep * rng.range(0.3, 1.7),
                );
                set.add(&thing, place * at(spot, rng.range(0.0, TAU)));
            }
        }
        x += w * 2.0;
    }
}

/// Puts furniture along the walls and in the middle, keeping the camera at `eye` free.
fn furnish(rng: &mut Rng, stock: Stock, set: &mut Set, half: Vec3, eye: Vec3) {
    let mut taken: Vec<(Vec2, f32)> = vec![(Vec2::new(eye.x, eye.z), 0.25)];
    if rng.chance(0.25) {
        for _ in 0..rng.int(1, 3) {
            counter(rng, stock, set, half);
        }
    }
    let count = rng.int(10, 50);
    for _ in 0..count {
        let from_library = !stock.library.models.is_empty() && rng.chance(0.6);
        let (model, size) = if from_library {
            let piece = rng.pick(&stock.library.models);
            (Err(piece), piece.bounds().size())
        } else {
            let built = if rng.chance(0.04) {
                figures::person(rng, stock.kit)
            } else {
                furniture::any(rng, stock.kit)
            };
            let size = built.bounds().size();
            (Ok(built), size)
        };
        if size.max_element() > 2.6 || size.y < 0.05 {
            continue;
        }
        let radius = size.x.max(size.z) * 0.4;
        let (position, yaw) = if rng.chance(0.65) {
            let side = rng.int(0, 4);
            let gap = size.z * 0.5 + rng.range(0.02, 0.12);
            let (away, along) = if side.is_multiple_of(2) {
                (half.z - gap, half.x)
            } else {
                (half.x - gap, half.z)
            };
            let yaw = side as f32 * PI / 2.0;
            let offset = Vec3::new(rng.range(-1.0, 1.0) * (along - size.x * 0.5).max(0.0), 0.0, -away);
            (Affine3A::from_rotation_y(yaw).transform_point3(offset), yaw)
        } else {
            let spread = (half - Vec3::splat(radius)).max(Vec3::ZERO);
            (
                Vec3::new(
                    rng.range(-1.0, 1.0) * spread.x,
                    0.0,
                    rng.range(-1.0, 1.0) * spread.z,
                ),
                rng.range(0.0, TAU),
            )
        };
        let spot = Vec2::new(position.x, position.z);
        if taken.iter().any(|(p, r)| p.distance(spot) < (r + radius) * 0.85) {
            continue;
        }
        taken.push((spot, radius));
        match model {
            Ok(built) => set.add(&built, at(position, yaw)),
            Err(piece) => {
                clutter(rng, stock, set, piece, at(position, yaw));
                set.placed.push(Placed::new(piece.clone(), at(position, yaw)));
            }
        }
    }
    if rng.chance(0.35) {
        // Hanging lamp.
        let lamp = furniture::table_lamp(rng, stock.kit);
        let top = lamp.bounds().max.y;
        let place = Vec3::new(
            rng.normal(0.0, half.x * 0.3),
            2.0 * half.y - rng.range(0.2, 0.9) - top,
            rng.normal(0.0, half.z * 0.3),
        );
        set.add(&lamp, Affine3A::from_translation(place));
    }
    if rng.chance(0.5) {
        // Small things on the floor.
        for _ in 0..rng.int(1, 7) {
            let thing = crate::props::objects::any(rng, stock.kit);
            let place = Vec3::new(rng.range(-0.9, 0.9) * half.x, 0.0, rng.range(-0.9, 0.9) * half.z);
            set.add(&thing, at(place, rng.range(0.0, TAU)));
        }
    }
}
