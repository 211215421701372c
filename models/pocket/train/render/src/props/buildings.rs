//! Buildings, walls and fences.

use super::shift;
use crate::kit::{Kit, Stuff};
use crate::model::Builder;
use crate::patterns::pale;
use crate::rng::Rng;
use glam::{Vec2, Vec3};

/// A house front `width` metres wide on the plane z = 0 that faces +z, the house behind it.
pub fn house(rng: &mut Rng, kit: &Kit, width: f32, depth: f32) -> Builder {
    let mut b = Builder::default();
    let storeys = 1 + (rng.unit().powi(2) * 7.0) as usize;
    let storey = rng.range(2.7, 3.6);
    let height = storey * storeys as f32;
    let bay = rng.range(2.2, 4.0);
    let mut front = kit.once(rng, Stuff::Facade);
    front.repeat = Vec2::new((width / bay).round().max(1.0) / width, 1.0 / storey);
    let front = b.material(front);
    let stuff = if rng.chance(0.6) {
        Stuff::Masonry
    } else {
        Stuff::Plain
    };
    let roof = kit.stuff(rng, stuff, 1.5);
    let roof = b.material(roof);
    let half = Vec3::new(width * 0.5, height * 0.5, depth * 0.5);
    b.mesh.cuboid(shift(0.0, half.y, -half.z), half, front);
    if rng.chance(0.55) {
        let (rise, over) = (rng.range(1.0, 3.5), 0.4);
        for side in [0.0, -1.0] {
            let eave = Vec3::new(
                -half.x - over,
                height,
                side * depth + if side == 0.0 { over } else { -over },
            );
            let ridge = Vec3::new(-half.x - over, height + rise, -half.z);
            b.mesh
                .quad(eave, Vec3::X * (width + 2.0 * over), ridge - eave, roof);
        }
        for x in [-1.0, 1.0] {
            let gable = [(0.0, 0.0), (0.0, -depth), (rise, -half.z)]
                .map(|(y, z)| Vec3::new(x * half.x, height + y, z));
            b.mesh.triangle(gable, roof);
        }
        if rng.chance(0.5) {
            b.mesh.cuboid(
                shift(half.x * rng.range(-0.7, 0.7), height + rise, -half.z),
                Vec3::new(0.4, 0.9, 0.4),
                roof,
            );
        }
    } else {
        b.mesh.cuboid(
            shift(0.0, height + 0.15, -half.z),
            Vec3::new(half.x + 0.15, 0.2, half.z + 0.15),
            roof,
        );
    }
    let trim = pale(rng);
    let trim = kit.paint(rng, trim);
    let trim = b.material(trim);
    if rng.chance(0.6) {
        for k in 1..=storeys {
            b.mesh.cuboid(
                shift(0.0, storey * k as f32, 0.03),
                Vec3::new(half.x, 0.08, 0.08),
                trim,
            );
        }
    }
    if rng.chance(0.35) {
        let rail = kit.once(rng, Stuff::Lattice);
        let rail = b.material(rail);
        let columns = (width / bay).round().max(1.0);
        for k in 1..storeys {
            for c in 0..columns as usize {
                if rng.chance(0.5) {
                    let x = ((c as f32 + 0.5) / columns - 0.5) * width;
                    let y = storey * k as f32 + 0.2;
                    b.mesh
                        .cuboid(shift(x, y, 0.5), Vec3::new(bay * 0.38, 0.07, 0.5), trim);
                    b.mesh.picture(
                        Vec3::new(x - bay * 0.38, y, 1.0),
                        Vec3::X * bay * 0.76,
                        Vec3::Y * 0.95,
                        rail,
                    );
                }
            }
        }
    }
    // Shop or door on the street.
    let shop = kit.stuff(rng, Stuff::Picture, 2.5);
    let shop = b.material(shop);
    if rng.chance(0.5) {
        b.mesh.cuboid(
            shift(0.0, 1.3, 0.05),
            Vec3::new(half.x * rng.range(0.5, 0.95), 1.3, 0.06),
            shop,
        );
        let awning = kit.stuff(rng, Stuff::Cloth, 1.0);
        let awning = b.material(awning);
        if rng.chance(0.5) {
            b.mesh.quad(
                Vec3::new(-half.x * 0.9, 2.4, 1.3),
                Vec3::X * half.x * 1.8,
                Vec3::new(0.0, 0.6, -1.25),
                awning,
            );
        }
    } else {
        b.mesh.cuboid(
            shift(half.x * rng.range(-0.6, 0.6), 1.05, 0.03),
            Vec3::new(0.5, 1.05, 0.06),
            trim,
        );
    }
    b
}

/// A wall, hedge or fence along x, `length` metres long.
pub fn barrier(rng: &mut Rng, kit: &Kit, length: f32) -> Builder {
    let mut b = Builder::default();
    let height = rng.range(0.7, 2.2);
    if rng.chance(0.5) {
        let stuff = if rng.chance(0.5) {
            Stuff::Masonry
        } else {
            Stuff::Ground
        };
        let m = kit.stuff(rng, stuff, 1.0);
        let m = b.material(m);
        b.mesh.cuboid(
            shift(0.0, height * 0.5, 0.0),
            Vec3::new(length * 0.5, height * 0.5, rng.range(0.1, 0.4)),
            m,
        );
    } else {
        let mut m = kit.once(rng, Stuff::Lattice);
        m.repeat = Vec2::new((length / height).round().max(1.0), 1.0);
        let m = b.material(m);
        b.mesh.picture(
            Vec3::new(-length * 0.5, 0.0, 0.0),
            Vec3::X * length,
            Vec3::Y * height,
            m,
        );
        for k in 0..=(length / 2.0) as usize {
            b.mesh.cuboid(
                shift(k as f32 * 2.0 - length * 0.5, height * 0.5, 0.0),
                Vec3::new(0.05, height * 0.52, 0.05),
                m,
            );
        }
    }
    b
}
