//! Vehicles and street furniture.

use super::shift;
use crate::kit::{Kit, Stuff};
use crate::model::Builder;
use crate::patterns::colour;
use crate::rng::Rng;
use glam::{Affine3A, Quat, Vec2, Vec3};
use std::f32::consts::{PI, TAU};

/// Car, van, lorry or bus; its front faces +z.
pub fn car(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let c = colour(rng);
    let mut paint = kit.paint(rng, c);
    paint.gloss = rng.range(0.2, 0.8);
    let paint = b.material(paint);
    let mut glass = kit.stuff(rng, Stuff::Plain, 2.0);
    glass.tint = Vec3::splat(rng.range(0.02, 0.2));
    glass.gloss = 0.5;
    let glass = b.material(glass);
    let dark = kit.paint(rng, Vec3::splat(0.1));
    let dark = b.material(dark);
    let mut lamp = kit.paint(rng, Vec3::new(0.95, 0.95, 0.85));
    lamp.glow = if rng.chance(0.3) { 1.5 } else { 0.0 };
    let lamp = b.material(lamp);
    let c = Vec3::new(0.8, 0.1, 0.08);
    let tail = kit.paint(rng, c);
    let tail = b.material(tail);
    let tall = rng.chance(0.22);
    let (w, l) = (
        rng.range(0.8, 0.95),
        if tall {
            rng.range(2.2, 4.8)
        } else {
            rng.range(1.8, 2.3)
        },
    );
    let wheel = if tall { 0.42 } else { 0.32 };
    let edge = Vec2::new(0.25, 0.18);
    if tall {
        let h = rng.range(0.85, 1.45);
        b.mesh.superellipsoid(
            shift(0.0, h + 0.35, 0.0),
            Vec3::new(w * 1.15, h, l),
            Vec2::splat(0.12),
            10,
            paint,
        );
        b.mesh.superellipsoid(
            shift(0.0, h * 1.35 + 0.35, 0.03),
            Vec3::new(w * 1.16, h * 0.3, l * 0.995),
            Vec2::splat(0.12),
            10,
            glass,
        );
    } else {
        let waist = rng.range(0.62, 0.75);
        b.mesh.superellipsoid(
            shift(0.0, waist * 0.5 + 0.2, 0.0),
            Vec3::new(w, waist * 0.5, l),
            edge,
            12,
            paint,
        );
        let (front, back, roof) = (
            l * rng.range(0.3, 0.5),
            -l * rng.range(0.6, 0.95),
            waist + 0.2 + rng.range(0.45, 0.7),
        );
        // The cabin: a frustum of glass with a painted roof.
        for (k, m, low, high, inset) in [
            (0, glass, waist + 0.12, roof - 0.03, 0.0),
            (1, paint, roof - 0.04, roof, 0.93),
        ] {
            b.mesh.surface(4, 1, m, |u, v| {
                let corner = ((u * 4.0).round() as usize) % 4;
                let t = if k == 1 { inset + (1.0 - inset) * v } else { v };
                let x = w * (0.93 - 0.2 * t) * if corner == 0 || corner == 3 { -1.0 } else { 1.0 };
                let z = if corner < 2 {
                    front - 0.55 * t
                } else {
                    back + 0.4 * t
                };
                (Vec3::new(x, low + (high - low) * v, z), Vec2::new(u, v))
            });
        }
        let (x, z0, z1) = (w * 0.73, back + 0.4, front - 0.55);
        b.mesh.quad(
            Vec3::new(-x, roof, z1),
            Vec3::X * 2.0 * x,
            Vec3::NEG_Z * (z1 - z0),
            paint,
        );
    }
    for (x, z) in [(-1.0, -0.62), (1.0, -0.62), (-1.0, 0.62), (1.0, 0.62)] {
        let axle = Affine3A::from_rotation_translation(
            Quat::from_rotation_z(PI / 2.0),
            Vec3::new(x * w * 0.93 + 0.11, wheel, z * l),
        );
        b.mesh.cylinder(axle, wheel, 0.22, 14, dark);
    }
    for side in [-1.0, 1.0] {
        b.mesh.ellipsoid(
            shift(side * w * 0.72, 0.6, l * 0.97),
            Vec3::new(0.16, 0.08, 0.07),
            6,
            lamp,
        );
        b.mesh.ellipsoid(
            shift(side * w * 0.75, 0.66, -l * 0.97),
            Vec3::new(0.14, 0.08, 0.07),
            6,
            tail,
        );
    }
    b.mesh
        .cuboid(shift(0.0, 0.4, l * 0.98), Vec3::new(0.26, 0.06, 0.03), lamp);
    b.mesh
        .cuboid(shift(0.0, 0.42, -l * 0.98), Vec3::new(0.26, 0.06, 0.03), lamp);
    b
}

