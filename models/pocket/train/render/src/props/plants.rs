//! Plants and stones.

use super::shift;
use crate::kit::{Kit, Stuff};
use crate::model::Builder;
use crate::noise::fractal;
use crate::patterns::hsv;
use crate::rng::Rng;
use glam::{Affine3A, Quat, Vec2, Vec3};
use std::f32::consts::{PI, TAU};

/// A card of side `size` with its lower edge (or middle) at `root`, facing anywhere.
fn leaf_card(rng: &mut Rng, b: &mut Builder, centre: Vec3, size: f32, material: u16) {
    let (u, v) = rng.direction().any_orthonormal_pair();
    b.mesh
        .picture(centre - (u + v) * size * 0.5, u * size, v * size, material);
}

/// A deciduous tree or a conifer, 2.5 to 12 m high.
pub fn tree(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.5) {
        Stuff::Wood
    } else {
        Stuff::Mottled
    };
    let bark = kit.stuff(rng, stuff, 0.7);
    let bark = b.material(bark);
    let leaf = kit.once(rng, Stuff::Leaves);
    let leaf = b.material(leaf);
    let height = rng.log_range(2.5, 12.0);
    if rng.chance(0.25) {
        conifer(rng, &mut b, height, bark, leaf);
        return b;
    }
    let bare = rng.chance(0.12);
    let mut tips = Vec::new();
    let trunk = height * rng.range(0.25, 0.5);
    let trunk = Limb {
        from: Vec3::ZERO,
        along: Vec3::Y,
        length: trunk,
        radius: height * rng.range(0.018, 0.035),
    };
    grow(rng, &mut b, &trunk, if bare { 5 } else { 4 }, bark, &mut tips);
    if !bare {
        let size = height * rng.range(0.14, 0.24);
        for &tip in &tips {
            for _ in 0..3 {
                let centre = tip + rng.direction() * size * 0.4;
                leaf_card(rng, &mut b, centre, size, leaf);
            }
        }
    }
    b
}

/// A trunk, branch or twig.
struct Limb {
    from: Vec3,
    along: Vec3,
    length: f32,
    radius: f32,
}

/// Builds `limb` and everything that grows from it, `levels` times; adds the ends of all limbs to `tips`.
fn grow(rng: &mut Rng, b: &mut Builder, limb: &Limb, levels: usize, bark: u16, tips: &mut Vec<Vec3>) {
    let bend = rng.direction() * 0.2;
    let middle = limb.from + (limb.along + bend * 0.5).normalize() * limb.length * 0.5;
    let to = middle + (limb.along + bend).normalize() * limb.length * 0.5;
    b.mesh.tube(&[limb.from, middle, to], 5, bark, |t| {
        limb.radius * (1.0 - 0.35 * t)
    });
    tips.push(to);
    if levels == 0 {
        return;
    }
    for _ in 0..rng.int(2, 4) {
        let along = (limb.along * 0.8 + rng.direction() * 0.75 + Vec3::Y * 0.1).normalize_or(Vec3::Y);
        let next = Limb {
            from: to,
            along,
            length: limb.length * rng.range(0.55, 0.8),
            radius: limb.radius * 0.62,
        };
        grow(rng, b, &next, levels - 1, bark, tips);
    }
}

fn conifer(rng: &mut Rng, b: &mut Builder, height: f32, bark: u16, leaf: u16) {
    b.mesh.tube(&[Vec3::ZERO, Vec3::Y * height], 6, bark, |t| {
        height * 0.02 * (1.0 - t) + 0.01
    });
    let widest = height * rng.range(0.16, 0.28);
    let start = rng.range(0.05, 0.25);
    for k in 0..70 {
        let t = start + (1.0 - start) * k as f32 / 70.0;
        let r = widest * (1.0 - t) / (1.0 - start) + 0.05;
        let a = rng.range(0.0, TAU);
        let out = Vec3::new(a.cos(), -0.35, a.sin());
        let side = Vec3::new(-a.sin(), 0.0, a.cos()) * r * 0.8;
        b.mesh
            .picture(Vec3::Y * t * height - side * 0.5, side, out * r * 1.2, leaf);
    }
}

