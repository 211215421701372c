//! Materials, models (a mesh ready to be hit by rays) and scenes (placed models and lights).

use crate::bvh::{Aabb, Bvh, Ray};
use crate::mesh::Mesh;
use crate::texture::Texture;
use glam::{Affine3A, Vec2, Vec3, Vec3A};
use std::sync::Arc;

/// How a surface looks.
#[derive(Clone)]
pub struct Material {
    pub texture: Arc<Texture>,
    /// Texture repeats per unit of the mesh's texture coordinates.
    pub repeat: Vec2,
    pub tint: Vec3,
    /// Strength of the highlight, 0 for a matt surface.
    pub gloss: f32,
    /// Light that the surface gives off by itself, times its colour.
    pub glow: f32,
}

/// Precomputed for the ray test: a corner and the two edges that leave it.
struct Facet {
    corner: Vec3A,
    edge1: Vec3A,
    edge2: Vec3A,
}

/// A mesh with its materials and hierarchy.
pub struct Model {
    mesh: Mesh,
    facets: Vec<Facet>,
    bvh: Bvh,
    materials: Vec<Material>,
}

/// Collects triangles and materials until `build` makes them a [`Model`].
#[derive(Default)]
pub struct Builder {
    pub mesh: Mesh,
    materials: Vec<Material>,
}

impl Builder {
    /// Adds a material and returns its index for the mesh functions.
    pub fn material(&mut self, material: Material) -> u16 {
        self.materials.push(material);
        (self.materials.len() - 1) as u16
    }

    /// Adds everything of `other`, moved by `place`.
    pub fn append(&mut self, other: &Self, place: Affine3A) {
        self.mesh.append(&other.mesh, place, self.materials.len() as u16);
        self.materials.extend(other.materials.iter().cloned());
    }

    pub fn bounds(&self) -> Aabb {
        Aabb::around(self.mesh.triangles.iter().flat_map(|t| t.position))
    }

    pub fn build(self) -> Arc<Model> {
        let facets: Vec<Facet> = self
            .mesh
            .triangles
            .iter()
            .map(|t| Facet {
                corner: t.position[0].into(),
                edge1: (t.position[1] - t.position[0]).into(),
                edge2: (t.position[2] - t.position[0]).into(),
            })
            .collect();
        let boxes: Vec<Aabb> = self
            .mesh
            .triangles
            .iter()
            .map(|t| Aabb::around(t.position))
            .collect();
        Arc::new(Model {
            bvh: Bvh::build(&boxes),
            mesh: self.mesh,
            facets,
            materials: self.materials,
        })
    }
}

impl Model {
    pub fn bounds(&self) -> Aabb {
        self.bvh.bounds()
    }

    /// Height of the highest point above (x, z), if there is any.
    pub fn height_at(&self, x: f32, z: f32) -> Option<f32> {
        let top = self.bounds().max.y + 1.0;
        let ray = Ray {
            origin: Vec3A::new(x, top, z),
            direction: Vec3A::NEG_Y,
        };
        let mut height = None;
        self.bvh
            .walk(ray, f32::INFINITY, |i, near| match self.meet(i, ray, near) {
                Some((t, _, _)) => {
                    height = Some(top - t);
                    t
                }
                None => near,
            });
        height
    }

    /// Distance and barycentric coordinates where `ray` meets triangle `i` (Möller and Trumbore 1997).
    #[inline]
    fn meet(&self, i: usize, ray: Ray, limit: f32) -> Option<(f32, f32, f32)> {
        let f = &self.facets[i];
        let p = ray.direction.cross(f.edge2);
        let determinant = f.edge1.dot(p);
        if determinant == 0.0 {
            return None;
        }
        let inverse = determinant.recip();
        let s = ray.origin - f.corner;
        let u = s.dot(p) * inverse;
        if !(0.0..=1.0).contains(&u) {
            return None;
        }
        let q = s.cross(f.edge1);
        let v = ray.direction.dot(q) * inverse;
        if v < 0.0 || u + v > 1.0 {
            return None;
        }
        let t = f.edge2.dot(q) * inverse;
        if !(t > 1e-4 && t < limit) {
            return None;
        }
        let triangle = &self.mesh.triangles[i];
        let material = &self.materials[triangle.material as usize];
        if material.texture.has_holes
            && !material
                .texture
                .solid(blend_uv(triangle.uv, u, v) * material.repeat)
        {
            return None;
        }
        Some((t, u, v))
    }
}

