//! From a scene and a camera to light and exact depth.
//!
//! One ray a pixel gives depth, colour and light (one shadow ray a lamp, one occlusion ray); the light is then
//! smoothed within each surface. Pixels at edges get three more rays for their colour, lit by the smoothed light
//! of the neighbouring pixel on the same surface.

use crate::bvh::Ray;
use crate::camera::Camera;
use crate::model::{Scene, Surface};
use crate::rng::Rng;
use glam::{Vec2, Vec3, Vec3A};

/// Linear light and inverse z-depth (1/m, 0 where nothing is hit), row by row.
pub struct Frame {
    pub width: usize,
    pub height: usize,
    pub light: Vec<Vec3>,
    pub inverse_depth: Vec<f32>,
}

/// A pixel before lighting.
#[derive(Clone, Copy)]
struct Sample {
    inverse: f32,
    normal: Vec3,
    colour: Vec3,
    glow: f32,
    /// Diffuse light, then highlight.
    received: Vec3,
    highlight: Vec3,
}

const MISS: Sample = Sample {
    inverse: 0.0,
    normal: Vec3::ZERO,
    colour: Vec3::ZERO,
    glow: 1.0,
    received: Vec3::ZERO,
    highlight: Vec3::ZERO,
};

/// Renders one picture.
pub fn render(scene: &Scene, camera: &Camera, width: usize, height: usize, rng: &mut Rng) -> Frame {
    let pixel = camera.pixel(width, height);
    let shoot = |x: f32, y: f32| -> (Ray, Option<(f32, Surface)>) {
        let ray = camera.ray(x, y, width, height);
        (
            ray,
            scene
                .hit(ray, f32::INFINITY)
                .map(|h| (h.t, scene.surface(ray, h, pixel))),
        )
    };
    let mut samples = vec![MISS; width * height];
    for (k, sample) in samples.iter_mut().enumerate() {
        let (x, y) = (k % width, k / width);
        let (ray, hit) = shoot(x as f32 + 0.5, y as f32 + 0.5);
        *sample = match hit {
            Some((t, surface)) => lit(scene, ray, t, &surface, dither(x, y), rng),
            None => Sample {
                colour: sky(scene, ray.direction.into()),
                ..MISS
            },
        };
    }
    smooth(&mut samples, width, height);
    let light = (0..width * height)
        .map(|k| {
            let (x, y) = (k % width, k / width);
            let own = finish(scene, &samples[k]);
            if !at_edge(&samples, x, y, width, height) {
                return own;
            }
            let mut sum = own;
            // The corners of a rotated grid: no two samples share a row or column.
            for (dx, dy) in [(0.125, 0.375), (0.875, 0.125), (0.375, 0.875)] {
                let (ray, hit) = shoot(x as f32 + dx, y as f32 + dy);
                sum += match hit {
                    Some((t, s)) => {
                        let here = Sample {
                            inverse: t.recip(),
                            normal: s.normal,
                            colour: s.colour,
                            glow: s.glow,
                            ..MISS
                        };
                        finish(scene, &borrow_light(here, scene, &samples, x, y, width, height))
                    }
                    None => sky(scene, ray.direction.into()),
                };
            }
            sum * 0.25
        })
        .collect();
    Frame {
        width,
        height,
        light,
        inverse_depth: samples.iter().map(|s| s.inverse).collect(),
    }
}

/// A 4x4 ordered pattern in 0..1: neighbouring pixels look at different parts of a lamp, and smoothing over
/// 4x4 pixels sees all of it.
fn dither(x: usize, y: usize) -> f32 {
    const ORDER: [u8; 16] = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
    (f32::from(ORDER[(y % 4) * 4 + x % 4]) + 0.5) / 16.0
}

