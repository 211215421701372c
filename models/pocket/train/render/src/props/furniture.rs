//! Furniture built of parts.

use super::objects;
use super::{at, shift};
use crate::kit::{Kit, Stuff};
use crate::model::Builder;
use crate::patterns::{colour, pale};
use crate::rng::Rng;
use glam::{Affine3A, Vec2, Vec3};
use std::f32::consts::TAU;

/// Any piece that stands on the floor.
pub fn any(rng: &mut Rng, kit: &Kit) -> Builder {
    match rng.int(0, 16) {
        0..3 => laid_table(rng, kit),
        3..5 => chair(rng, kit),
        5..7 => shelf(rng, kit),
        7..9 => cabinet(rng, kit),
        9 => bed(rng, kit),
        10..12 => sofa(rng, kit),
        12 => floor_lamp(rng, kit),
        13 => super::plants::potted(rng, kit, 1.0),
        14 => boxes(rng, kit),
        _ => stool(rng, kit),
    }
}

/// A table with its height; the top is bare.
pub fn table(rng: &mut Rng, kit: &Kit, half: Vec2, height: f32) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[Stuff::Wood, Stuff::Wood, Stuff::Pale, Stuff::Plain, Stuff::Cloth]);
    let top = kit.stuff(rng, stuff, 0.8);
    let top = b.material(top);
    let stuff = if rng.chance(0.6) {
        Stuff::Wood
    } else {
        Stuff::Plain
    };
    let leg = kit.stuff(rng, stuff, 0.4);
    let leg = b.material(leg);
    let thick = rng.range(0.01, 0.03);
    let round = rng.chance(0.2);
    if round {
        b.mesh.cylinder(
            shift(0.0, height - thick * 2.0, 0.0) * Affine3A::from_scale(Vec3::new(half.x, 1.0, half.y)),
            1.0,
            thick * 2.0,
            28,
            top,
        );
    } else {
        b.mesh.cuboid(
            shift(0.0, height - thick, 0.0),
            Vec3::new(half.x, thick, half.y),
            top,
        );
    }
    let leg_half = rng.range(0.012, 0.04);
    if round || rng.chance(0.15) {
        b.mesh
            .cylinder(Affine3A::IDENTITY, leg_half * 2.0, height - thick, 12, leg);
        b.mesh
            .cylinder(Affine3A::IDENTITY, half.min_element() * 0.6, 0.03, 20, leg);
    } else {
        for (x, z) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
            let place = shift(
                x * (half.x - leg_half * 1.5),
                (height - thick) * 0.5,
                z * (half.y - leg_half * 1.5),
            );
            b.mesh
                .cuboid(place, Vec3::new(leg_half, (height - thick) * 0.5, leg_half), leg);
        }
        if rng.chance(0.5) {
            b.mesh.cuboid(
                shift(0.0, height - 0.08, 0.0),
                Vec3::new(half.x * 0.93, 0.05, half.y * 0.9),
                leg,
            );
        }
    }
    b
}

/// Puts `count` small things on a top of half size `half` at `height`.
pub fn lay(rng: &mut Rng, kit: &Kit, b: &mut Builder, half: Vec2, height: f32, count: usize) {
    for _ in 0..count {
        let thing = objects::any(rng, kit);
        let place = Vec3::new(
            rng.range(-1.0, 1.0) * half.x * 0.85,
            height,
            rng.range(-1.0, 1.0) * half.y * 0.8,
        );
        let yaw = if rng.chance(0.5) {
            rng.normal(0.0, 0.3)
        } else {
            rng.range(0.0, TAU)
        };
        b.append(&thing, at(place, yaw));
    }
}

fn laid_table(rng: &mut Rng, kit: &Kit) -> Builder {
    let half = Vec2::new(rng.range(0.35, 1.0), rng.range(0.3, 0.55));
    let height = if rng.chance(0.3) {
        rng.range(0.35, 0.55)
    } else {
        rng.range(0.68, 0.9)
    };
    let mut b = table(rng, kit, half, height);
    let count = rng.int(0, 9);
    lay(rng, kit, &mut b, half, height, count);
    b
}

