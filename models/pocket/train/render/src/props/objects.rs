//! Small things: what stands on tables and shelves.

use super::{at, furniture, plants, shift};
use crate::kit::{Kit, Stuff};
use crate::model::Builder;
use crate::patterns::{colour, pale};
use crate::rng::Rng;
use glam::{Affine3A, EulerRot, Quat, Vec2, Vec3};
use std::f32::consts::{PI, TAU};

/// Any small thing, 3 to 40 cm large.
pub fn any(rng: &mut Rng, kit: &Kit) -> Builder {
    match rng.int(0, 19) {
        0..3 => turned(rng, kit),
        3..5 => book_pile(rng, kit),
        5 => standing_books(rng, kit),
        6 => mug(rng, kit),
        7 => dish(rng, kit),
        8 => fruit(rng, kit),
        9 => ring(rng, kit),
        10 => pencils(rng, kit),
        11 => toy(rng, kit),
        12 => carton(rng, kit),
        13 => frame(rng, kit),
        14 => statue(rng, kit),
        15 => screen(rng, kit),
        16 => plants::potted(rng, kit, 0.25),
        17 => heap(rng, kit),
        _ => furniture::table_lamp(rng, kit),
    }
}

/// Something turned on a lathe: bottle, vase, candlestick, jar, chess piece.
pub fn turned(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[
        Stuff::Plain,
        Stuff::Pale,
        Stuff::Mottled,
        Stuff::Cloth,
        Stuff::Wood,
        Stuff::Page,
    ]);
    let m = kit.stuff(rng, stuff, 0.2);
    let m = b.material(m);
    let (height, width) = (rng.log_range(0.05, 0.38), rng.log_range(0.02, 0.1));
    let knots: Vec<f32> = (0..6).map(|_| width * rng.range(0.25, 1.0)).collect();
    let mut profile = vec![(0.0, 0.0)];
    profile.extend((0..=15).map(|i| {
        let t = i as f32 / 15.0 * 5.0;
        let (k, f) = ((t as usize).min(4), t - (t as usize).min(4) as f32);
        let f = f * f * (3.0 - 2.0 * f);
        (knots[k] + (knots[k + 1] - knots[k]) * f, height * i as f32 / 15.0)
    }));
    if rng.chance(0.6) {
        profile.push((0.0, height));
    }
    b.mesh.lathe(Affine3A::IDENTITY, &profile, 14, m);
    b
}

/// One closed book lying flat: x width, z height of the cover.
fn book(rng: &mut Rng, kit: &Kit, b: &mut Builder, place: Affine3A, half: Vec3) {
    let stuff = *rng.pick(&[
        Stuff::Plain,
        Stuff::Plain,
        Stuff::Cloth,
        Stuff::Page,
        Stuff::Picture,
    ]);
    let cover = kit.stuff(rng, stuff, 0.2);
    let cover = b.material(cover);
    let paper = kit.stuff(rng, Stuff::Pale, 0.05);
    let paper = b.material(paper);
    let skin = half.y * 0.12 + 0.001;
    b.mesh.cuboid(
        place,
        Vec3::new(half.x - 0.003, half.y - skin, half.z - 0.004),
        paper,
    );
    for side in [-1.0, 1.0] {
        b.mesh.cuboid(
            place * shift(0.0, side * (half.y - skin * 0.5), 0.0),
            Vec3::new(half.x, skin * 0.5, half.z),
            cover,
        );
    }
    b.mesh.cuboid(
        place * shift(-half.x, 0.0, 0.0),
        Vec3::new(skin * 0.5, half.y, half.z),
        cover,
    );
}

pub fn book_pile(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let mut y = 0.0;
    for _ in 0..rng.int(1, 6) {
        let half = Vec3::new(
            rng.range(0.06, 0.13),
            rng.range(0.005, 0.03),
            rng.range(0.08, 0.16),
        );
        let place = at(
            Vec3::new(rng.normal(0.0, 0.01), y + half.y, rng.normal(0.0, 0.01)),
            rng.normal(0.0, 0.3),
        );
        book(rng, kit, &mut b, place, half);
        y += 2.0 * half.y;
    }
    b
}