/// A bicycle, seen along z.
pub fn bicycle(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let c = colour(rng);
    let frame = kit.paint(rng, c);
    let frame = b.material(frame);
    let dark = kit.paint(rng, Vec3::splat(0.1));
    let dark = b.material(dark);
    for z in [-0.52, 0.52] {
        let rim: Vec<Vec3> = (0..=20)
            .map(|i| TAU * i as f32 / 20.0)
            .map(|a| Vec3::new(0.0, 0.34 + a.sin() * 0.33, z + a.cos() * 0.33))
            .collect();
        b.mesh.tube(&rim, 5, dark, |_| 0.02);
    }
    let p = |y: f32, z: f32| Vec3::new(0.0, y, z);
    for (from, to) in [
        (p(0.34, -0.52), p(0.3, -0.08)),
        (p(0.34, -0.52), p(0.8, -0.15)),
        (p(0.3, -0.08), p(0.85, -0.17)),
        (p(0.3, -0.08), p(0.75, 0.35)),
        (p(0.78, -0.14), p(0.8, 0.36)),
        (p(0.34, 0.52), p(0.95, 0.33)),
    ] {
        b.mesh.tube(&[from, to], 6, frame, |_| 0.02);
    }
    b.mesh.tube(
        &[
            Vec3::new(-0.27, 0.98, 0.28),
            p(1.0, 0.34),
            Vec3::new(0.27, 0.98, 0.28),
        ],
        5,
        dark,
        |_| 0.015,
    );
    b.mesh.superellipsoid(
        shift(0.0, 0.92, -0.18),
        Vec3::new(0.07, 0.03, 0.13),
        Vec2::splat(0.7),
        6,
        dark,
    );
    b
}

/// Street lamp, traffic sign, traffic light, bollard or bin.
pub fn post(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let c = Vec3::splat(rng.range(0.1, 0.8));
    let metal = kit.paint(rng, c);
    let metal = b.material(metal);
    match rng.int(0, 5) {
        0 => {
            let h = rng.range(4.0, 8.0);
            b.mesh.tube(
                &[
                    Vec3::ZERO,
                    Vec3::Y * h,
                    Vec3::new(0.5, h + 0.3, 0.0),
                    Vec3::new(1.4, h + 0.35, 0.0),
                ],
                7,
                metal,
                |t| 0.09 - 0.04 * t,
            );
            b.mesh.superellipsoid(
                shift(1.5, h + 0.32, 0.0),
                Vec3::new(0.35, 0.07, 0.14),
                Vec2::splat(0.5),
                7,
                metal,
            );
        }
        1 | 2 => {
            let h = rng.range(2.0, 3.0);
            b.mesh.cylinder(Affine3A::IDENTITY, 0.035, h, 7, metal);
            let sign = kit.once(rng, Stuff::Picture);
            let sign = b.material(sign);
            if rng.chance(0.5) {
                let disc = shift(0.0, h - 0.1, 0.05) * Affine3A::from_rotation_x(PI / 2.0);
                b.mesh.cylinder(disc, rng.range(0.25, 0.4), 0.01, 18, sign);
            } else {
                let (w, s) = (rng.range(0.25, 0.8), rng.range(0.2, 0.5));
                b.mesh
                    .cuboid(shift(0.0, h - s, 0.05), Vec3::new(w, s, 0.01), sign);
            }
        }
        3 => {
            let h = rng.range(2.6, 3.4);
            b.mesh.cylinder(Affine3A::IDENTITY, 0.05, h, 7, metal);
            b.mesh
                .cuboid(shift(0.0, h, 0.1), Vec3::new(0.15, 0.42, 0.12), metal);
            for (k, c) in [
                Vec3::new(0.9, 0.1, 0.1),
                Vec3::new(0.9, 0.7, 0.1),
                Vec3::new(0.1, 0.8, 0.3),
            ]
            .into_iter()
            .enumerate()
            {
                let mut light = kit.paint(rng, c);
                light.glow = if rng.chance(0.33) { 1.0 } else { 0.0 };
                let light = b.material(light);
                b.mesh.ellipsoid(
                    shift(0.0, h + 0.27 - 0.27 * k as f32, 0.22),
                    Vec3::new(0.09, 0.09, 0.03),
                    7,
                    light,
                );
            }
        }
        _ => {
            let (r, h) = (rng.range(0.06, 0.3), rng.range(0.6, 1.2));
            b.mesh.lathe(
                Affine3A::IDENTITY,
                &[(r, 0.0), (r, h * 0.9), (r * 0.8, h), (0.0, h)],
                12,
                metal,
            );
        }
    }
    b
}