fn blend_uv(uv: [Vec2; 3], u: f32, v: f32) -> Vec2 {
    uv[0] * (1.0 - u - v) + uv[1] * u + uv[2] * v
}

/// A model at a place.
pub struct Instance {
    model: Arc<Model>,
    to_world: Affine3A,
    to_local: Affine3A,
    tint: Vec3,
}

/// Where a ray hits.
#[derive(Clone, Copy)]
pub struct Hit {
    pub t: f32,
    instance: u32,
    triangle: u32,
    u: f32,
    v: f32,
}

/// What the shading needs to know about a hit.
pub struct Surface {
    pub normal: Vec3,
    pub colour: Vec3,
    pub gloss: f32,
    pub glow: f32,
}

/// A lamp (or a window, seen as a lamp).
#[derive(Clone, Copy)]
pub struct Lamp {
    pub position: Vec3,
    /// Half sizes of the glowing area; shadows are as soft as it is large.
    pub spread: Vec3,
    /// Radiant intensity, in scene units times square metres.
    pub power: Vec3,
}

/// The sun.
#[derive(Clone, Copy)]
pub struct Sun {
    pub direction: Vec3,
    pub light: Vec3,
    /// Radius of its disc in radians; overcast light has a wide one.
    pub radius: f32,
}

/// All light of a scene.
pub struct Light {
    pub sun: Option<Sun>,
    pub lamps: Vec<Lamp>,
    /// Light from above and from below.
    pub above: Vec3,
    pub below: Vec3,
    /// How far surfaces darken each other, metres.
    pub occlusion_reach: f32,
}

/// What is seen where nothing is hit, and between the camera and things.
pub struct Backdrop {
    pub texture: Option<Arc<Texture>>,
    pub zenith: Vec3,
    pub horizon: Vec3,
    /// Strength of clouds, 0..1, and the noise they are cut from.
    pub clouds: f32,
    pub cloud_noise: Arc<Texture>,
    /// Distance at which haze has swallowed 63 % of the light; infinite for clear air.
    pub haze: f32,
}

/// Placed models with light and sky.
pub struct Scene {
    instances: Vec<Instance>,
    bvh: Bvh,
    pub light: Light,
    pub backdrop: Backdrop,
}

/// A model to be placed in a scene.
pub struct Placed {
    pub model: Arc<Model>,
    pub place: Affine3A,
    pub tint: Vec3,
}

impl Placed {
    pub fn new(model: Arc<Model>, place: Affine3A) -> Self {
        Self {
            model,
            place,
            tint: Vec3::ONE,
        }
    }
}

impl Scene {
    pub fn new(placed: Vec<Placed>, light: Light, backdrop: Backdrop) -> Self {
        let instances: Vec<Instance> = placed
            .into_iter()
            .map(|p| Instance {
                model: p.model,
                to_world: p.place,
                to_local: p.place.inverse(),
                tint: p.tint,
            })
            .collect();
        let boxes: Vec<Aabb> = instances
            .iter()
            .map(|i| {
                let b = i.model.bounds();
                Aabb::around((0..8).map(|k| {
                    let pick = |axis: usize| {
                        if k >> axis & 1 == 0 {
                            b.min[axis]
                        } else {
                            b.max[axis]
                        }
                    };
                    i.to_world.transform_point3(Vec3::new(pick(0), pick(1), pick(2)))
                }))
            })
            .collect();
        Self {
            instances,
            bvh: Bvh::build(&boxes),
            light,
            backdrop,
        }
    }

    /// The nearest hit before `limit`.
    pub fn hit(&self, ray: Ray, limit: f32) -> Option<Hit> {
        let mut found = None;
        self.bvh.walk(ray, limit, |i, mut limit| {
            let instance = &self.instances[i];
            let local = instance.localise(ray);
            instance.model.bvh.walk(local, limit, |k, near| {
                match instance.model.meet(k, local, near) {
                    Some((t, u, v)) => {
                        found = Some(Hit {
                            t,
                            instance: i as u32,
                            triangle: k as u32,
                            u,
                            v,
                        });
                        limit = t;
                        t
                    }
                    None => near,
                }
            });
            limit
        });
        found
    }