/// A row of upright books `width` metres long, spines to the front.
pub fn book_row(rng: &mut Rng, kit: &Kit, width: f32, tallest: f32) -> Builder {
    let mut b = Builder::default();
    let mut x = 0.0;
    let mut lean = 0.0;
    while x < width {
        if rng.chance(0.06) {
            x += rng.range(0.02, 0.15);
            lean = rng.range(-0.25, 0.25);
        }
        let half = Vec3::new(
            rng.range(0.06, 0.1),
            rng.range(0.006, 0.028),
            tallest * rng.range(0.32, 0.5),
        );
        // From lying to standing: the cover's height becomes y, its spine faces +z.
        let stand = Affine3A::from_quat(
            Quat::from_euler(EulerRot::ZYX, lean, -PI / 2.0, 0.0) * Quat::from_rotation_x(-PI / 2.0),
        );
        let push = rng.range(0.0, 0.03);
        book(
            rng,
            kit,
            &mut b,
            shift(x + half.y - width * 0.5, half.z, -push - half.x) * stand,
            half,
        );
        x += half.y * 2.0 + 0.001 + lean.abs() * 0.1;
        lean *= 0.5;
    }
    b
}

fn standing_books(rng: &mut Rng, kit: &Kit) -> Builder {
    let width = rng.range(0.08, 0.4);
    book_row(rng, kit, width, 0.27)
}

fn mug(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.5) {
        Stuff::Plain
    } else {
        Stuff::Cloth
    };
    let m = kit.stuff(rng, stuff, 0.15);
    let m = b.material(m);
    let (r, h) = (rng.range(0.03, 0.05), rng.range(0.06, 0.12));
    let foot = r * rng.range(0.6, 1.0);
    b.mesh.lathe(
        Affine3A::IDENTITY,
        &[
            (0.0, 0.0),
            (foot, 0.0),
            (r, h),
            (r - 0.004, h),
            (foot - 0.004, 0.006),
            (0.0, 0.006),
        ],
        18,
        m,
    );
    let turn = Affine3A::from_rotation_y(rng.range(0.0, TAU));
    let path: Vec<Vec3> = (0..9)
        .map(|i| {
            let a = PI * (i as f32 / 8.0 - 0.5);
            turn.transform_point3(Vec3::new(
                r * 0.95 + a.cos() * h * 0.3,
                h * 0.5 + a.sin() * h * 0.32,
                0.0,
            ))
        })
        .collect();
    b.mesh.tube(&path, 6, m, |_| 0.005);
    b
}

fn dish(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = if rng.chance(0.7) {
        Stuff::Pale
    } else {
        Stuff::Cloth
    };
    let m = kit.stuff(rng, stuff, 0.2);
    let m = b.material(m);
    let (r, h) = (rng.range(0.06, 0.17), rng.log_range(0.012, 0.11));
    let profile: Vec<(f32, f32)> = (0..7)
        .map(|i| i as f32 / 6.0)
        .map(|t| (r * (0.4 + 0.6 * t.sqrt()), h * t.powf(1.5)))
        .collect();
    let mut all = vec![(0.0, 0.0)];
    all.extend(&profile);
    all.extend(profile.iter().rev().map(|&(x, y)| (x * 0.96, y + 0.004)));
    all.push((0.0, 0.004));
    b.mesh.lathe(Affine3A::IDENTITY, &all, 20, m);
    for _ in 0..rng.int(0, 7) {
        let one = fruit(rng, kit);
        let (x, z) = (rng.normal(0.0, r * 0.35), rng.normal(0.0, r * 0.35));
        b.append(&one, shift(x, h * 0.3, z));
    }
    b
}

fn fruit(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let c = colour(rng);
    let m = if rng.chance(0.6) {
        kit.paint(rng, c)
    } else {
        kit.stuff(rng, Stuff::Mottled, 0.1)
    };
    let m = b.material(m);
    let r = rng.log_range(0.02, 0.09);
    let half = Vec3::new(r, r * rng.range(0.7, 1.3), r * rng.range(0.8, 1.0));
    b.mesh.ellipsoid(shift(0.0, half.y, 0.0), half, 12, m);
    b
}

