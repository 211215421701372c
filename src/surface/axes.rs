//! Coordinate frames: which way the three coordinates point.

use crate::named::named;

named! {
    /// The directions, seen by the camera, in which x, y and z grow.
    ///
    /// All are right-handed frames, so changing between them turns a mesh
    /// and never mirrors it: the winding of its triangles stays.
    pub enum Axes as "frame of axes" {
        /// x right, y down, z forward: the camera frame of OpenCV and COLMAP.
        RightDownForward = "opencv",
        /// x right, y up, z back: OpenGL and glTF.
        RightUpBack = "gltf",
        /// x right, y forward, z up: Blender's world.
        RightForwardUp = "blender",
        /// x left, y up, z forward: PyTorch3D, and this crate's planar meshes.
        LeftUpForward = "pytorch3d",
        /// x forward, y up, z right: this crate's spherical meshes.
        ForwardUpRight = "sphere",
    }
}

impl Axes {
    /// Takes a point from this frame to `target`.
    #[inline]
    pub fn convert(self, target: Self, point: [f64; 3]) -> [f64; 3] {
        if self == target {
            point
        } else {
            target.of_seen(self.seen(point))
        }
    }

    /// How far right, down and forward of the camera a point of this frame lies.
    #[inline]
    fn seen(self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        match self {
            Self::RightDownForward => [x, y, z],
            Self::RightUpBack => [x, -y, -z],
            Self::RightForwardUp => [x, -z, y],
            Self::LeftUpForward => [-x, -y, z],
            Self::ForwardUpRight => [z, -y, x],
        }
    }

    /// The inverse of [`Self::seen`].
    #[inline]
    fn of_seen(self, [right, down, forward]: [f64; 3]) -> [f64; 3] {
        match self {
            Self::RightDownForward => [right, down, forward],
            Self::RightUpBack => [right, -down, -forward],
            Self::RightForwardUp => [right, forward, -down],
            Self::LeftUpForward => [-right, -down, forward],
            Self::ForwardUpRight => [forward, -down, right],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn determinant(axes: Axes) -> f64 {
        let [a, b, c] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|unit| axes.of_seen(unit));
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
    }

    #[test]
    fn changing_frames_there_and_back_is_the_identity_and_never_mirrors() {
        for from in Axes::ALL {
            assert_eq!(Axes::named(from.name()).ok(), Some(from));
            assert_eq!(determinant(from), 1.0, "{from}");
            for to in Axes::ALL {
                assert_eq!(
                    to.convert(from, from.convert(to, [1.0, 2.0, 3.0])),
                    [1.0, 2.0, 3.0]
                );
            }
        }
    }
}