    /// Whether anything lies on `ray` before `limit`.
    pub fn blocked(&self, ray: Ray, limit: f32) -> bool {
        let mut blocked = false;
        self.bvh.walk(ray, limit, |i, limit| {
            let instance = &self.instances[i];
            let local = instance.localise(ray);
            instance.model.bvh.walk(local, limit, |k, near| {
                blocked |= instance.model.meet(k, local, near).is_some();
                if blocked { -1.0 } else { near }
            });
            if blocked { -1.0 } else { limit }
        });
        blocked
    }

    /// The surface at `hit`; `pixel` is the width of a pixel at unit distance.
    pub fn surface(&self, ray: Ray, hit: Hit, pixel: f32) -> Surface {
        let instance = &self.instances[hit.instance as usize];
        let triangle = &instance.model.mesh.triangles[hit.triangle as usize];
        let material = &instance.model.materials[triangle.material as usize];
        let (u, v) = (hit.u, hit.v);
        let normal = triangle.normal[0] * (1.0 - u - v) + triangle.normal[1] * u + triangle.normal[2] * v;
        let normal = instance.to_local.matrix3.transpose() * Vec3A::from(normal);
        let mut normal = Vec3::from(normal).normalize_or(Vec3::Y);
        let along = Vec3::from(ray.direction);
        if normal.dot(along) > 0.0 {
            normal = -normal;
        }
        let facet = &instance.model.facets[hit.triangle as usize];
        // Texture repeats per metre on this triangle, from the area ratio of texture and surface.
        let [a, b, c] = triangle.uv.map(|t| t * material.repeat);
        let uv_area = (b - a).perp_dot(c - a).abs();
        let scale = instance.to_world.matrix3.determinant().abs().cbrt();
        let area = facet.edge1.cross(facet.edge2).length() * scale * scale;
        let slant = normal.dot(along.normalize()).abs().max(0.15);
        let footprint = hit.t * pixel * (uv_area / area.max(1e-12)).sqrt() / slant.sqrt();
        let colour = material
            .texture
            .sample(blend_uv(triangle.uv, u, v) * material.repeat, footprint);
        Surface {
            normal,
            colour: colour * material.tint * instance.tint,
            gloss: material.gloss,
            glow: material.glow,
        }
    }
}

impl Instance {
    /// The ray in the model's own space; its direction keeps its length, so distances stay the same.
    fn localise(&self, ray: Ray) -> Ray {
        Ray {
            origin: self.to_local.transform_point3a(ray.origin),
            direction: self.to_local.transform_vector3a(ray.direction),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey() -> Material {
        let texture = Arc::new(Texture::from_fn(1, 1, |_, _| [0.5, 0.5, 0.5, 1.0]));
        Material {
            texture,
            repeat: Vec2::ONE,
            tint: Vec3::ONE,
            gloss: 0.0,
            glow: 0.0,
        }
    }

    fn scene(place: Affine3A) -> Scene {
        let mut b = Builder::default();
        let m = b.material(grey());
        b.mesh.ellipsoid(Affine3A::IDENTITY, Vec3::ONE, 32, m);
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
            cloud_noise: grey().texture,
            haze: f32::INFINITY,
        };
        Scene::new(vec![Placed::new(b.build(), place)], light, backdrop)
    }

    #[test]
    fn distances_survive_the_placement_of_an_instance() {
        let s = scene(
            Affine3A::from_translation(Vec3::new(0.0, 0.0, 5.0)) * Affine3A::from_scale(Vec3::splat(2.0)),
        );
        let ray = Ray {
            origin: Vec3A::ZERO,
            direction: Vec3A::new(0.0, 0.0, 0.5),
        };
        let hit = s.hit(ray, f32::INFINITY).expect("the ball is straight ahead");
        assert!(
            (hit.t - 6.0).abs() < 1e-2,
            "3 m in steps of half a metre, got {}",
            hit.t
        );
        assert!(s.surface(ray, hit, 0.01).normal.z < -0.99);
        assert!(s.blocked(ray, f32::INFINITY) && !s.blocked(ray, 5.9));
        let past = Ray {
            origin: Vec3A::new(2.1, 0.0, 0.0),
            direction: Vec3A::Z,
        };
        assert!(s.hit(past, f32::INFINITY).is_none());
    }
}
