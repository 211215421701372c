//! Kinds of scenes, one file each.

mod arrangement;
mod closeup;
mod corridor;
mod crowd;
mod foliage;
mod landscape;
mod light;
mod portrait;
mod room;
mod street;
mod tabletop;

use crate::camera::Camera;
use crate::kit::Kit;
use crate::library::Library;
use crate::model::{Backdrop, Builder, Light, Placed, Scene};
use crate::rng::Rng;
use glam::{Affine3A, Vec3};

/// A kind of scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Room,
    Tabletop,
    Arrangement,
    Closeup,
    Portrait,
    Street,
    Corridor,
    Landscape,
    Foliage,
    Crowd,
}

/// Every kind with its share of the pictures.
pub const KINDS: [(Kind, f32); 10] = [
    (Kind::Room, 0.36),
    (Kind::Tabletop, 0.11),
    (Kind::Arrangement, 0.14),
    (Kind::Closeup, 0.05),
    (Kind::Portrait, 0.07),
    (Kind::Street, 0.12),
    (Kind::Corridor, 0.04),
    (Kind::Landscape, 0.05),
    (Kind::Foliage, 0.03),
    (Kind::Crowd, 0.03),
];

/// What scenes are made from.
#[derive(Clone, Copy)]
pub struct Stock<'a> {
    pub kit: &'a Kit,
    pub library: &'a Library,
}

/// A scene and the ways to look at it.
pub struct Stage {
    pub scene: Scene,
    /// Draws a camera; the caller checks what it sees.
    pub camera: Box<dyn Fn(&mut Rng) -> Camera>,
    /// Chance that far or near things are out of focus.
    pub blur: f32,
}

impl Kind {
    pub fn draw(rng: &mut Rng) -> Self {
        let mut left = rng.unit() * KINDS.iter().map(|k| k.1).sum::<f32>();
        for (kind, share) in KINDS {
            left -= share;
            if left < 0.0 {
                return kind;
            }
        }
        Self::Room
    }

    pub fn build(self, rng: &mut Rng, stock: Stock) -> Stage {
        match self {
            Self::Room => room::build(rng, stock),
            Self::Tabletop => tabletop::build(rng, stock),
            Self::Arrangement => arrangement::build(rng, stock),
            Self::Closeup => closeup::build(rng, stock),
            Self::Portrait => portrait::build(rng, stock),
            Self::Street => street::build(rng, stock),
            Self::Corridor => corridor::build(rng, stock),
            Self::Landscape => landscape::build(rng, stock),
            Self::Foliage => foliage::build(rng, stock),
            Self::Crowd => crowd::build(rng, stock),
        }
    }
}

/// Scene under construction: what is built once, and what is placed.
#[derive(Default)]
struct Set {
    fixed: Builder,
    placed: Vec<Placed>,
}

impl Set {
    /// Builds `thing` into the scene at `place`.
    fn add(&mut self, thing: &Builder, place: Affine3A) {
        self.fixed.append(thing, place);
    }

    fn finish(mut self, light: Light, backdrop: Backdrop) -> Scene {
        self.placed
            .push(Placed::new(self.fixed.build(), Affine3A::IDENTITY));
        Scene::new(self.placed, light, backdrop)
    }
}

/// A view angle along the longer side, radians: 35 to 85 degrees, mostly like a phone or camera.
fn view_angle(rng: &mut Rng) -> f32 {
    rng.normal(60.0, 11.0).clamp(33.0, 88.0).to_radians()
}

/// Camera roll in radians: mostly level.
fn roll(rng: &mut Rng) -> f32 {
    if rng.chance(0.2) {
        rng.normal(0.0, 0.12)
    } else {
        rng.normal(0.0, 0.02)
    }
}

/// Now and then something in front of the camera: a leaf, a bar, an edge of something.
fn foreground(rng: &mut Rng, stock: Stock, set: &mut Set, camera: Vec3, target: Vec3, outdoors: bool) {
    if !rng.chance(0.12) {
        return;
    }
    let forward = (target - camera).normalize_or(Vec3::Z);
    let side = forward.cross(Vec3::Y).normalize_or(Vec3::X);
    let distance = (target - camera).length() * rng.range(0.2, 0.4);
    let place = camera + forward * distance + side * distance * rng.sign() * rng.range(0.25, 0.6);
    let thing = match (outdoors, rng.int(0, 3)) {
        (true, 0) => crate::props::plants::bush(rng, stock.kit),
        (true, 1) => crate::props::plants::rosette(rng, stock.kit, 1.0),
        (false, 0) => crate::props::plants::rosette(rng, stock.kit, 1.0),
        (false, 1) => crate::props::objects::any(rng, stock.kit),
        _ => crate::props::figures::bust(rng, stock.kit, 0.09),
    };
    let size = thing.bounds().size().max_element().max(1e-3);
    let wanted = distance * rng.range(0.4, 0.9);
    let scale = Affine3A::from_scale(Vec3::splat(wanted / size));
    let turn = Affine3A::from_rotation_y(rng.range(0.0, std::f32::consts::TAU));
    set.add(
        &thing,
        Affine3A::from_translation(place - Vec3::Y * wanted * rng.range(0.4, 0.9)) * turn * scale,
    );
}
