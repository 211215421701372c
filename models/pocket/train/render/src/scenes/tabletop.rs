//! Table-tops, shelves and still lifes: dense clutter at arm's length, often without a horizon.

use super::{Set, Stage, Stock, foreground, light, roll, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::model::Placed;
use crate::noise::fractal;
use crate::props::{at, figures, furniture, objects, plants, shift};
use crate::rng::Rng;
use glam::{Affine3A, EulerRot, Quat, Vec2, Vec3};
use std::f32::consts::TAU;

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    match rng.int(0, 10) {
        0..5 => still_life(rng, stock),
        5..9 => desk(rng, stock),
        _ => wall_of_shelves(rng, stock),
    }
}

/// Objects, panels and cloths arranged in depth before a backdrop, seen from the front.
fn still_life(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let size = rng.log_range(0.5, 1.6);
    // The far wall, a little turned, perhaps of several panels.
    let panels = rng.int(1, 4);
    for k in 0..panels {
        let stuff = *rng.pick(&[
            Stuff::Plain,
            Stuff::Cloth,
            Stuff::Picture,
            Stuff::Mottled,
            Stuff::Photo,
            Stuff::Masonry,
            Stuff::Pale,
            Stuff::Page,
        ]);
        let scale = size * rng.log_range(0.4, 3.0);
        let m = kit.stuff(rng, stuff, scale);
        let m = set.fixed.material(m);
        let first = k == 0;
        let half = if first {
            Vec3::new(4.0, 3.0, 0.02) * size
        } else {
            Vec3::new(rng.range(0.3, 1.0), rng.range(0.3, 1.2), 0.01) * size
        };
        let tilt = Affine3A::from_quat(Quat::from_euler(
            EulerRot::YXZ,
            rng.normal(0.0, 0.25),
            rng.normal(0.0, 0.1),
            rng.normal(0.0, 0.05),
        ));
        let place = if first {
            Vec3::Z * size * 0.75
        } else {
            Vec3::new(
                rng.normal(0.0, 0.7) * size,
                half.y * 0.9,
                size * rng.range(0.2, 0.7),
            )
        };
        if first && rng.chance(0.3) {
            folded(rng, &mut set, place, size, m);
        } else {
            set.fixed
                .mesh
                .cuboid(Affine3A::from_translation(place) * tilt, half, m);
        }
    }
    let top = *rng.pick(&[
        Stuff::Wood,
        Stuff::Plain,
        Stuff::Cloth,
        Stuff::Pale,
        Stuff::Photo,
        Stuff::Page,
    ]);
    let top = kit.stuff(rng, top, size);
    let top = set.fixed.material(top);
    set.fixed.mesh.quad(
        Vec3::new(-5.0, 0.0, 1.5) * size,
        Vec3::X * 10.0 * size,
        Vec3::NEG_Z * 4.0 * size,
        top,
    );
    let count = rng.int(5, 26);
    for _ in 0..count {
        let depth = rng.range(-0.7, 0.65) * size;
        let lift = if rng.chance(0.25) {
            rng.range(0.0, 0.5) * size
        } else {
            0.0
        };
        let place = at(
            Vec3::new(rng.normal(0.0, 0.5) * size, lift, depth),
            rng.range(0.0, TAU),
        );
        match rng.int(0, 9) {
            0..5 => {
                let thing = objects::any(rng, kit);
                let extent = thing.bounds().size().max_element().max(0.02);
                let wanted = size * rng.log_range(0.12, 0.6);
                set.add(&thing, place * Affine3A::from_scale(Vec3::splat(wanted / extent)));
            }
            5 => {
                // A board, box or sheet standing or lying anyhow.
                let m = kit.any(rng, size * 0.6);
                let m = set.fixed.material(m);
                let half = Vec3::new(
                    rng.log_range(0.02, 0.5),
                    rng.log_range(0.02, 0.6),
                    rng.log_range(0.005, 0.1),
                ) * size;
                let turn = Quat::from_euler(
                    EulerRot::YXZ,
                    rng.normal(0.0, 0.5),
                    rng.normal(0.0, 0.3),
                    rng.normal(0.0, 0.4),
                );
                set.fixed.mesh.cuboid(
                    place * shift(0.0, half.y * 0.9, 0.0) * Affine3A::from_quat(turn),
                    half,
                    m,
                );
            }
            6 => {
                // A rod, stick or cable.
                let m = kit.any(rng, 0.2);
                let m = set.fixed.material(m);
                let from: Vec3 = place.translation.into();
                let to = from + rng.direction() * Vec3::new(1.0, 1.0, 0.4) * size * rng.range(0.3, 1.2);
                let sag = rng.direction() * size * 0.15;
                let thick = size * rng.log_range(0.006, 0.03);
                let path: Vec<Vec3> = (0..9)
                    .map(|i| i as f32 / 8.0)
                    .map(|t| from.lerp(to, t) + sag * (t - t * t) * 4.0)
                    .collect();
                set.fixed.mesh.tube(&path, 6, m, |_| thick);
            }
            7 => {
                let plant = if rng.chance(0.6) {
                    plants::rosette(rng, kit, size * 0.6)
                } else {
                    plants::potted(rng, kit, size * 0.7)
                };
                set.add(&plant, place);
            }
            _ => {
                let figure = if rng.chance(0.5) {
                    figures::bust(rng, kit, 0.1)
                } else {
                    figures::animal(rng, kit)
                };
                let extent = figure.bounds().size().max_element().max(0.02);
                set.add(
                    &figure,
                    place * Affine3A::from_scale(Vec3::splat(size * rng.range(0.25, 0.7) / extent)),
                );
            }
        }
    }
    for _ in 0..if stock.library.models.is_empty() {
        0
    } else {
        rng.int(0, 4)
    } {
        let piece = rng.pick(&stock.library.models).clone();
        let extent = piece.bounds().size().max_element().max(0.02);
        let scale = Affine3A::from_scale(Vec3::splat(size * rng.range(0.3, 0.8) / extent));
        let spot = Vec3::new(rng.normal(0.0, 0.5) * size, 0.0, rng.range(-0.4, 0.6) * size);
        set.placed
            .push(Placed::new(piece, at(spot, rng.range(0.0, TAU)) * scale));
    }
    let (mut light, backdrop, _) = light::indoors(
        rng,
        kit,
        Vec3::new(-3.0, -0.6, -3.0) * size,
        Vec3::new(3.0, 2.5, 0.5) * size,
    );
    // The lamps above are sized for the room they hang in; keep them off the backdrop's far side.
    for lamp in &mut light.lamps {
        lamp.position.z = lamp.position.z.min(-0.3 * size);
    }
    light.occlusion_reach = 0.3 * size;
    let eye = Vec3::new(rng.normal(0.0, 0.25), rng.range(0.1, 0.9), -rng.range(1.3, 2.2)) * size;
    let target = Vec3::new(rng.normal(0.0, 0.1), rng.range(0.12, 0.5), 0.1) * size;
    foreground(rng, stock, &mut set, eye, target, false);
    let camera = move |rng: &mut Rng| {
        let place = eye + rng.direction() * 0.15 * size;
        let target = target + rng.direction() * 0.15 * size;
        Camera::look_at(place, target, roll(rng), rng.range(28.0, 58.0).to_radians())
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.08,
    }
}

