//! Things arranged for a long lens: the picture is full of them, the backdrop is close, no horizon is seen, and
//! what is low need not be near.

use super::{Set, Stage, Stock, light, roll};
use crate::camera::Camera;
use crate::kit::{Kit, Stuff};
use crate::model::{Builder, Placed};
use crate::noise::fractal;
use crate::props::{at, figures, objects, plants};
use crate::rng::Rng;
use glam::{Affine3A, EulerRot, Quat, Vec2, Vec3};
use std::f32::consts::TAU;

/// The picture shows about one metre around the origin; the camera looks along +z.
pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    backdrop(rng, kit, &mut set);
    match rng.int(0, 10) {
        0..2 => drape(rng, kit, &mut set),
        2..4 => rows(rng, stock, &mut set),
        4..6 => slabs(rng, kit, &mut set),
        6 => pile(rng, stock, &mut set),
        _ => few_large(rng, stock, &mut set),
    }
    if rng.chance(0.3) {
        sticks(rng, kit, &mut set);
    }
    if rng.chance(0.12) {
        let lattice = kit.once(rng, Stuff::Lattice);
        let lattice = set.fixed.material(lattice);
        let (w, h) = (rng.range(0.3, 1.2), rng.range(0.3, 1.0));
        let corner = Vec3::new(rng.range(-0.7, 0.3), rng.range(-0.4, 0.2), rng.range(-0.1, 0.5));
        let lean = Vec3::new(0.0, 1.0, rng.normal(0.0, 0.2)) * h;
        set.fixed.mesh.picture(
            corner,
            Vec3::new(1.0, rng.normal(0.0, 0.1), rng.normal(0.0, 0.3)) * w,
            lean,
            lattice,
        );
    }
    let (mut light, sky, _) = light::indoors(rng, kit, Vec3::new(-2.0, -1.0, -3.0), Vec3::new(2.0, 2.0, 0.3));
    // Lamps hang in front of the backdrop.
    for lamp in &mut light.lamps {
        lamp.position.z = lamp.position.z.min(-0.4);
    }
    light.occlusion_reach = rng.range(0.1, 0.4);
    let (distance, width) = (rng.log_range(1.1, 3.2), rng.range(0.75, 1.35));
    let (side, lift) = (rng.normal(0.0, 0.15), rng.normal(0.15, 0.15));
    let camera = move |rng: &mut Rng| {
        let target = rng.direction() * Vec3::new(0.15, 0.12, 0.0);
        let eye = Vec3::new(
            side * distance + rng.normal(0.0, 0.08),
            lift * distance + rng.normal(0.0, 0.06),
            -distance,
        );
        Camera::look_at(eye, target, roll(rng), 2.0 * (width * 0.5 / distance).atan())
    };
    Stage {
        scene: set.finish(light, sky),
        camera: Box::new(camera),
        blur: 0.08,
    }
}

/// A wall, panels or a hanging cloth close behind everything.
fn backdrop(rng: &mut Rng, kit: &Kit, set: &mut Set) {
    for k in 0..rng.int(1, 4) {
        let stuff = *rng.pick(&[
            Stuff::Plain,
            Stuff::Pale,
            Stuff::Cloth,
            Stuff::Picture,
            Stuff::Photo,
            Stuff::Page,
            Stuff::Wood,
            Stuff::Mottled,
        ]);
        let scale = rng.log_range(0.15, 1.5);
        let m = kit.stuff(rng, stuff, scale);
        let m = set.fixed.material(m);
        let away = rng.range(0.45, 1.1);
        if k == 0 && rng.chance(0.35) {
            let deep = rng.log_range(0.05, 0.4);
            folds(rng, set, Vec3::new(0.0, 0.0, away), deep, m);
            continue;
        }
        let (half, place) = if k == 0 {
            (Vec3::new(4.0, 3.0, 0.01), Vec3::Z * away)
        } else {
            let half = Vec3::new(rng.range(0.2, 0.7), rng.range(0.2, 0.7), 0.01);
            (
                half,
                Vec3::new(
                    rng.normal(0.0, 0.5),
                    rng.normal(0.0, 0.4),
                    away * rng.range(0.5, 0.95),
                ),
            )
        };
        let turn = Quat::from_euler(
            EulerRot::YXZ,
            rng.normal(0.0, 0.22),
            rng.normal(0.08, 0.12),
            rng.normal(0.0, 0.04),
        );
        set.fixed
            .mesh
            .cuboid(Affine3A::from_rotation_translation(turn, place), half, m);
    }
}

