//! People, animals and busts: limbs and blobs that give the right silhouettes.

use super::shift;
use crate::kit::{Kit, Stuff};
use crate::model::Builder;
use crate::patterns::{colour, hsv};
use crate::rng::Rng;
use glam::{Affine3A, Vec2, Vec3};
use std::f32::consts::TAU;

fn skin(rng: &mut Rng, kit: &Kit) -> crate::model::Material {
    let c = hsv(rng.normal(22.0, 5.0), rng.range(0.25, 0.6), rng.range(0.25, 1.0));
    kit.paint(rng, c)
}

fn hair_colour(rng: &mut Rng) -> Vec3 {
    hsv(rng.normal(28.0, 8.0), rng.range(0.1, 0.7), rng.range(0.05, 0.8))
}

/// Head and neck with face, hair, perhaps hat and glasses; the neck starts at the origin. `r` is the half width.
fn head(rng: &mut Rng, kit: &Kit, b: &mut Builder, place: Affine3A, r: f32, flesh: u16) {
    let h = hair_colour(rng);
    let hair = if rng.chance(0.6) {
        kit.paint(rng, h)
    } else {
        kit.stuff(rng, Stuff::Mottled, 0.1)
    };
    let hair = b.material(hair);
    let dark = kit.paint(rng, Vec3::splat(0.08));
    let dark = b.material(dark);
    let centre = Vec3::new(0.0, r * 2.1, 0.0);
    b.mesh.tube(
        &[
            place.transform_point3(Vec3::ZERO),
            place.transform_point3(Vec3::Y * r * 1.5),
        ],
        10,
        flesh,
        |_| r * 0.6,
    );
    let on = |p: Vec3| place * Affine3A::from_translation(centre + p * r);
    b.mesh
        .ellipsoid(on(Vec3::ZERO), Vec3::new(r, r * 1.3, r * 1.12), 14, flesh);
    b.mesh.ellipsoid(
        on(Vec3::new(0.0, -0.15, 1.1)),
        Vec3::new(0.16, 0.28, 0.22) * r,
        7,
        flesh,
    );
    for side in [-1.0, 1.0] {
        b.mesh.ellipsoid(
            on(Vec3::new(side * 0.38, 0.15, 0.97)),
            Vec3::new(0.15, 0.09, 0.08) * r,
            6,
            dark,
        );
        b.mesh.ellipsoid(
            on(Vec3::new(side, 0.0, 0.0)),
            Vec3::new(0.1, 0.28, 0.18) * r,
            6,
            flesh,
        );
    }
    let m = hsv(rng.normal(5.0, 8.0), 0.6, rng.range(0.3, 0.7));
    let mouth = kit.paint(rng, m);
    let mouth = b.material(mouth);
    b.mesh.ellipsoid(
        on(Vec3::new(0.0, -0.65, 0.88)),
        Vec3::new(0.3, 0.07, 0.1) * r,
        6,
        mouth,
    );
    match rng.int(0, 5) {
        0 => {}
        1 => {
            let wide = rng.range(1.1, 2.0);
            let hat = kit.any(rng, 0.2);
            let hat = b.material(hat);
            let profile = [
                (r * wide, 0.0),
                (r * 1.05, r * 0.08),
                (r * 1.0, r * 0.9),
                (0.0, r * rng.range(1.0, 1.3)),
            ];
            b.mesh.lathe(on(Vec3::Y * 0.55), &profile, 18, hat);
        }
        style => {
            let puff = rng.range(1.04, 1.5);
            b.mesh.ellipsoid(
                on(Vec3::new(0.0, 0.28, -0.22)),
                Vec3::new(puff, puff * 1.1, puff) * r,
                12,
                hair,
            );
            if style == 2 {
                let long = rng.range(1.2, 3.0);
                b.mesh.superellipsoid(
                    on(Vec3::new(0.0, 0.6 - long, -0.55)),
                    Vec3::new(1.15, long, 0.5) * r,
                    Vec2::splat(0.6),
                    10,
                    hair,
                );
            }
        }
    }
    if rng.chance(0.2) {
        for side in [-1.0, 1.0] {
            let rim: Vec<Vec3> = (0..=12)
                .map(|i| {
                    let a = TAU * i as f32 / 12.0;
                    on(Vec3::new(
                        side * 0.42 + a.cos() * 0.3,
                        0.13 + a.sin() * 0.25,
                        1.15,
                    ))
                    .translation
                    .into()
                })
                .collect();
            b.mesh.tube(&rim, 5, dark, |_| r * 0.035);
        }
    }
}