pub fn chair(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.6) {
        Stuff::Wood
    } else {
        Stuff::Plain
    };
    let frame = kit.stuff(rng, stuff, 0.3);
    let frame = b.material(frame);
    let stuff = if rng.chance(0.5) {
        Stuff::Cloth
    } else {
        Stuff::Wood
    };
    let seat = kit.stuff(rng, stuff, 0.3);
    let seat = b.material(seat);
    let (w, d, h, back) = (
        rng.range(0.19, 0.26),
        rng.range(0.19, 0.26),
        rng.range(0.4, 0.5),
        rng.range(0.8, 1.15),
    );
    let leg = rng.range(0.011, 0.024);
    b.mesh.superellipsoid(
        shift(0.0, h, 0.0),
        Vec3::new(w, rng.range(0.015, 0.05), d),
        Vec2::splat(0.25),
        8,
        seat,
    );
    for x in [-1.0, 1.0] {
        b.mesh.cuboid(
            shift(x * (w - leg), h * 0.5, d - leg),
            Vec3::new(leg, h * 0.5, leg),
            frame,
        );
        b.mesh.cuboid(
            shift(x * (w - leg), back * 0.5, -d + leg),
            Vec3::new(leg, back * 0.5, leg),
            frame,
        );
        if rng.chance(0.25) {
            b.mesh
                .cuboid(shift(x * w, h + 0.2, 0.0), Vec3::new(leg, leg, d), frame);
        }
    }
    match rng.int(0, 3) {
        0 => b.mesh.cuboid(
            shift(0.0, (h + back) * 0.5 + 0.06, -d + leg),
            Vec3::new(w - leg, (back - h) * 0.5 - 0.06, leg * 0.6),
            seat,
        ),
        1 => {
            for k in 0..4 {
                let y = h + 0.12 + (back - h - 0.15) * k as f32 / 3.0;
                b.mesh.cuboid(
                    shift(0.0, y, -d + leg),
                    Vec3::new(w - leg, 0.022, leg * 0.6),
                    frame,
                );
            }
        }
        _ => {
            b.mesh
                .cuboid(shift(0.0, back - 0.03, -d + leg), Vec3::new(w, 0.03, leg), frame);
            for k in 0..6 {
                let x = (k as f32 / 5.0 - 0.5) * 1.7 * w;
                b.mesh.cuboid(
                    shift(x, (h + back) * 0.5, -d + leg),
                    Vec3::new(0.008, (back - h) * 0.5, 0.008),
                    frame,
                );
            }
        }
    }
    b
}

pub fn shelf(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.6) { Stuff::Wood } else { Stuff::Pale };
    let m = kit.stuff(rng, stuff, 0.6);
    let m = b.material(m);
    let (w, d, h) = (rng.range(0.3, 0.9), rng.range(0.1, 0.2), rng.range(0.7, 2.2));
    let levels = ((h / rng.range(0.28, 0.42)) as usize).max(2);
    let pitch = h / levels as f32;
    let t = 0.012;
    for x in [-1.0, 1.0] {
        b.mesh
            .cuboid(shift(x * w, h * 0.5, 0.0), Vec3::new(t, h * 0.5, d), m);
    }
    if rng.chance(0.7) {
        b.mesh
            .cuboid(shift(0.0, h * 0.5, -d), Vec3::new(w, h * 0.5, 0.005), m);
    }
    for k in 0..=levels {
        let y = pitch * k as f32 + t;
        b.mesh
            .cuboid(shift(0.0, y.min(h - t), 0.0), Vec3::new(w, t, d), m);
        if k == levels && rng.chance(0.5) {
            continue;
        }
        match rng.int(0, 4) {
            0 | 1 => {
                let width = rng.range(0.3, 1.9) * w;
                let row = objects::book_row(rng, kit, width, (pitch - 0.03) * 1.05);
                b.append(
                    &row,
                    shift(
                        rng.range(-1.0, 1.0) * (w - width * 0.5 - 0.02).max(0.0),
                        y + t,
                        d - 0.01,
                    ),
                );
            }
            2 => {
                let count = rng.int(1, 4);
                lay(rng, kit, &mut b, Vec2::new(w, d), y + t, count);
            }
            _ => {}
        }
    }
    b
}