/// A cloth that fills the picture, with folds `deep` metres deep.
fn folds(rng: &mut Rng, set: &mut Set, place: Vec3, deep: f32, material: u16) {
    let seed = rng.int(0, 1 << 30) as u32;
    let (wide, high) = (rng.range(0.3, 1.0), rng.range(0.05, 1.0));
    // Cloth that hangs and ends on the table comes nearer below.
    let (slope, shift) = (rng.range(-0.1, 0.5), rng.normal(0.0, 0.4));
    let base = rng.int(3, 9) as i32;
    set.fixed.mesh.surface(96, 72, material, |u, v| {
        let n = fractal(Vec2::new(u * wide, v * high), base, 3, seed) - 0.5;
        let (x, y) = ((u - 0.5) * 4.0, (v - 0.5) * 3.0);
        let run = ((-y - 0.1).max(0.0) * slope).min(0.8) + shift * x.max(0.0) * 0.3;
        (
            place + Vec3::new(x, y, deep * 2.0 * n - run),
            Vec2::new(u * 4.0, v * 3.0),
        )
    });
}

/// Heaped cloths, perhaps with something between them.
fn drape(rng: &mut Rng, kit: &Kit, set: &mut Set) {
    for _ in 0..rng.int(1, 4) {
        let stuff = *rng.pick(&[
            Stuff::Cloth,
            Stuff::Cloth,
            Stuff::Plain,
            Stuff::Mottled,
            Stuff::Photo,
        ]);
        let scale = rng.log_range(0.15, 0.8);
        let m = kit.stuff(rng, stuff, scale);
        let m = set.fixed.material(m);
        let seed = rng.int(0, 1 << 30) as u32;
        let centre = Vec3::new(rng.normal(0.0, 0.4), rng.range(-0.9, -0.1), rng.range(-0.1, 0.4));
        let half = Vec3::new(rng.range(0.25, 0.8), rng.range(0.3, 0.8), rng.range(0.15, 0.5));
        let deep = rng.range(0.05, 0.3);
        let base = rng.int(3, 8) as i32;
        set.fixed.mesh.surface(72, 48, m, |u, v| {
            // The front half of an egg, its radius wrinkled.
            let (a, b) = ((u - 0.5) * 3.6, (v - 0.5) * 2.8);
            let n = 1.0 + deep * (2.0 * fractal(Vec2::new(u, v), base, 3, seed) - 1.0);
            let out = Vec3::new(a.sin() * b.cos(), b.sin(), -a.cos() * b.cos());
            (
                centre + out * half * n,
                Vec2::new(u * 3.6 * half.x, v * 2.8 * half.y),
            )
        });
    }
    for _ in 0..rng.int(0, 4) {
        let place = Vec3::new(rng.normal(0.0, 0.4), rng.range(-0.5, 0.2), rng.range(-0.2, 0.4));
        thing(rng, kit, set, place, 0.15, 0.5);
    }
}

/// The same few things again and again, in rows upon each other.
fn rows(rng: &mut Rng, stock: Stock, set: &mut Set) {
    let kit = stock.kit;
    let kinds: Vec<Builder> = (0..rng.int(1, 4)).map(|_| any(rng, kit)).collect();
    let count = rng.int(2, 5);
    let height = 1.1 / count as f32;
    let lean = rng.range(-0.1, 0.35);
    for row in 0..count {
        let y = row as f32 * height - 0.55;
        let mut x = -0.9;
        while x < 0.9 {
            let piece = rng.pick(&kinds);
            let size = piece.bounds().size();
            let scale = height * rng.range(0.7, 1.05) / size.y.max(size.x * 0.5).max(0.01);
            let z = lean * row as f32 * height + rng.normal(0.1, 0.06);
            let flip = if rng.chance(0.25) {
                Affine3A::from_rotation_x(std::f32::consts::PI)
                    * Affine3A::from_translation(Vec3::NEG_Y * size.y)
            } else {
                Affine3A::IDENTITY
            };
            set.add(
                piece,
                at(Vec3::new(x, y, z), rng.range(0.0, TAU)) * Affine3A::from_scale(Vec3::splat(scale)) * flip,
            );
            x += size.x.max(0.02) * scale * rng.range(0.7, 1.2);
        }
    }
}

/// Boards, boxes and sheets before each other.
fn slabs(rng: &mut Rng, kit: &Kit, set: &mut Set) {
    let nearer_below = rng.chance(0.6);
    for _ in 0..rng.int(4, 16) {
        let m = if rng.chance(0.5) {
            kit.stuff(rng, Stuff::Plain, 1.0)
        } else {
            kit.any(rng, 0.6)
        };
        let m = set.fixed.material(m);
        let z = rng.range(-0.35, 0.7);
        let plank = rng.chance(0.3);
        let half = if plank {
            Vec3::new(rng.range(0.4, 1.2), rng.range(0.02, 0.2), rng.range(0.01, 0.06))
        } else {
            Vec3::new(
                rng.range(0.06, 0.4),
                rng.range(0.06, 0.45),
                rng.log_range(0.005, 0.12),
            )
        };
        let y = if nearer_below {
            z * 0.7 - 0.35 + rng.normal(0.0, 0.15)
        } else {
            rng.normal(-0.05, 0.35)
        };
        let askew = if rng.chance(0.3) { 0.4 } else { 0.03 };
        let turn = Quat::from_euler(
            EulerRot::YXZ,
            rng.normal(0.0, 0.4),
            rng.normal(0.0, 0.2),
            rng.normal(0.0, askew),
        );
        let place = Vec3::new(rng.normal(0.0, 0.4), y, z);
        set.fixed
            .mesh
            .cuboid(Affine3A::from_rotation_translation(turn, place), half, m);
    }
    for _ in 0..rng.int(0, 5) {
        let place = Vec3::new(rng.normal(0.0, 0.4), rng.range(-0.4, 0.1), rng.range(-0.3, 0.4));
        thing(rng, kit, set, place, 0.12, 0.4);
    }
}