fn lit(scene: &Scene, ray: Ray, t: f32, s: &Surface, offset: f32, rng: &mut Rng) -> Sample {
    let point = Vec3::from(ray.origin + ray.direction * t);
    let view = -Vec3::from(ray.direction).normalize();
    let origin = Vec3A::from(point + s.normal * (1e-3 + 5e-4 * t));
    let mut received = ambient(scene, s.normal);
    let mut highlight = Vec3::ZERO;
    let (a, b) = (offset, rng.unit());
    let disc = Vec2::from_angle(b * std::f32::consts::TAU) * a.sqrt();
    // Occlusion of the ambient light: one ray, cosine-distributed about the normal.
    let (e, f) = s.normal.any_orthonormal_pair();
    let up = s.normal * (1.0 - a).max(0.0).sqrt() + e * disc.x + f * disc.y;
    let reach = scene.light.occlusion_reach;
    if scene.blocked(
        Ray {
            origin,
            direction: up.into(),
        },
        reach,
    ) {
        received *= 0.3;
    }
    let mut add = |towards: Vec3, distance: f32, light: Vec3| {
        let direction = towards.normalize_or(Vec3::Y);
        let cosine = s.normal.dot(direction);
        if cosine > 0.0
            && !scene.blocked(
                Ray {
                    origin,
                    direction: direction.into(),
                },
                distance,
            )
        {
            received += light * cosine;
            if s.gloss > 0.0 {
                highlight += light
                    * s.gloss
                    * (view + direction)
                        .normalize_or(view)
                        .dot(s.normal)
                        .max(0.0)
                        .powf(30.0);
            }
        }
    };
    if let Some(sun) = &scene.light.sun {
        let (e, f) = sun.direction.any_orthonormal_pair();
        add(
            sun.direction + (e * disc.x + f * disc.y) * sun.radius,
            f32::INFINITY,
            sun.light,
        );
    }
    for lamp in &scene.light.lamps {
        let spot = lamp.position + lamp.spread * Vec3::new(disc.x, a * 2.0 - 1.0, disc.y);
        let towards = spot - point;
        add(
            towards,
            towards.length() * 0.98,
            lamp.power / towards.length_squared().max(0.3),
        );
    }
    Sample {
        inverse: t.recip(),
        normal: s.normal,
        colour: s.colour,
        glow: s.glow,
        received,
        highlight,
    }
}

fn ambient(scene: &Scene, normal: Vec3) -> Vec3 {
    scene.light.below.lerp(scene.light.above, normal.y * 0.5 + 0.5)
}

/// Averages the received light over 5x5 neighbours on the same smooth surface.
fn smooth(samples: &mut [Sample], width: usize, height: usize) {
    let smoothed: Vec<(Vec3, Vec3)> = (0..samples.len())
        .map(|k| {
            let (x, y) = (k % width, k / width);
            let here = samples[k];
            let (mut sum, mut shine, mut weight) = (Vec3::ZERO, Vec3::ZERO, 0.0);
            for j in y.saturating_sub(2)..(y + 3).min(height) {
                for i in x.saturating_sub(2)..(x + 3).min(width) {
                    let other = &samples[j * width + i];
                    if alike(&here, other) {
                        sum += other.received;
                        shine += other.highlight;
                        weight += 1.0;
                    }
                }
            }
            if weight > 0.0 {
                (sum / weight, shine / weight)
            } else {
                (here.received, here.highlight)
            }
        })
        .collect();
    for (sample, (received, highlight)) in samples.iter_mut().zip(smoothed) {
        (sample.received, sample.highlight) = (received, highlight);
    }
}

fn alike(a: &Sample, b: &Sample) -> bool {
    (a.inverse - b.inverse).abs() <= 0.06 * a.inverse && a.normal.dot(b.normal) > 0.9
}

fn at_edge(samples: &[Sample], x: usize, y: usize, width: usize, height: usize) -> bool {
    let here = &samples[y * width + x];
    let differs = |o: &Sample| {
        (here.inverse - o.inverse).abs() > 0.02 * here.inverse.max(o.inverse)
            || here.normal.dot(o.normal) < 0.95 && here.inverse > 0.0
            || (here.colour - o.colour).abs().max_element() > 0.2
    };
    (x > 0 && differs(&samples[y * width + x - 1]))
        || (x + 1 < width && differs(&samples[y * width + x + 1]))
        || (y > 0 && differs(&samples[(y - 1) * width + x]))
        || (y + 1 < height && differs(&samples[(y + 1) * width + x]))
}