pub fn cabinet(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[Stuff::Wood, Stuff::Wood, Stuff::Pale, Stuff::Plain]);
    let body = kit.stuff(rng, stuff, 0.7);
    let body = b.material(body);
    let knob = pale(rng) * rng.range(0.2, 1.0);
    let knob = kit.paint(rng, knob);
    let knob = b.material(knob);
    let half = Vec3::new(
        rng.range(0.22, 0.9),
        rng.log_range(0.25, 1.1),
        rng.range(0.18, 0.35),
    );
    b.mesh.cuboid(shift(0.0, half.y, 0.0), half, body);
    let (columns, rows) = (rng.int(1, 4), rng.int(1, 5));
    for i in 0..columns {
        for j in 0..rows {
            let (cw, ch) = (half.x / columns as f32, half.y / rows as f32);
            let (x, y) = ((2 * i + 1) as f32 * cw - half.x, (2 * j + 1) as f32 * ch);
            b.mesh.cuboid(
                shift(x, y, half.z),
                Vec3::new(cw - 0.012, ch - 0.012, 0.012),
                body,
            );
            b.mesh.cuboid(
                shift(x, y + ch * 0.4, half.z + 0.022),
                Vec3::new(0.03, 0.008, 0.01),
                knob,
            );
        }
    }
    let count = rng.int(0, 5);
    lay(rng, kit, &mut b, Vec2::new(half.x, half.z), half.y * 2.0, count);
    b
}

pub fn bed(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let wood = kit.stuff(rng, Stuff::Wood, 0.6);
    let wood = b.material(wood);
    let stuff = if rng.chance(0.6) {
        Stuff::Cloth
    } else {
        Stuff::Pale
    };
    let sheet = kit.stuff(rng, stuff, 0.8);
    let sheet = b.material(sheet);
    let stuff = if rng.chance(0.4) {
        Stuff::Cloth
    } else {
        Stuff::Pale
    };
    let pillow = kit.stuff(rng, stuff, 0.4);
    let pillow = b.material(pillow);
    let (w, d, h) = (rng.range(0.45, 1.0), rng.range(0.95, 1.05), rng.range(0.35, 0.6));
    b.mesh
        .cuboid(shift(0.0, h * 0.4, 0.0), Vec3::new(w, h * 0.2, d), wood);
    b.mesh
        .cuboid(shift(0.0, h, -d), Vec3::new(w, rng.range(0.3, 0.6), 0.03), wood);
    let seed = rng.int(0, 1 << 30) as u32;
    let bump = rng.range(0.02, 0.12);
    b.mesh.superellipsoid(
        shift(0.0, h * 0.8, 0.0),
        Vec3::new(w, h * 0.22, d),
        Vec2::splat(0.2),
        10,
        sheet,
    );
    b.mesh.surface(22, 22, sheet, |u, v| {
        let p = Vec2::new((u * 2.0 - 1.0) * w * 1.04, (v * 2.0 - 1.0) * d * 0.75 + d * 0.28);
        let drop = ((u - 0.5).abs() * 2.0 - 0.94).max(0.0) * 5.0;
        let y = h * 1.03 + bump * crate::noise::fractal(Vec2::new(u, v), 4, 4, seed) - drop * h * 0.6;
        (Vec3::new(p.x, y, -p.y + d * 0.56), p)
    });
    for x in if w > 0.65 { vec![-0.5, 0.5] } else { vec![0.0] } {
        let place = at(Vec3::new(x * w, h + 0.1, -d * 0.75), rng.normal(0.0, 0.15));
        b.mesh
            .superellipsoid(place, Vec3::new(0.32, 0.09, 0.2), Vec2::new(0.7, 0.4), 9, pillow);
    }
    b
}

pub fn sofa(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[Stuff::Plain, Stuff::Cloth, Stuff::Pale, Stuff::Mottled]);
    let body = kit.stuff(rng, stuff, 0.5);
    let body = b.material(body);
    let seats = rng.int(1, 4);
    let (unit, d, h) = (
        rng.range(0.28, 0.36),
        rng.range(0.36, 0.48),
        rng.range(0.36, 0.46),
    );
    let w = unit * seats as f32;
    let soft = Vec2::splat(rng.range(0.15, 0.4));
    b.mesh.superellipsoid(
        shift(0.0, h * 0.4, 0.0),
        Vec3::new(w, h * 0.4, d),
        Vec2::splat(0.15),
        8,
        body,
    );
    let back = rng.range(0.3, 0.5);
    b.mesh.superellipsoid(
        shift(0.0, h + back * 0.3, -d),
        Vec3::new(w + 0.05, back * 0.85, 0.13),
        soft,
        9,
        body,
    );
    for side in [-1.0, 1.0] {
        b.mesh.superellipsoid(
            shift(side * (w + 0.09), h * 0.75, 0.0),
            Vec3::new(0.1, h * 0.72, d),
            soft,
            8,
            body,
        );
    }
    for k in 0..seats {
        let x = (2 * k + 1) as f32 * unit - w;
        b.mesh.superellipsoid(
            shift(x, h, 0.05),
            Vec3::new(unit * 0.97, 0.1, d * 0.9),
            soft,
            8,
            body,
        );
        if rng.chance(0.5) {
            let m = kit.stuff(rng, Stuff::Cloth, 0.3);
            let m = b.material(m);
            let place =
                at(Vec3::new(x, h + 0.26, -d * 0.5), rng.normal(0.0, 0.4)) * Affine3A::from_rotation_x(-0.35);
            b.mesh
                .superellipsoid(place, Vec3::new(0.2, 0.2, 0.07), Vec2::new(0.6, 0.5), 8, m);
        }
    }
    b
}