/// Head and shoulders; `r` is half the width of the head in metres.
pub fn bust(rng: &mut Rng, kit: &Kit, r: f32) -> Builder {
    let r = r * rng.range(0.8, 1.15);
    let mut b = Builder::default();
    let flesh = if rng.chance(0.85) {
        skin(rng, kit)
    } else {
        kit.any(rng, 0.3)
    };
    let flesh = b.material(flesh);
    let stuff = *rng.pick(&[Stuff::Cloth, Stuff::Plain, Stuff::Mottled]);
    let shirt = kit.stuff(rng, stuff, 0.3);
    let shirt = b.material(shirt);
    let (broad, deep) = (r * rng.range(2.2, 3.1), r * rng.range(1.0, 1.5));
    b.mesh.superellipsoid(
        shift(0.0, r * 1.3, 0.0),
        Vec3::new(broad, r * 3.2, deep),
        Vec2::new(0.75, 0.9),
        14,
        shirt,
    );
    for side in [-1.0, 1.0] {
        let shoulder = Vec3::new(side * broad * 0.85, r * 3.2, 0.0);
        let elbow = shoulder
            + Vec3::new(
                side * r * rng.range(0.2, 1.5),
                -r * rng.range(2.5, 4.0),
                r * rng.range(-1.0, 1.5),
            );
        b.mesh
            .tube(&[shoulder, elbow], 9, shirt, |t| r * (0.8 - 0.25 * t));
    }
    let turn =
        Affine3A::from_rotation_y(rng.normal(0.0, 0.5)) * Affine3A::from_rotation_z(rng.normal(0.0, 0.12));
    head(rng, kit, &mut b, shift(0.0, r * 4.1, 0.0) * turn, r, flesh);
    b
}

/// A standing, walking or gesturing person, 1.5 to 1.95 m.
pub fn person(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let flesh = skin(rng, kit);
    let flesh = b.material(flesh);
    let stuff = if rng.chance(0.6) {
        Stuff::Plain
    } else {
        Stuff::Cloth
    };
    let shirt = kit.stuff(rng, stuff, 0.4);
    let shirt = b.material(shirt);
    let c = colour(rng) * rng.range(0.2, 0.9);
    let trousers = kit.paint(rng, c);
    let trousers = b.material(trousers);
    let scale = rng.range(0.86, 1.12);
    let stout = rng.range(0.8, 1.35);
    let (hip, neck) = (0.88 * scale, 1.43 * scale);
    let skirt = rng.chance(0.2);
    b.mesh.superellipsoid(
        shift(0.0, (hip + neck) * 0.5, 0.0),
        Vec3::new(0.19 * stout, (neck - hip) * 0.62, 0.12 * stout),
        Vec2::new(0.6, 0.8),
        10,
        shirt,
    );
    if skirt {
        b.mesh.lathe(
            Affine3A::IDENTITY,
            &[
                (0.3 * stout, hip * rng.range(0.2, 0.6)),
                (0.16 * stout, hip * 1.08),
            ],
            14,
            trousers,
        );
    }
    let stride = rng.normal(0.0, 0.18);
    for side in [-1.0, 1.0] {
        let foot = Vec3::new(side * rng.range(0.08, 0.16), 0.05, side * stride);
        let knee = Vec3::new(side * 0.11, hip * 0.5, side * stride * 0.6 + 0.04);
        let leg = if skirt { flesh } else { trousers };
        b.mesh.tube(
            &[Vec3::new(side * 0.09 * stout, hip, 0.0), knee, foot],
            8,
            leg,
            |t| 0.085 * stout - 0.04 * t,
        );
        b.mesh.ellipsoid(
            shift(foot.x, 0.045, foot.z + 0.06),
            Vec3::new(0.05, 0.045, 0.13),
            7,
            trousers,
        );
        let shoulder = Vec3::new(side * 0.2 * stout, neck - 0.06, 0.0);
        let lift = if rng.chance(0.25) {
            rng.range(-0.2, 0.35)
        } else {
            -0.3
        };
        let elbow = shoulder
            + Vec3::new(
                side * rng.range(0.04, 0.2),
                lift.min(-0.05) * scale,
                rng.normal(0.0, 0.08),
            );
        let hand =
            elbow + Vec3::new(side * rng.normal(0.0, 0.1), lift * 0.85, rng.range(-0.05, 0.22)) * scale;
        b.mesh
            .tube(&[shoulder, elbow, hand], 7, shirt, |t| 0.055 * stout - 0.02 * t);
        b.mesh
            .ellipsoid(Affine3A::from_translation(hand), Vec3::splat(0.045), 6, flesh);
        if rng.chance(0.15) {
            let bag = kit.any(rng, 0.3);
            let bag = b.material(bag);
            b.mesh.superellipsoid(
                Affine3A::from_translation(hand - Vec3::Y * 0.22),
                Vec3::new(0.06, 0.17, 0.16),
                Vec2::splat(0.3),
                7,
                bag,
            );
        }
    }
    let turn = Affine3A::from_rotation_y(rng.normal(0.0, 0.5));
    head(
        rng,
        kit,
        &mut b,
        shift(0.0, neck, 0.0) * turn,
        0.085 * scale,
        flesh,
    );
    b
}

