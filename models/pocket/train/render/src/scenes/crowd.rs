//! Many people or animals on a square, a lawn or in a hall.

use super::{Set, Stage, Stock, light, roll, street, view_angle};
use crate::camera::Camera;
use crate::kit::Stuff;
use crate::model::Placed;
use crate::props::{at, figures};
use crate::rng::Rng;
use glam::Vec3;
use std::f32::consts::TAU;

pub fn build(rng: &mut Rng, stock: Stock) -> Stage {
    let kit = stock.kit;
    let mut set = Set::default();
    let (light, backdrop, _) = light::outdoors(rng, kit, 200.0);
    let ground = *rng.pick(&[Stuff::Ground, Stuff::Masonry, Stuff::Plain]);
    let ground = kit.stuff(rng, ground, 2.0);
    let ground = set.fixed.material(ground);
    set.fixed.mesh.quad(
        Vec3::new(-200.0, 0.0, 200.0),
        Vec3::X * 400.0,
        Vec3::NEG_Z * 230.0,
        ground,
    );
    if rng.chance(0.7) {
        let away = rng.range(5.0, 14.0);
        street::sides(rng, stock, &mut set, away, 60.0);
    }
    let animals = rng.chance(0.2);
    let people: Vec<_> = (0..6)
        .map(|_| {
            if animals {
                figures::animal(rng, kit)
            } else {
                figures::person(rng, kit)
            }
            .build()
        })
        .collect();
    for _ in 0..rng.int(5, 45) {
        let away = rng.log_range(1.3, 30.0);
        let place = Vec3::new(rng.range(-0.75, 0.75) * away, 0.0, away);
        let c = Vec3::new(rng.range(0.4, 1.2), rng.range(0.4, 1.2), rng.range(0.4, 1.2));
        set.placed.push(Placed {
            model: rng.pick(&people).clone(),
            place: at(place, rng.range(0.0, TAU)),
            tint: c,
        });
    }
    let eye = Vec3::Y
        * if rng.chance(0.8) {
            rng.range(1.0, 1.9)
        } else {
            rng.range(2.0, 6.0)
        };
    let down = rng.range(0.0, 0.5) * eye.y;
    let camera = move |rng: &mut Rng| {
        let target = Vec3::new(rng.normal(0.0, 1.0), eye.y - down + rng.normal(0.0, 0.3), 5.0);
        Camera::look_at(eye, target, roll(rng), view_angle(rng))
    };
    Stage {
        scene: set.finish(light, backdrop),
        camera: Box::new(camera),
        blur: 0.2,
    }
}