/// Gives a sample the light of the neighbour that lies on the same surface, or plain daylight if none does.
fn borrow_light(
    s: Sample,
    scene: &Scene,
    samples: &[Sample],
    x: usize,
    y: usize,
    width: usize,
    height: usize,
) -> Sample {
    let mut best = (f32::INFINITY, None);
    for j in y.saturating_sub(1)..(y + 2).min(height) {
        for i in x.saturating_sub(1)..(x + 2).min(width) {
            let other = &samples[j * width + i];
            let distance = (s.inverse - other.inverse).abs() / s.inverse + 1.0 - s.normal.dot(other.normal);
            if distance < best.0 {
                best = (distance, Some(other));
            }
        }
    }
    match best {
        (distance, Some(o)) if distance < 0.5 => Sample {
            received: o.received,
            highlight: o.highlight,
            ..s
        },
        _ => {
            let sun = scene
                .light
                .sun
                .map_or(Vec3::ZERO, |sun| sun.light * s.normal.dot(sun.direction).max(0.0));
            Sample {
                received: ambient(scene, s.normal) + sun * 0.5,
                ..s
            }
        }
    }
}

fn finish(scene: &Scene, s: &Sample) -> Vec3 {
    if s.inverse == 0.0 {
        return s.colour;
    }
    let own = s.colour * (s.received + Vec3::splat(s.glow)) + s.highlight;
    let clear = (-1.0 / (s.inverse * scene.backdrop.haze)).exp();
    own * clear + scene.backdrop.horizon * (1.0 - clear)
}

fn sky(scene: &Scene, direction: Vec3) -> Vec3 {
    let b = &scene.backdrop;
    let d = direction.normalize();
    if let Some(photo) = &b.texture {
        // The photo hangs as a cylinder around the scene.
        let u = d.x.atan2(d.z) * 0.8;
        let v = (0.75 - d.y * 0.9).clamp(0.002, 0.998);
        return photo.sample(Vec2::new(u, v), 0.004) * b.zenith.max_element().max(b.horizon.max_element());
    }
    let height = d.y.max(0.0);
    let clear = b.horizon.lerp(b.zenith, height.powf(0.6).min(1.0));
    let plane = Vec2::new(d.x, d.z) / (height + 0.12) * 0.11;
    let noise = b.cloud_noise.sample(plane, 0.004).x.sqrt();
    let cover = ((noise - 1.0 + b.clouds) * 3.0).clamp(0.0, 1.0);
    clear.lerp(
        Vec3::splat(b.horizon.max_element()) * (0.75 + 0.35 * noise),
        cover,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Backdrop, Builder, Light, Material, Placed};
    use crate::texture::Texture;
    use glam::Affine3A;
    use std::sync::Arc;

    #[test]
    fn a_plane_at_a_known_distance_has_exactly_that_depth_everywhere() {
        let texture = Arc::new(Texture::from_fn(1, 1, |_, _| [0.5, 0.5, 0.5, 1.0]));
        let mut b = Builder::default();
        let grey = Material {
            texture: texture.clone(),
            repeat: Vec2::ONE,
            tint: Vec3::ONE,
            gloss: 0.0,
            glow: 0.0,
        };
        let m = b.material(grey);
        // A wall at z = 4 on the left half, at z = 2.5 on the right; a wide view angle would show ray length
        // instead of depth.
        b.mesh
            .quad(Vec3::new(-90.0, -90.0, 4.0), Vec3::X * 90.0, Vec3::Y * 180.0, m);
        b.mesh
            .quad(Vec3::new(0.0, -90.0, 2.5), Vec3::X * 90.0, Vec3::Y * 180.0, m);
        let light = Light {
            sun: None,
            lamps: vec![],
            above: Vec3::ONE,
            below: Vec3::ONE,
            occlusion_reach: 1.0,
        };
        let backdrop = Backdrop {
            texture: None,
            zenith: Vec3::ONE,
            horizon: Vec3::ONE,
            clouds: 0.0,
            cloud_noise: texture,
            haze: f32::INFINITY,
        };
        let scene = Scene::new(vec![Placed::new(b.build(), Affine3A::IDENTITY)], light, backdrop);
        let camera = Camera::look_at(Vec3::ZERO, Vec3::Z, 0.0, 1.4);
        let (w, h) = (32, 24);
        let frame = render(&scene, &camera, w, h, &mut Rng::new(1, 1));
        for (k, inverse) in frame.inverse_depth.iter().enumerate() {
            // The camera looks along +z with y up, so +x is to its left.
            let wall: f32 = if k % w < w / 2 { 2.5 } else { 4.0 };
            assert!(
                (1.0 / inverse - wall).abs() < 1e-3,
                "pixel {k}: {}",
                1.0 / inverse
            );
        }
    }
}
