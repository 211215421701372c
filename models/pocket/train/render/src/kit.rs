//! The stock of textures that the scenes of one shard are made from.

use crate::model::Material;
use crate::patterns;
use crate::rng::Rng;
use crate::texture::Texture;
use glam::{Vec2, Vec3};
use image::RgbImage;
use std::sync::Arc;

/// What a surface is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stuff {
    Plain,
    Pale,
    Wood,
    Masonry,
    Cloth,
    Ground,
    Mottled,
    Page,
    /// A photo, poster or page: something that shows depth or relief where there is none.
    Picture,
    /// A coarse part of a photo used as a material.
    Photo,
    Facade,
    Leaves,
    Tuft,
    Lattice,
}

/// Textures by kind.
#[derive(Clone)]
pub struct Kit {
    shelves: Vec<(Stuff, Vec<Arc<Texture>>)>,
    /// Wide photos for backdrops.
    pub vistas: Vec<Arc<Texture>>,
    pub clouds: Vec<Arc<Texture>>,
}

impl Kit {
    /// Makes a new stock; `photos` may be empty.
    pub fn new(rng: &mut Rng, photos: &[RgbImage]) -> Self {
        let mut shelf = |stuff, count: usize, make: &mut dyn FnMut(&mut Rng) -> Arc<Texture>| {
            let made: Vec<Arc<Texture>> = (0..count).map(|_| make(rng)).collect();
            (stuff, made)
        };
        let shelves = vec![
            shelf(Stuff::Plain, 16, &mut |r| {
                let c = patterns::colour(r);
                patterns::plain(r, c)
            }),
            shelf(Stuff::Pale, 8, &mut |r| {
                let c = patterns::pale(r);
                patterns::plain(r, c)
            }),
            shelf(Stuff::Wood, 12, &mut patterns::wood),
            shelf(Stuff::Masonry, 10, &mut patterns::masonry),
            shelf(Stuff::Cloth, 16, &mut patterns::print),
            shelf(Stuff::Ground, 10, &mut patterns::ground),
            shelf(Stuff::Mottled, 12, &mut patterns::mottled),
            shelf(Stuff::Page, 8, &mut patterns::page),
            shelf(Stuff::Picture, 20, &mut |r| {
                match r.int(0, 4) {
                    0 => Some(patterns::poster(r)),
                    1 => Some(patterns::page(r)),
                    _ => patterns::photo(r, photos, 0.3),
                }
                .unwrap_or_else(|| patterns::poster(r))
            }),
            shelf(Stuff::Photo, 14, &mut |r| {
                patterns::photo(r, photos, 0.08).unwrap_or_else(|| patterns::mottled(r))
            }),
            shelf(Stuff::Facade, 10, &mut patterns::facade),
            shelf(Stuff::Leaves, 8, &mut |r| {
                let d = r.unit();
                patterns::leaves(r, d)
            }),
            shelf(Stuff::Tuft, 6, &mut patterns::tuft),
            shelf(Stuff::Lattice, 6, &mut patterns::lattice),
        ];
        let vistas = (0..4).filter_map(|_| patterns::photo(rng, photos, 0.8)).collect();
        let clouds = (0..4)
            .map(|_| {
                let (s, base) = (rng.int(0, 1 << 30) as u32, rng.int(2, 5) as i32);
                Arc::new(Texture::from_fn(256, 256, |x, y| {
                    let n = crate::noise::fractal(Vec2::new(x, y), base, 6, s);
                    [n, n, n, 1.0]
                }))
            })
            .collect();
        Self {
            shelves,
            vistas,
            clouds,
        }
    }

    /// This stock as the things of one scene use it: as it is, or with most patterns left out, as in a white
    /// kitchen, or with few plain things, as in a toy shop.
    pub fn in_mood(&self, rng: &mut Rng) -> Self {
        let mut kit = self.clone();
        let (from, to): (&[Stuff], &[Stuff]) = match rng.int(0, 20) {
            0..5 => (
                &[
                    Stuff::Cloth,
                    Stuff::Masonry,
                    Stuff::Mottled,
                    Stuff::Page,
                    Stuff::Photo,
                    Stuff::Picture,
                ],
                &[Stuff::Plain, Stuff::Pale, Stuff::Wood],
            ),
            5..8 => (
                &[Stuff::Plain, Stuff::Wood, Stuff::Mottled],
                &[Stuff::Cloth, Stuff::Photo, Stuff::Picture, Stuff::Page],
            ),
            _ => return kit,
        };
        for stuff in from {
            if rng.chance(0.25) {
                continue;
            }
            let other = *rng.pick(to);
            let textures = self.shelf(other).to_vec();
            if let Some((_, shelf)) = kit.shelves.iter_mut().find(|(s, _)| s == stuff) {
                *shelf = textures;
            }
        }
        kit
    }

    fn shelf(&self, stuff: Stuff) -> &[Arc<Texture>] {
        self.shelves
            .iter()
            .find(|(s, _)| *s == stuff)
            .map_or(&self.shelves[0].1, |(_, t)| t)
    }

    fn texture(&self, rng: &mut Rng, stuff: Stuff) -> Arc<Texture> {
        rng.pick(self.shelf(stuff)).clone()
    }

    /// A material of the given stuff whose texture is `size` metres wide (give or take).
    pub fn stuff(&self, rng: &mut Rng, stuff: Stuff, size: f32) -> Material {
        let level = rng.range(0.6, 1.15);
        let cast = Vec3::new(
            rng.normal(1.0, 0.07),
            rng.normal(1.0, 0.05),
            rng.normal(1.0, 0.07),
        );
        Material {
            texture: self.texture(rng, stuff),
            repeat: Vec2::splat(1.0 / (size * rng.log_range(0.7, 1.4))),
            tint: (cast * level).clamp(Vec3::ZERO, Vec3::splat(1.3)),
            gloss: if rng.chance(0.3) {
                rng.range(0.05, 0.6)
            } else {
                0.0
            },
            glow: 0.0,
        }
    }

    /// A texture that fills the shape once (pictures, cards), matt.
    pub fn once(&self, rng: &mut Rng, stuff: Stuff) -> Material {
        Material {
            repeat: Vec2::ONE,
            gloss: 0.0,
            ..self.stuff(rng, stuff, 1.0)
        }
    }

    /// Whatever an object may be made of.
    pub fn any(&self, rng: &mut Rng, size: f32) -> Material {
        let stuff = *rng.pick(&[
            Stuff::Plain,
            Stuff::Plain,
            Stuff::Pale,
            Stuff::Wood,
            Stuff::Cloth,
            Stuff::Mottled,
            Stuff::Photo,
            Stuff::Page,
            Stuff::Masonry,
        ]);
        self.stuff(rng, stuff, size)
    }

    /// A single colour without texture detail: plastic, paint, glaze, skin.
    pub fn paint(&self, rng: &mut Rng, colour: Vec3) -> Material {
        let base = self.stuff(rng, Stuff::Pale, 0.5);
        Material {
            tint: colour * colour,
            ..base
        }
    }
}