/// A bush, hedge or flower bed of leaf cards.
pub fn bush(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let leaf = kit.once(rng, Stuff::Leaves);
    let leaf = b.material(leaf);
    let half = Vec3::new(rng.range(0.3, 1.4), rng.range(0.3, 1.1), rng.range(0.3, 0.9));
    let size = rng.range(0.3, 0.6);
    for _ in 0..rng.int(30, 90) {
        let p = rng.direction() * rng.unit().cbrt() * half;
        leaf_card(rng, &mut b, p + Vec3::Y * half.y * 0.9, size, leaf);
    }
    b
}

/// Long bent leaves from one point: fern, palm, aloe, reed.
pub fn rosette(rng: &mut Rng, kit: &Kit, size: f32) -> Builder {
    let mut b = Builder::default();
    let leaf = if rng.chance(0.5) {
        let (hue, value) = (rng.normal(100.0, 25.0), rng.range(0.3, 0.8));
        kit.paint(rng, hsv(hue, 0.5, value))
    } else {
        let stuff = if rng.chance(0.6) {
            Stuff::Ground
        } else {
            Stuff::Cloth
        };
        let base = kit.stuff(rng, stuff, 0.4);
        let (hue, value) = (rng.normal(95.0, 20.0), rng.range(0.5, 1.0));
        crate::model::Material {
            tint: hsv(hue, 0.5, value),
            ..base
        }
    };
    let leaf = b.material(leaf);
    let (count, width, steep) = (rng.int(7, 26), rng.log_range(0.03, 0.16), rng.range(0.2, 1.4));
    for _ in 0..count {
        let a = rng.range(0.0, TAU);
        let out = Vec3::new(a.cos(), 0.0, a.sin());
        let side = Vec3::new(-a.sin(), 0.0, a.cos());
        let (length, rise, droop) = (
            size * rng.range(0.6, 1.2),
            steep * rng.range(0.5, 1.3),
            rng.range(0.0, 1.3),
        );
        let place = |t: f32| out * (t * length * 0.8) + Vec3::Y * (rise * t - droop * t * t) * length;
        b.mesh.surface(2, 7, leaf, |u, v| {
            let across = (u - 0.5) * 2.0;
            let half = width * size * (PI * (0.08 + 0.92 * v)).sin().max(0.0);
            let p = place(v) + side * across * half + Vec3::Y * across.abs() * half * 0.4;
            (p, Vec2::new(across * half, v * length))
        });
    }
    b
}

/// A plant in a pot; `size` is the height of the plant in metres.
pub fn potted(rng: &mut Rng, kit: &Kit, size: f32) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.5) {
        Stuff::Plain
    } else {
        Stuff::Mottled
    };
    let clay = kit.stuff(rng, stuff, 0.3);
    let clay = b.material(clay);
    let size = size * rng.range(0.6, 1.2);
    let (r, h) = (size * rng.range(0.15, 0.25), size * rng.range(0.2, 0.45));
    b.mesh.lathe(
        Affine3A::IDENTITY,
        &[(0.0, 0.0), (r * 0.7, 0.0), (r, h), (r * 0.9, h), (0.0, h * 0.9)],
        16,
        clay,
    );
    let plant = match rng.int(0, 3) {
        0 => {
            let t = bush(rng, kit);
            let scale = size * 0.8 / t.bounds().size().y.max(0.1);
            let mut s = Builder::default();
            s.append(&t, Affine3A::from_scale(Vec3::splat(scale)));
            s
        }
        1 => {
            let t = tree(rng, kit);
            let scale = size * 1.2 / t.bounds().size().y.max(0.1);
            let mut s = Builder::default();
            s.append(&t, Affine3A::from_scale(Vec3::splat(scale)));
            s
        }
        _ => rosette(rng, kit, size * 0.8),
    };
    b.append(&plant, shift(0.0, h * 0.9, 0.0));
    b
}