/// A hanging cloth with folds as the far wall.
fn folded(rng: &mut Rng, set: &mut Set, place: Vec3, size: f32, material: u16) {
    let (seed, deep) = (rng.int(0, 1 << 30) as u32, size * rng.range(0.1, 0.5));
    let stretch = rng.range(0.05, 1.0);
    set.fixed.mesh.surface(60, 40, material, |u, v| {
        let n = fractal(Vec2::new(u, v * stretch), 6, 3, seed) - 0.5;
        let p = place + Vec3::new((u - 0.5) * 6.0 * size, (v - 0.3) * 4.0 * size, deep * n);
        (p, Vec2::new(u * 6.0, v * 4.0) * size)
    });
}

/// A covered table or the floor, seen from above at an angle.
fn desk(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let half = Vec2::new(rng.range(0.4, 1.0), rng.range(0.35, 0.6));
    let height = 0.74;
    let low = Vec3::new(-2.0, 0.0, -2.2);
    let high = Vec3::new(2.0, 2.6, rng.range(0.62, 2.5));
    let table = furniture::table(rng, kit, half, height);
    set.add(&table, Affine3A::IDENTITY);
    let count = rng.int(4, 22);
    furniture::lay(rng, kit, &mut set.fixed, half, height, count);
    if rng.chance(0.5) {
        let screen = objects::screen(rng, kit);
        set.add(
            &screen,
            at(
                Vec3::new(rng.normal(0.0, 0.2), height, half.y * 0.4),
                std::f32::consts::PI + rng.normal(0.0, 0.2),
            ),
        );
    }
    for _ in 0..rng.int(0, 4) {
        let chair = furniture::chair(rng, kit);
        let side = rng.sign();
        set.add(
            &chair,
            at(
                Vec3::new(rng.range(-1.0, 1.0) * half.x, 0.0, side * (half.y + 0.2)),
                if side > 0.0 { 3.1 } else { 0.0 } + rng.normal(0.0, 0.4),
            ),
        );
    }
    let (light, backdrop, night) = light::indoors(rng, kit, low, high);
    let room_half = Vec3::new(2.0, 1.3, (high.z - low.z) * 0.5);
    let mut room = Set::default();
    super::room::shell(rng, stock, &mut room, room_half, night);
    set.add(&room.fixed, shift(0.0, 0.0, (high.z + low.z) * 0.5));
    let angle = rng.normal(0.0, 0.7);
    let distance = rng.log_range(0.45, 1.3);
    let steep = rng.range(0.12, 1.35);
    let middle = Vec3::new(
        rng.normal(0.0, 0.3) * half.x,
        height + 0.05,
        rng.normal(0.0, 0.3) * half.y,
    );
    let away = Vec3::new(angle.sin() * steep.cos(), steep.sin(), -angle.cos() * steep.cos());
    let camera = move |rng: &mut Rng| {
        let eye = middle + (away + rng.direction() * 0.12) * distance;
        let target = middle + rng.direction() * 0.15;
        Camera::look_at(
            eye.clamp(low + 0.1, high - 0.1),
            target,
            roll(rng),
            view_angle(rng),
        )
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.2,
    }
}