fn ring(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let m = kit.any(rng, 0.15);
    let m = b.material(m);
    let (r, thick) = (rng.range(0.04, 0.13), rng.range(0.006, 0.03));
    let stand = rng.chance(0.6);
    let path: Vec<Vec3> = (0..=24)
        .map(|i| {
            let a = TAU * i as f32 / 24.0;
            if stand {
                Vec3::new(a.cos() * r, r + thick + a.sin() * r, 0.0)
            } else {
                Vec3::new(a.cos() * r, thick, a.sin() * r)
            }
        })
        .collect();
    b.mesh.tube(&path, 8, m, |_| thick);
    b
}

fn pencils(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let m = kit.any(rng, 0.1);
    let m = b.material(m);
    let (r, h) = (rng.range(0.03, 0.05), rng.range(0.07, 0.12));
    b.mesh.lathe(
        Affine3A::IDENTITY,
        &[(0.0, 0.0), (r, 0.0), (r, h), (r - 0.003, h), (r - 0.003, 0.004)],
        14,
        m,
    );
    for _ in 0..rng.int(3, 12) {
        let c = colour(rng);
        let m = kit.paint(rng, c);
        let m = b.material(m);
        let lean = Vec2::from_angle(rng.range(0.0, TAU)) * r * 0.85;
        let (thick, long) = (rng.range(0.002, 0.005), rng.range(1.2, 2.2));
        b.mesh.tube(
            &[
                Vec3::new(-lean.x, 0.0, -lean.y),
                Vec3::new(lean.x, h, lean.y) * long,
            ],
            5,
            m,
            |_| thick,
        );
    }
    b
}

/// A doll, an animal, a robot: blobs and limbs.
fn toy(rng: &mut Rng, kit: &Kit) -> Builder {
    if rng.chance(0.4) {
        let figure = if rng.chance(0.5) {
            super::figures::animal(rng, kit)
        } else {
            super::figures::person(rng, kit)
        };
        let mut b = Builder::default();
        let height = figure.bounds().size().y.max(0.2);
        b.append(
            &figure,
            Affine3A::from_scale(Vec3::splat(rng.range(0.1, 0.3) / height)),
        );
        return b;
    }
    let mut b = Builder::default();
    let mut y = 0.0;
    for _ in 0..rng.int(2, 5) {
        let m = kit.any(rng, 0.1);
        let m = b.material(m);
        let half = Vec3::new(
            rng.range(0.02, 0.06),
            rng.range(0.02, 0.05),
            rng.range(0.02, 0.06),
        );
        let round = Vec2::splat(rng.range(0.2, 1.0));
        b.mesh
            .superellipsoid(shift(0.0, y + half.y, 0.0), half, round, 9, m);
        y += half.y * 1.8;
        if rng.chance(0.6) {
            for side in [-1.0, 1.0] {
                let tip = Vec3::new(
                    side * rng.range(0.06, 0.14),
                    y - half.y + rng.normal(0.0, 0.04),
                    rng.normal(0.0, 0.03),
                );
                let thick = rng.range(0.006, 0.018);
                b.mesh
                    .tube(&[Vec3::new(0.0, y - half.y, 0.0), tip], 6, m, |_| thick);
            }
        }
    }
    b
}

/// A bust or figure as an ornament.
fn statue(rng: &mut Rng, kit: &Kit) -> Builder {
    let figure = super::figures::bust(rng, kit, 0.1);
    let mut b = Builder::default();
    let scale = rng.range(0.12, 0.4) / figure.bounds().size().y.max(0.1);
    b.append(&figure, Affine3A::from_scale(Vec3::splat(scale)));
    b
}

