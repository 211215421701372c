//! A large near subject, a person or an animal, before something far away.

use super::{Set, Stage, Stock, light, roll, street};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::props::{at, figures, furniture, plants};
use crate::rng::Rng;
use glam::{Affine3A, Vec3};
use std::f32::consts::{PI, TAU};

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    // The subject stands at the origin and faces the camera on its -z side.
    let (subject, eye_height) = match rng.int(0, 10) {
        0..6 => (figures::bust(rng, kit, 0.09), None),
        6..9 => (figures::animal(rng, kit), None),
        _ => (figures::person(rng, kit), Some(rng.range(0.8, 1.6))),
    };
    let size = subject.bounds().size();
    let sits_on = if size.y < 1.2 && rng.chance(0.8) {
        rng.range(0.4, 1.0)
    } else {
        0.0
    };
    set.add(&subject, at(Vec3::Y * sits_on, PI + rng.normal(0.0, 0.6)));
    if rng.chance(0.3) {
        let second = if rng.chance(0.7) {
            figures::bust(rng, kit, 0.09)
        } else {
            figures::animal(rng, kit)
        };
        let side = rng.sign();
        set.add(
            &second,
            at(
                Vec3::new(side * rng.range(0.5, 0.9), sits_on - 0.05, rng.range(-0.2, 0.8)),
                PI + rng.normal(0.0, 0.6),
            ),
        );
    }
    let middle = Vec3::Y * (sits_on + size.y * rng.range(0.5, 0.75));
    let (light, backdrop) = if rng.chance(0.55) {
        let half = Vec3::new(2.5, 1.35, rng.range(1.2, 3.5));
        let (l, b, night) = light::indoors(rng, kit, Vec3::new(-2.5, 0.0, -1.6), Vec3::new(2.5, 2.7, half.z));
        let mut room = Set::default();
        super::room::shell(rng, stock, &mut room, half, night);
        set.add(&room.fixed, Affine3A::from_translation(Vec3::Z * (half.z - 1.7)));
        for _ in 0..rng.int(0, 6) {
            let piece = furniture::any(rng, kit);
            let spot = Vec3::new(
                rng.range(-2.2, 2.2),
                0.0,
                rng.range(0.8, (half.z * 2.0 - 1.9).max(0.9)),
            );
            set.add(&piece, at(spot, rng.range(0.0, TAU)));
        }
        (l, b)
    } else {
        let (l, b, _) = light::outdoors(rng, kit, 150.0);
        let stuff = if rng.chance(0.7) {
            Stuff::Ground
        } else {
            Stuff::Masonry
        };
        let ground = kit.stuff(rng, stuff, 1.5);
        let ground = set.fixed.material(ground);
        set.fixed.mesh.quad(
            Vec3::new(-150.0, 0.0, 150.0),
            Vec3::X * 300.0,
            Vec3::NEG_Z * 160.0,
            ground,
        );
        if rng.chance(0.5) {
            street::sides(rng, stock, &mut set, 4.0, 40.0);
        }
        for _ in 0..rng.int(2, 14) {
            let thing = if rng.chance(0.6) {
                plants::tree(rng, kit)
            } else {
                plants::bush(rng, kit)
            };
            let away = rng.log_range(3.0, 40.0);
            set.add(
                &thing,
                at(
                    Vec3::new(rng.range(-1.0, 1.0) * away * 0.8, 0.0, away),
                    rng.range(0.0, TAU),
                ),
            );
        }
        (l, b)
    };
    let reach = size.y.max(size.x * 0.8) * rng.range(0.75, 1.7);
    let camera = move |rng: &mut Rng| {
        let fov = rng.range(28.0, 62.0).to_radians();
        let distance = (reach * 0.5 / (fov * 0.5).tan()).max(0.35);
        let target = middle + Vec3::new(rng.normal(0.0, 0.15), rng.normal(0.0, 0.08), 0.0) * reach;
        let height = eye_height
            .unwrap_or(middle.y + rng.normal(0.0, 0.2) * distance)
            .max(0.1);
        let eye = Vec3::new(rng.normal(0.0, 0.2) * distance, height, -distance);
        Camera::look_at(eye, target, roll(rng), fov)
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.55,
    }
}