pub fn floor_lamp(rng: &mut Rng, kit: &Kit) -> Builder {
    let (height, shade) = (rng.range(1.2, 1.8), rng.range(0.14, 0.24));
    lamp(rng, kit, height, 0.012, shade)
}

pub fn table_lamp(rng: &mut Rng, kit: &Kit) -> Builder {
    let (height, shade) = (rng.range(0.22, 0.45), rng.range(0.07, 0.14));
    lamp(rng, kit, height, 0.01, shade)
}

fn lamp(rng: &mut Rng, kit: &Kit, height: f32, pole: f32, shade: f32) -> Builder {
    let mut b = Builder::default();
    let metal = colour(rng);
    let metal = kit.paint(rng, metal);
    let metal = b.material(metal);
    let stuff = if rng.chance(0.7) {
        Stuff::Pale
    } else {
        Stuff::Cloth
    };
    let mut cloth = kit.stuff(rng, stuff, 0.3);
    cloth.glow = if rng.chance(0.5) { rng.range(0.3, 2.0) } else { 0.0 };
    let cloth = b.material(cloth);
    b.mesh.cylinder(Affine3A::IDENTITY, shade * 0.7, 0.02, 16, metal);
    b.mesh.cylinder(Affine3A::IDENTITY, pole, height, 8, metal);
    let (top, drop) = (shade * rng.range(0.4, 1.0), shade * rng.range(1.0, 1.7));
    b.mesh.lathe(
        shift(0.0, height - drop * 0.7, 0.0),
        &[(shade, 0.0), (top, drop)],
        18,
        cloth,
    );
    b
}

fn boxes(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let mut y = 0.0;
    for _ in 0..rng.int(1, 4) {
        let m = kit.any(rng, 0.5);
        let m = b.material(m);
        let half = Vec3::new(rng.range(0.12, 0.35), rng.range(0.08, 0.3), rng.range(0.12, 0.3));
        b.mesh.cuboid(
            at(
                Vec3::new(rng.normal(0.0, 0.04), y + half.y, rng.normal(0.0, 0.04)),
                rng.normal(0.0, 0.3),
            ),
            half,
            m,
        );
        y += half.y * 2.0;
    }
    b
}

fn stool(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let m = kit.any(rng, 0.3);
    let m = b.material(m);
    let (r, h) = (rng.range(0.15, 0.35), rng.range(0.3, 0.7));
    if rng.chance(0.5) {
        b.mesh.superellipsoid(
            shift(0.0, h * 0.5, 0.0),
            Vec3::new(r, h * 0.5, r),
            Vec2::new(0.3, 1.0),
            10,
            m,
        );
    } else {
        b.mesh.cylinder(shift(0.0, h - 0.04, 0.0), r, 0.04, 18, m);
        for k in 0..4 {
            let d = Vec2::from_angle(TAU * (k as f32 + 0.5) / 4.0) * r;
            b.mesh.tube(
                &[
                    Vec3::new(d.x, 0.0, d.y),
                    Vec3::new(d.x * 0.7, h - 0.03, d.y * 0.7),
                ],
                6,
                m,
                |_| 0.014,
            );
        }
    }
    b
}