fn carton(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let m = if rng.chance(0.5) {
        kit.stuff(rng, Stuff::Picture, 0.25)
    } else {
        kit.any(rng, 0.2)
    };
    let m = b.material(m);
    let half = Vec3::new(
        rng.log_range(0.02, 0.15),
        rng.log_range(0.02, 0.18),
        rng.log_range(0.02, 0.12),
    );
    b.mesh.cuboid(shift(0.0, half.y, 0.0), half, m);
    b
}

/// A picture frame or a card that leans back.
fn frame(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let rim = kit.stuff(rng, Stuff::Wood, 0.2);
    let rim = b.material(rim);
    let picture = kit.once(rng, Stuff::Picture);
    let picture = b.material(picture);
    let (w, h, lean) = (rng.range(0.05, 0.16), rng.range(0.06, 0.2), rng.range(-0.35, 0.0));
    let place = Affine3A::from_rotation_x(lean) * shift(0.0, h, 0.0);
    b.mesh.cuboid(place, Vec3::new(w, h, 0.008), rim);
    let p = |x, y| place.transform_point3(Vec3::new(x, y, 0.009));
    let corner = p(-w * 0.88, -h * 0.9);
    b.mesh.picture(
        corner,
        p(w * 0.88, -h * 0.9) - corner,
        p(-w * 0.88, h * 0.9) - corner,
        picture,
    );
    b
}

/// A monitor, tablet or laptop with a lit picture.
pub fn screen(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let shell = pale(rng) * rng.range(0.05, 0.9);
    let shell = kit.paint(rng, shell);
    let shell = b.material(shell);
    let mut lit = kit.once(rng, Stuff::Picture);
    lit.glow = rng.range(0.0, 0.5);
    let lit = b.material(lit);
    let (w, lean) = (rng.range(0.12, 0.32), rng.range(-0.4, 0.05));
    let (h, laptop) = (w * rng.range(0.55, 0.75), rng.chance(0.5));
    let lift = if laptop { 0.01 } else { rng.range(0.05, 0.16) };
    let place = shift(0.0, lift, 0.0) * Affine3A::from_rotation_x(lean) * shift(0.0, h, 0.0);
    b.mesh.cuboid(place, Vec3::new(w, h, 0.01), shell);
    let p = |x, y| place.transform_point3(Vec3::new(x, y, 0.0108));
    let corner = p(-w * 0.94, -h * 0.92);
    b.mesh.picture(
        corner,
        p(w * 0.94, -h * 0.92) - corner,
        p(-w * 0.94, h * 0.92) - corner,
        lit,
    );
    if laptop {
        let keys = kit.once(rng, Stuff::Page);
        let keys = b.material(keys);
        b.mesh
            .cuboid(shift(0.0, 0.008, w * 0.7), Vec3::new(w, 0.008, w * 0.7), shell);
        b.mesh.picture(
            Vec3::new(-w * 0.9, 0.0165, w * 0.8),
            Vec3::X * w * 1.8,
            Vec3::NEG_Z * w * 0.7,
            keys,
        );
    } else {
        b.mesh.cuboid(
            shift(0.0, lift * 0.5, -0.02),
            Vec3::new(0.02, lift * 0.5 + 0.03, 0.01),
            shell,
        );
        b.mesh
            .cuboid(shift(0.0, 0.006, 0.0), Vec3::new(w * 0.4, 0.006, 0.09), shell);
    }
    b
}

/// A crumpled cloth or a sack: a displaced cap.
fn heap(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let m = kit.stuff(rng, Stuff::Cloth, 0.3);
    let m = b.material(m);
    let (r, h, seed) = (
        rng.range(0.08, 0.22),
        rng.range(0.04, 0.14),
        rng.int(0, 1 << 30) as u32,
    );
    b.mesh.surface(20, 20, m, |u, v| {
        let p = Vec2::new(u, v) * 2.0 - 1.0;
        let rim = (1.0 - p.length_squared()).max(0.0).sqrt();
        let fold = crate::noise::fractal(Vec2::new(u, v), 3, 4, seed);
        (
            Vec3::new(p.x * r, h * rim * (0.35 + fold), -p.y * r),
            Vec2::new(u, v) * r * 2.0,
        )
    });
    b
}