/// A heap of similar things that leans against the backdrop.
fn pile(rng: &mut Rng, stock: Stock, set: &mut Set) {
    let kit = stock.kit;
    let stones = rng.chance(0.5);
    let slope = rng.range(0.0, 0.6);
    for _ in 0..rng.int(14, 45) {
        let y = rng.range(-0.75, 0.65);
        let place = Vec3::new(rng.range(-0.9, 0.9), y, 0.2 + slope * y + rng.normal(0.0, 0.07));
        let piece = if stones {
            plants::rock(rng, kit)
        } else {
            objects::any(rng, kit)
        };
        put(rng, set, &piece, place, 0.15, 0.45, true);
    }
}

/// A few things that are large in the picture, on a table or on nothing that is seen.
fn few_large(rng: &mut Rng, stock: Stock, set: &mut Set) {
    let kit = stock.kit;
    let top = rng.range(-0.6, -0.2);
    if rng.chance(0.75) {
        let stuff = *rng.pick(&[Stuff::Plain, Stuff::Wood, Stuff::Cloth, Stuff::Pale, Stuff::Photo]);
        let m = kit.stuff(rng, stuff, 0.7);
        let m = set.fixed.material(m);
        set.fixed
            .mesh
            .quad(Vec3::new(-4.0, top, 1.5), Vec3::X * 8.0, Vec3::NEG_Z * 2.2, m);
    }
    for _ in 0..rng.int(2, 10) {
        let place = Vec3::new(rng.normal(0.0, 0.35), top, rng.range(-0.5, 0.45));
        if rng.chance(0.2) && !stock.library.models.is_empty() {
            let piece = rng.pick(&stock.library.models).clone();
            let extent = piece.bounds().size().max_element().max(0.02);
            let scale = Affine3A::from_scale(Vec3::splat(rng.range(0.3, 0.9) / extent));
            set.placed
                .push(Placed::new(piece, at(place, rng.range(0.0, TAU)) * scale));
        } else {
            thing(rng, kit, set, place, 0.2, 0.9);
        }
    }
}

/// Rods, wires and brushes that stand or hang anywhere.
fn sticks(rng: &mut Rng, kit: &Kit, set: &mut Set) {
    for _ in 0..rng.int(1, 9) {
        let m = kit.any(rng, 0.2);
        let m = set.fixed.material(m);
        let from = Vec3::new(rng.normal(0.0, 0.4), rng.normal(-0.2, 0.3), rng.range(-0.3, 0.4));
        let to = from + rng.direction() * Vec3::new(0.6, 1.0, 0.3) * rng.range(0.3, 0.9);
        let sag = rng.direction() * rng.range(0.0, 0.2);
        let thick = rng.log_range(0.004, 0.025);
        let path: Vec<Vec3> = (0..9)
            .map(|i| i as f32 / 8.0)
            .map(|t| from.lerp(to, t) + sag * (t - t * t) * 4.0)
            .collect();
        set.fixed.mesh.tube(&path, 6, m, |_| thick);
    }
}

fn any(rng: &mut Rng, kit: &Kit) -> Builder {
    match rng.int(0, 10) {
        0 => plants::rosette(rng, kit, 0.6),
        1 => plants::potted(rng, kit, 0.7),
        2 => figures::bust(rng, kit, 0.1),
        3 => figures::animal(rng, kit),
        4 => plants::rock(rng, kit),
        5 => objects::turned(rng, kit),
        _ => objects::any(rng, kit),
    }
}

/// Something of `least` to `most` metres at `place`.
fn thing(rng: &mut Rng, kit: &Kit, set: &mut Set, place: Vec3, least: f32, most: f32) {
    let piece = any(rng, kit);
    put(rng, set, &piece, place, least, most, false);
}

fn put(rng: &mut Rng, set: &mut Set, piece: &Builder, place: Vec3, least: f32, most: f32, tumbled: bool) {
    let size = piece.bounds().size().max_element().max(0.02);
    let scale = Affine3A::from_scale(Vec3::splat(rng.log_range(least, most) / size));
    let turn = if tumbled {
        Affine3A::from_rotation_translation(
            Quat::from_euler(
                EulerRot::YXZ,
                rng.range(0.0, TAU),
                rng.range(0.0, TAU),
                rng.range(0.0, TAU),
            ),
            place,
        )
    } else {
        at(place, rng.range(0.0, TAU))
    };
    set.add(piece, turn * scale);
}
