//! Unprojection: pixels and their depth to points in space.

use std::f64::consts::{FRAC_PI_2, PI};

use super::axes::Axes;
use crate::Result;
use crate::depth::{Camera, Intrinsics};
use crate::image::Size;

/// Rows of pixels to rows of points; what does not depend on depth is worked
/// out once.
pub(super) enum Unprojector {
    /// The inverse of the camera matrix: scale and offset of x, then of y.
    Planar { x: (f64, f64), y: (f64, f64) },
    Spherical {
        longitudes: Vec<(f64, f64)>,
        latitudes: Vec<(f64, f64)>,
    },
}

impl Unprojector {
    /// # Errors
    /// As [`Camera::intrinsics`].
    pub(super) fn new(camera: Camera, size: Size) -> Result<Self> {
        Ok(match camera.intrinsics(size)? {
            Some(Intrinsics { fx, fy, cx, cy }) => Self::Planar {
                x: (1.0 / fx, -cx / fx),
                y: (1.0 / fy, -cy / fy),
            },
            None => Self::Spherical {
                longitudes: sin_cos_between(-PI, PI, size.width),
                latitudes: sin_cos_between(-FRAC_PI_2, FRAC_PI_2, size.height),
            },
        })
    }

    /// The frame the points are in.
    pub(super) fn axes(&self) -> Axes {
        match self {
            Self::Planar { .. } => Axes::LeftUpForward,
            Self::Spherical { .. } => Axes::ForwardUpRight,
        }
    }

    /// The point of the pixel in `row` and `column` at depth (planar) or at
    /// distance (spherical) `depth`.
    ///
    /// The order of the operations is part of the contract: it gives the
    /// reference's coordinates to the last bit, so that its text files, where
    /// `0.00000000` and `-0.00000000` differ, come out the same.
    #[inline]
    pub(super) fn point(&self, row: usize, column: usize, depth: f64) -> [f64; 3] {
        match self {
            Self::Planar { x, y } => {
                let x = depth * x.0 * column as f64 + depth * x.1;
                let y = depth * y.0 * row as f64 + depth * y.1;
                // Not `-x`: a column in the middle is at 0, not at -0.
                [0.0 - x, 0.0 - y, depth]
            }
            Self::Spherical {
                longitudes,
                latitudes,
            } => {
                let (sin_longitude, cos_longitude) = longitudes[column];
                let (sin_latitude, cos_latitude) = latitudes[row];
                let x = depth * cos_latitude * cos_longitude;
                let y = depth * cos_latitude * sin_longitude;
                let z = depth * sin_latitude;
                // The reference turns its sphere by a matrix whose cosine of 90
                // degrees is this and not 0.
                const COS_90: f64 = 6.123233995736766e-17;
                [x, y * COS_90 - z, y + z * COS_90]
            }
        }
    }
}

/// Sine and cosine of `count` angles from `first` to `last`, both included.
fn sin_cos_between(first: f64, last: f64, count: usize) -> Vec<(f64, f64)> {
    let step = (last - first) / (count.max(2) - 1) as f64;
    let angle = |index: usize| {
        if index > 0 && index + 1 == count {
            last
        } else {
            index as f64 * step + first
        }
    };
    (0..count).map(|index| angle(index).sin_cos()).collect()
}