/// Tufts of grass or flowers as crossed cards, `height` metres high.
pub fn tufts(rng: &mut Rng, kit: &Kit, height: f32) -> Builder {
    let mut b = Builder::default();
    let m = kit.once(rng, Stuff::Tuft);
    let m = b.material(m);
    for _ in 0..5 {
        let a = rng.range(0.0, TAU);
        let u = Vec3::new(a.cos(), 0.0, a.sin()) * height;
        let at = Vec3::new(rng.normal(0.0, 0.4), -0.01, rng.normal(0.0, 0.4)) * height;
        b.mesh
            .picture(at - u * 0.5, u, Vec3::Y * height * rng.range(0.7, 1.2), m);
    }
    b
}

/// Single blades of grass or stalks with heads around the origin, for the foreground.
pub fn blades(rng: &mut Rng, kit: &Kit, reach: f32, count: usize) -> Builder {
    let mut b = Builder::default();
    let green = hsv(rng.normal(85.0, 20.0), rng.range(0.3, 0.7), rng.range(0.3, 0.8));
    let green = kit.paint(rng, green);
    let green = b.material(green);
    let bloom = hsv(rng.range(0.0, 360.0), rng.range(0.2, 0.9), 0.95);
    let bloom = kit.paint(rng, bloom);
    let bloom = b.material(bloom);
    let (height, flowers) = (
        rng.range(0.06, 0.6),
        if rng.chance(0.5) {
            rng.range(0.02, 0.3)
        } else {
            0.0
        },
    );
    for _ in 0..count {
        let root = Vec3::new(rng.range(-1.0, 1.0), 0.0, rng.range(-1.0, 1.0)) * reach;
        let lean = rng.direction() * Vec3::new(0.6, 0.2, 0.6);
        let h = height * rng.range(0.5, 1.3);
        let side = lean.cross(Vec3::Y).normalize_or(Vec3::X) * h * rng.range(0.012, 0.04);
        let tip = root + (Vec3::Y + lean).normalize() * h;
        b.mesh.surface(1, 3, green, |u, v| {
            let p = root.lerp(tip, v) + lean * h * (v * v - v) * 0.4;
            (
                p + side * (u - 0.5) * 2.0 * (1.0 - v * 0.9),
                Vec2::new(u * 0.01, v * h),
            )
        });
        if rng.chance(flowers) {
            let r = h * rng.range(0.03, 0.1);
            let turn = Affine3A::from_rotation_translation(
                Quat::from_rotation_arc(Vec3::Y, (Vec3::Y + lean).normalize()),
                tip,
            );
            b.mesh
                .ellipsoid(turn, Vec3::new(r, r * rng.range(0.3, 1.0), r), 5, bloom);
        }
    }
    b
}

/// A stone 1 m across.
pub fn rock(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[Stuff::Ground, Stuff::Mottled, Stuff::Photo]);
    let m = kit.stuff(rng, stuff, 0.6);
    let m = b.material(m);
    let (seed, rough) = (rng.int(0, 1 << 30) as u32, rng.range(0.3, 0.8));
    let half = Vec3::new(0.5, rng.range(0.2, 0.55), rng.range(0.3, 0.5));
    b.mesh.surface(22, 12, m, |u, v| {
        let (a, c) = (TAU * u, PI * (v - 0.5));
        let d = Vec3::new(c.cos() * a.cos(), c.sin(), -c.cos() * a.sin());
        // Noise sampled on two sides of the ball, so that it closes at the seam.
        let n = fractal(Vec2::new(d.x, d.y) * 0.3 + 0.5, 4, 4, seed)
            + fractal(Vec2::new(d.z, d.y) * 0.3 + 0.5, 4, 4, seed ^ 1);
        let p = d * half * (1.0 + rough * (n - 1.0));
        (p + Vec3::Y * half.y * 0.5, Vec2::new(u * 3.0, v * 1.5))
    });
    b
}
