//! Triangle meshes and the shapes that everything in the scenes is made of. Metres; y is up.

use glam::{Affine3A, Vec2, Vec3};
use std::f32::consts::{PI, TAU};

/// One triangle with shading normals, texture coordinates and the index of its material.
#[derive(Clone, Copy)]
pub struct Triangle {
    pub position: [Vec3; 3],
    pub normal: [Vec3; 3],
    pub uv: [Vec2; 3],
    pub material: u16,
}

/// A bag of triangles. Texture coordinates are in metres unless a shape says otherwise.
#[derive(Clone, Default)]
pub struct Mesh {
    pub triangles: Vec<Triangle>,
}

impl Mesh {
    /// A flat triangle; texture coordinates in metres.
    pub fn triangle(&mut self, [a, b, c]: [Vec3; 3], material: u16) {
        let normal = (b - a).cross(c - a).normalize_or_zero();
        let (u, v) = (
            (b - a).normalize_or(Vec3::X),
            normal.cross(b - a).normalize_or(Vec3::Y),
        );
        let uv = [a, b, c].map(|p| Vec2::new((p - a).dot(u), -(p - a).dot(v)));
        self.triangles.push(Triangle {
            position: [a, b, c],
            normal: [normal; 3],
            uv,
            material,
        });
    }

    /// A flat parallelogram; texture coordinates in metres along its edges.
    pub fn quad(&mut self, corner: Vec3, u: Vec3, v: Vec3, material: u16) {
        self.quad_uv(corner, u, v, Vec2::new(u.length(), v.length()), material);
    }

    /// A flat parallelogram that shows the whole texture once, upright when `v` points up.
    pub fn picture(&mut self, corner: Vec3, u: Vec3, v: Vec3, material: u16) {
        self.quad_uv(corner, u, v, Vec2::ONE, material);
    }

    fn quad_uv(&mut self, corner: Vec3, u: Vec3, v: Vec3, size: Vec2, material: u16) {
        let normal = [u.cross(v).normalize_or_zero(); 3];
        let p = [corner, corner + u, corner + u + v, corner + v];
        let t = [Vec2::new(0.0, size.y), size, Vec2::new(size.x, 0.0), Vec2::ZERO];
        for [a, b, c] in [[0, 1, 2], [0, 2, 3]] {
            self.triangles.push(Triangle {
                position: [p[a], p[b], p[c]],
                normal,
                uv: [t[a], t[b], t[c]],
                material,
            });
        }
    }

    /// A box with the given half sizes around the origin of `place`.
    pub fn cuboid(&mut self, place: Affine3A, half: Vec3, material: u16) {
        for axis in 0..3 {
            for side in [-1.0, 1.0] {
                let mut n = Vec3::ZERO;
                n[axis] = side;
                let (mut u, mut v) = (Vec3::ZERO, Vec3::ZERO);
                // Vertical faces get an upright texture.
                let (a, b) = if axis == 1 { (0, 2) } else { (2 - axis, 1) };
                u[a] = if (axis != 2) == (side > 0.0) { -2.0 } else { 2.0 } * half[a];
                v[b] = 2.0 * half[b];
                let corner = n * half - (u + v) * 0.5;
                let m = |x: Vec3| place.transform_vector3(x);
                self.quad(place.transform_point3(corner), m(u), m(v), material);
            }
        }
    }

    /// A smooth surface `f(u, v)` sampled on a grid of `nu` x `nv` cells, both parameters in 0..1;
    /// `f` gives position and texture coordinates.
    pub fn surface(&mut self, nu: usize, nv: usize, material: u16, f: impl Fn(f32, f32) -> (Vec3, Vec2)) {
        let (w, h) = (nu + 1, nv + 1);
        let points: Vec<(Vec3, Vec2)> = (0..w * h)
            .map(|k| f((k % w) as f32 / nu as f32, (k / w) as f32 / nv as f32))
            .collect();
        let closed_u = (0..h).all(|j| points[j * w].0.distance_squared(points[j * w + nu].0) < 1e-10);
        let at = |i: usize, j: usize| points[j * w + i].0;
        let normal = |i: usize, j: usize| {
            let (left, right) = match (closed_u, i) {
                (true, 0) => (nu - 1, 1),
                (true, i) if i == nu => (nu - 1, 1),
                _ => (i.saturating_sub(1), (i + 1).min(nu)),
            };
            // At a pole the u direction vanishes on the row itself, so the neighbouring row gives it.
            let du = at(right, j) - at(left, j);
            let du = if du.length_squared() > 1e-12 {
                du
            } else {
                at(right, if j == 0 { 1 } else { j - 1 }) - at(left, if j == 0 { 1 } else { j - 1 })
            };
            du.cross(at(i, (j + 1).min(nv)) - at(i, j.saturating_sub(1)))
                .normalize_or_zero()
        };
        let normals: Vec<Vec3> = (0..w * h).map(|k| normal(k % w, k / w)).collect();
        for j in 0..nv {
            for i in 0..nu {
                let [a, b, c, d] = [j * w + i, j * w + i + 1, (j + 1) * w + i + 1, (j + 1) * w + i];
                for [x, y, z] in [[a, b, c], [a, c, d]] {
                    let position = [points[x].0, points[y].0, points[z].0];
                    if (position[1] - position[0])
                        .cross(position[2] - position[0])
                        .length_squared()
                        > 1e-20
                    {
                        let uv = [points[x].1, points[y].1, points[z].1];
                        self.triangles.push(Triangle {
                            position,
                            normal: [normals[x], normals[y], normals[z]],
                            uv,
                            material,
                        });
                    }
                }
            }
        }
    }