/// Shelves or cupboards that fill the picture.
fn wall_of_shelves(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let mut room = Set::default();
    super::room::shell(rng, stock, &mut room, Vec3::new(3.0, 1.35, 1.5), false);
    set.add(&room.fixed, Affine3A::IDENTITY);
    let mut x = -2.5;
    while x < 2.2 {
        let piece = match rng.int(0, 4) {
            0 => furniture::cabinet(rng, kit),
            _ => furniture::shelf(rng, kit),
        };
        let size = piece.bounds().size();
        set.add(
            &piece,
            at(
                Vec3::new(x + size.x * 0.5, 0.0, 1.49 - size.z * 0.5),
                std::f32::consts::PI,
            ),
        );
        x += size.x + rng.range(0.0, 0.2);
    }
    for _ in 0..rng.int(0, 3) {
        let piece = furniture::any(rng, kit);
        set.add(
            &piece,
            at(
                Vec3::new(rng.range(-1.5, 1.5), 0.0, rng.range(-0.2, 0.7)),
                rng.range(0.0, TAU),
            ),
        );
    }
    let (light, backdrop, _) = light::indoors(rng, kit, Vec3::new(-3.0, 0.0, -1.5), Vec3::new(3.0, 2.7, 1.5));
    let eye = Vec3::new(rng.range(-1.5, 1.5), rng.range(0.5, 1.8), rng.range(-1.3, 0.5));
    let target = Vec3::new(eye.x + rng.normal(0.0, 0.6), rng.range(0.5, 1.7), 1.4);
    let camera = move |rng: &mut Rng| {
        let target = target + rng.direction() * 0.2;
        Camera::look_at(eye + rng.direction() * 0.15, target, roll(rng), view_angle(rng))
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.1,
    }
}
