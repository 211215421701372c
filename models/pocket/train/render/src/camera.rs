//! Pinhole camera.

use crate::bvh::Ray;
use glam::{Mat3, Vec3};

/// A pinhole camera; rays have unit z in camera space, so the ray parameter is z-depth.
#[derive(Clone, Copy)]
pub struct Camera {
    position: Vec3,
    right: Vec3,
    up: Vec3,
    forward: Vec3,
    /// Half the tangent of the view angle along the longer side.
    half_tangent: f32,
}

impl Camera {
    /// A camera at `position` that looks at `target`, turned by `roll` radians about its axis, with the view
    /// angle `fov` (radians) along the longer side of the picture.
    pub fn look_at(position: Vec3, target: Vec3, roll: f32, fov: f32) -> Self {
        let forward = (target - position).normalize_or(Vec3::Z);
        let right = forward.cross(Vec3::Y).normalize_or(Vec3::X);
        let up = right.cross(forward);
        let turn = Mat3::from_axis_angle(forward, roll);
        Self {
            position,
            right: turn * right,
            up: turn * up,
            forward,
            half_tangent: (fov * 0.5).tan(),
        }
    }

    /// Width of a pixel at unit depth.
    pub fn pixel(&self, width: usize, height: usize) -> f32 {
        2.0 * self.half_tangent / width.max(height) as f32
    }

    /// The ray through picture position (x, y) in pixels; pixel centres lie at halves.
    pub fn ray(&self, x: f32, y: f32, width: usize, height: usize) -> Ray {
        let pixel = self.pixel(width, height);
        let (a, b) = (
            (x - width as f32 * 0.5) * pixel,
            (height as f32 * 0.5 - y) * pixel,
        );
        Ray {
            origin: self.position.into(),
            direction: (self.forward + self.right * a + self.up * b).into(),
        }
    }
}