    /// A superellipsoid (Barr 1981): exponents 1 give an ellipsoid, small ones a box with round edges.
    pub fn superellipsoid(
        &mut self,
        place: Affine3A,
        half: Vec3,
        exponents: Vec2,
        detail: usize,
        material: u16,
    ) {
        let power = |x: f32, e: f32| x.signum() * x.abs().powf(e);
        self.surface(detail * 2, detail, material, |u, v| {
            let (a, b) = (TAU * u, PI * (v - 0.5));
            let ring = power(b.cos(), exponents.x);
            let p = Vec3::new(
                ring * power(a.cos(), exponents.y),
                power(b.sin(), exponents.x),
                -ring * power(a.sin(), exponents.y),
            );
            (
                place.transform_point3(p * half),
                Vec2::new(u * TAU * half.x.max(half.z), -(v * PI) * half.y),
            )
        });
    }

    /// A ball or egg.
    pub fn ellipsoid(&mut self, place: Affine3A, half: Vec3, detail: usize, material: u16) {
        self.superellipsoid(place, half, Vec2::ONE, detail, material);
    }

    /// A surface of revolution about y through the points (radius, height) of `profile`, bottom first.
    pub fn lathe(&mut self, place: Affine3A, profile: &[(f32, f32)], sides: usize, material: u16) {
        let n = profile.len() - 1;
        let widest = profile.iter().fold(0.0f32, |m, p| m.max(p.0));
        for (k, pair) in profile.windows(2).enumerate() {
            let [(r0, y0), (r1, y1)] = [pair[0], pair[1]];
            self.surface(sides, 1, material, |u, v| {
                let (r, y) = (r0 + (r1 - r0) * v, y0 + (y1 - y0) * v);
                let a = TAU * u;
                let p = Vec3::new(r * a.cos(), y, -r * a.sin());
                (
                    place.transform_point3(p),
                    Vec2::new(u * TAU * widest, -y + (k as f32 / n as f32) * 0.01),
                )
            });
        }
    }

    /// A closed cylinder standing on the origin of `place`.
    pub fn cylinder(&mut self, place: Affine3A, radius: f32, height: f32, sides: usize, material: u16) {
        self.lathe(
            place,
            &[(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)],
            sides,
            material,
        );
    }

    /// A tube along `path` (two points or more); `radius(t)` with t from 0 at its start to 1 at its end.
    pub fn tube(&mut self, path: &[Vec3], sides: usize, material: u16, radius: impl Fn(f32) -> f32) {
        let n = path.len() - 1;
        let mut side = Vec3::ZERO;
        let frames: Vec<(Vec3, Vec3, Vec3)> = (0..=n)
            .map(|i| {
                let along = (path[(i + 1).min(n)] - path[i.saturating_sub(1)]).normalize_or(Vec3::Y);
                let carried = side - along * side.dot(along);
                side = if carried.length_squared() > 1e-6 {
                    carried.normalize()
                } else {
                    along.any_orthonormal_vector()
                };
                (path[i], side, along.cross(side))
            })
            .collect();
        let length: f32 = path.windows(2).map(|w| w[0].distance(w[1])).sum();
        self.surface(sides, n, material, |u, v| {
            let (centre, x, y) = frames[((v * n as f32).round() as usize).min(n)];
            let (a, r) = (TAU * u, radius(v));
            (
                centre + (x * a.cos() + y * a.sin()) * r,
                Vec2::new(u * TAU * r, v * length),
            )
        });
    }

    /// Adds `other`, moved by `place`, its material indices raised by `offset`.
    pub fn append(&mut self, other: &Self, place: Affine3A, offset: u16) {
        let turn = place.matrix3.inverse().transpose();
        self.triangles.extend(other.triangles.iter().map(|t| {
            Triangle {
                position: t.position.map(|p| place.transform_point3(p)),
                normal: t
                    .normal
                    .map(|n| Vec3::from(turn * glam::Vec3A::from(n)).normalize_or_zero()),
                uv: t.uv,
                material: t.material + offset,
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(mesh: &Mesh) -> f32 {
        mesh.triangles
            .iter()
            .map(|t| {
                (t.position[1] - t.position[0])
                    .cross(t.position[2] - t.position[0])
                    .length()
                    / 2.0
            })
            .sum()
    }

    #[test]
    fn shapes_have_their_textbook_areas_and_outward_normals() {
        let mut cuboid = Mesh::default();
        cuboid.cuboid(Affine3A::IDENTITY, Vec3::new(0.5, 1.0, 1.5), 0);
        assert!((area(&cuboid) - 22.0).abs() < 1e-4);
        let mut ball = Mesh::default();
        ball.ellipsoid(Affine3A::IDENTITY, Vec3::ONE, 24, 0);
        assert!((area(&ball) - 4.0 * PI).abs() < 0.1);
        for mesh in [cuboid, ball] {
            for t in &mesh.triangles {
                let centre = (t.position[0] + t.position[1] + t.position[2]) / 3.0;
                assert!(t.normal[0].dot(centre) > 0.0, "{centre} {}", t.normal[0]);
            }
        }
    }
}