/// A four-legged animal between cat and cow.
pub fn animal(rng: &mut Rng, kit: &Kit) -> Builder {
    let mut b = Builder::default();
    let stuff = *rng.pick(&[Stuff::Mottled, Stuff::Plain, Stuff::Photo]);
    let fur = if rng.chance(0.5) {
        let c = hair_colour(rng);
        kit.paint(rng, c)
    } else {
        kit.stuff(rng, stuff, 0.5)
    };
    let fur = b.material(fur);
    let dark = kit.paint(rng, Vec3::splat(0.06));
    let dark = b.material(dark);
    let s = rng.log_range(0.25, 1.3);
    let (leg, length, girth) = (rng.range(0.25, 0.7), rng.range(0.35, 0.6), rng.range(0.14, 0.28));
    let body = leg + girth * 0.8;
    let sits = rng.chance(0.3);
    let tilt = if sits { -0.7 } else { 0.0 };
    let trunk =
        Affine3A::from_scale(Vec3::splat(s)) * shift(0.0, body, 0.0) * Affine3A::from_rotation_x(tilt);
    b.mesh.superellipsoid(
        trunk,
        Vec3::new(girth, girth * 1.1, length),
        Vec2::splat(0.85),
        11,
        fur,
    );
    for (x, z) in [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
        let hip = trunk.transform_point3(Vec3::new(x * girth * 0.6, -girth * 0.3, z * length * 0.75));
        let foot = Vec3::new(hip.x, 0.0, hip.z + s * rng.normal(0.0, 0.08));
        let knee = (hip + foot) * 0.5 + Vec3::Z * s * 0.04 * -z;
        b.mesh
            .tube(&[hip, knee, foot], 7, fur, |t| s * girth * (0.42 - 0.22 * t));
    }
    let lift = rng.range(0.1, 0.5);
    let chest = trunk.transform_point3(Vec3::new(0.0, girth * 0.4, length * 0.8));
    let skull = chest + Vec3::new(s * rng.normal(0.0, 0.06), s * lift, s * rng.range(0.1, 0.3));
    b.mesh
        .tube(&[chest, skull], 9, fur, |t| s * girth * (0.75 - 0.25 * t));
    let r = s * girth * rng.range(0.6, 0.95);
    let turn = Affine3A::from_translation(skull) * Affine3A::from_rotation_y(rng.normal(0.0, 0.6));
    b.mesh.ellipsoid(turn, Vec3::new(r, r, r * 1.1), 10, fur);
    let snout = rng.range(0.3, 1.2);
    b.mesh.ellipsoid(
        turn * shift(0.0, -r * 0.25, r * (0.6 + snout * 0.5)),
        Vec3::new(r * 0.45, r * 0.4, r * snout),
        8,
        fur,
    );
    b.mesh.ellipsoid(
        turn * shift(0.0, -r * 0.15, r * (0.6 + snout * 1.45)),
        Vec3::splat(r * 0.13),
        6,
        dark,
    );
    let ear = rng.range(0.3, 1.1);
    for side in [-1.0, 1.0] {
        b.mesh.ellipsoid(
            turn * shift(side * r * 0.4, r * 0.3, r * 0.9),
            Vec3::splat(r * 0.12),
            6,
            dark,
        );
        let base = turn.transform_point3(Vec3::new(side * r * 0.6, r * 0.6, 0.0));
        let tip = turn.transform_point3(Vec3::new(side * r * 0.9, r * (0.7 + ear), 0.0));
        b.mesh
            .tube(&[base, tip], 6, fur, |t| r * 0.35 * (1.0 - t) + 0.002);
    }
    let rump = trunk.transform_point3(Vec3::new(0.0, girth * 0.4, -length));
    let tail = rump
        + Vec3::new(
            s * rng.normal(0.0, 0.1),
            s * rng.range(-0.25, 0.25),
            -s * rng.range(0.1, 0.3),
        );
    b.mesh.tube(
        &[rump, (rump + tail) * 0.5 + Vec3::Y * s * 0.04, tail],
        6,
        fur,
        |t| s * (0.035 - 0.02 * t),
    );
    b
}