/// A framed picture, poster or mirror of half size `half`, its back at z = 0.
pub fn wall_picture(rng: &mut Rng, kit: &Kit, half: Vec2) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.5) {
        Stuff::Wood
    } else {
        Stuff::Plain
    };
    let rim = kit.stuff(rng, stuff, 0.3);
    let rim = b.material(rim);
    let picture = kit.once(rng, Stuff::Picture);
    let picture = b.material(picture);
    let border = if rng.chance(0.7) {
        rng.range(0.01, 0.06)
    } else {
        0.0
    };
    b.mesh.cuboid(
        shift(0.0, 0.0, 0.01),
        Vec3::new(half.x + border, half.y + border, 0.01),
        rim,
    );
    b.mesh.picture(
        Vec3::new(-half.x, -half.y, 0.021),
        Vec3::X * half.x * 2.0,
        Vec3::Y * half.y * 2.0,
        picture,
    );
    b
}

/// A window or glass door: bright or dark panes behind bars, perhaps with curtains. Centre at the origin.
pub fn window(rng: &mut Rng, kit: &Kit, half: Vec2, night: bool) -> Builder {
    let mut b = Builder::default();
    let bars = pale(rng);
    let bars = kit.paint(rng, bars);
    let bars = b.material(bars);
    let stuff = if rng.chance(0.6) {
        Stuff::Photo
    } else {
        Stuff::Pale
    };
    let mut view = kit.once(rng, stuff);
    if night {
        view.tint *= 0.06;
    } else {
        view.glow = rng.range(0.6, 3.0);
    }
    let view = b.material(view);
    b.mesh.picture(
        Vec3::new(-half.x, -half.y, 0.004),
        Vec3::X * half.x * 2.0,
        Vec3::Y * half.y * 2.0,
        view,
    );
    let t = rng.range(0.015, 0.04);
    for side in [-1.0, 1.0] {
        b.mesh.cuboid(
            shift(side * half.x, 0.0, 0.02),
            Vec3::new(t, half.y + t, 0.03),
            bars,
        );
        b.mesh.cuboid(
            shift(0.0, side * half.y, 0.02),
            Vec3::new(half.x + t, t, 0.03),
            bars,
        );
    }
    for k in 1..rng.int(1, 4) {
        b.mesh.cuboid(
            shift((k as f32 / 3.0 * 2.0 - 1.0) * half.x, 0.0, 0.02),
            Vec3::new(t * 0.5, half.y, 0.015),
            bars,
        );
    }
    if rng.chance(0.45) {
        let stuff = if rng.chance(0.5) {
            Stuff::Cloth
        } else {
            Stuff::Pale
        };
        let m = kit.stuff(rng, stuff, 0.4);
        let m = b.material(m);
        let drop = if rng.chance(0.5) {
            half.y + 0.1
        } else {
            half.y * 1.8
        };
        for side in [-1.0, 1.0] {
            let width = half.x * rng.range(0.25, 0.9);
            let fold = rng.range(0.02, 0.05);
            b.mesh.surface(36, 1, m, |u, v| {
                let x = side * (half.x * 1.15 - width * u);
                let z = 0.09 + fold * (u * width * 45.0).sin();
                let y = half.y + 0.12 - (1.0 - v) * (drop + half.y);
                (Vec3::new(x, y, z), Vec2::new(u * width * 1.5, y))
            });
        }
    }
    b
}

/// A door with frame and handle, half size `half`, standing on the floor against z = 0.
pub fn door(rng: &mut Rng, kit: &Kit, half: Vec2) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[Stuff::Wood, Stuff::Pale, Stuff::Plain]);
    let leaf = kit.stuff(rng, stuff, 0.9);
    let leaf = b.material(leaf);
    let trim = pale(rng);
    let trim = kit.paint(rng, trim);
    let trim = b.material(trim);
    b.mesh
        .cuboid(shift(0.0, half.y, 0.01), Vec3::new(half.x, half.y, 0.015), leaf);
    for side in [-1.0, 1.0] {
        b.mesh.cuboid(
            shift(side * (half.x + 0.04), half.y, 0.015),
            Vec3::new(0.04, half.y + 0.04, 0.02),
            trim,
        );
    }
    b.mesh.cuboid(
        shift(0.0, half.y * 2.0 + 0.04, 0.015),
        Vec3::new(half.x + 0.08, 0.04, 0.02),
        trim,
    );
    b.mesh.cuboid(
        shift(half.x * 0.82, 1.0, 0.05),
        Vec3::new(0.05, 0.012, 0.012),
        trim,
    );
    b
}
