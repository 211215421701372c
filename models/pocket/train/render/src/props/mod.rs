//! Things to put into scenes. Every function builds one thing that stands on y = 0 around the origin and, where
//! it has a front, faces +z. Metres.

pub mod buildings;
pub mod figures;
pub mod furniture;
pub mod objects;
pub mod plants;
pub mod vehicles;

use glam::{Affine3A, Quat, Vec3};

/// At `position`, turned by `yaw` about the vertical.
pub fn at(position: Vec3, yaw: f32) -> Affine3A {
    Affine3A::from_rotation_translation(Quat::from_rotation_y(yaw), position)
}

/// Shifted only.
pub fn shift(x: f32, y: f32, z: f32) -> Affine3A {
    Affine3A::from_translation(Vec3::new(x, y, z))
}
