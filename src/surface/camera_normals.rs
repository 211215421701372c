//! Normal maps in camera space: of the surface in space, as renderers and game
//! engines use them.

use ndarray::{Array3, ArrayView2, Ix3};
use rayon::prelude::*;

use crate::depth::{Camera, Intrinsics};
use crate::image::size::{Raster, array, checked_len};
use crate::memory::zeroed;
use crate::named::named;
use crate::{Error, Result};

/// One neighbour is left out if the depth changes this many times less towards the other one.
const EDGE_RATIO: f64 = 4.0;

named! {
    /// What green stands for in a normal map.
    pub enum Green as "green of a normal map" {
        /// Up: OpenGL, Vulkan, Blender, Unity.
        Up = "opengl",
        /// Down: DirectX, Unreal.
        Down = "directx",
    }
}

/// The camera-space normals of the surface that `distance` (`[H, W]`, along
/// the optical axis, near = small) shows to `camera`; RGB `[H, W, 3]`.
///
/// Red grows to the right, green as `green` says, blue towards the camera;
/// byte = round((n + 1) / 2 * 255), so (128, 128, 255) faces the camera.
/// Unlike [`normal_map`](super::normal_map), the result is independent of the
/// picture's size and true to the angles in space, as far as the depth is.
///
/// Tangents are the differences of the neighbouring points left and right,
/// above and below; at a depth edge only that neighbour counts that lies on
/// the same side. Where the distance is not positive and finite, or has no
/// such neighbours, the normal faces the camera.
///
/// # Errors
/// [`Error::Invalid`] if there are no pixels, for an impossible camera, and for a panorama.
pub fn camera_normal_map(distance: ArrayView2<'_, f32>, camera: Camera, green: Green) -> Result<Array3<u8>> {
    let shape = distance.raw_dim();
    let length = checked_len(shape.picture_size(), 3)?;
    let intrinsics = camera.intrinsics(shape.picture_size())?.ok_or_else(|| {
        Error::invalid(
            "a normal map in camera space is made of a pinhole camera's picture, not of a panorama",
        )
    })?;
    let distance = distance.as_standard_layout();
    let field = Field {
        distance: distance.as_slice().unwrap_or(&[]),
        height: shape[0],
        width: shape[1],
        intrinsics,
    };
    let mut bytes = zeroed(length);
    bytes
        .par_chunks_mut(shape[1] * 3)
        .enumerate()
        .for_each(|(row, line)| {
            for (column, pixel) in line.as_chunks_mut().0.iter_mut().enumerate() {
                let [right, down, forward] = field.normal(row, column).unwrap_or([0.0, 0.0, -1.0]);
                let green = match green {
                    Green::Up => -down,
                    Green::Down => down,
                };
                *pixel = [right, green, -forward].map(|part| ((part + 1.0) * 127.5).round() as u8);
            }
        });
    array(Ix3(shape[0], shape[1], 3), bytes)
}

struct Field<'a> {
    distance: &'a [f32],
    height: usize,
    width: usize,
    intrinsics: Intrinsics,
}

impl Field<'_> {
    /// The unit normal towards the camera: right, down, forward.
    fn normal(&self, row: usize, column: usize) -> Option<[f64; 3]> {
        let here = self.point(row, column)?;
        let at = |row: Option<usize>, column: Option<usize>| self.point(row?, column?);
        let before = |place: usize| place.checked_sub(1);
        let after = |place: usize, length: usize| Some(place + 1).filter(|&place| place < length);
        let across = tangent(
            here,
            at(Some(row), before(column)),
            at(Some(row), after(column, self.width)),
        )?;
        let down = tangent(
            here,
            at(before(row), Some(column)),
            at(after(row, self.height), Some(column)),
        )?;
        let normal = [
            down[1] * across[2] - down[2] * across[1],
            down[2] * across[0] - down[0] * across[2],
            down[0] * across[1] - down[1] * across[0],
        ];
        let length = normal.iter().map(|part| part * part).sum::<f64>().sqrt();
        (length > 0.0).then(|| normal.map(|part| part / length))
    }

    /// The point of a pixel: right, down, forward.
    fn point(&self, row: usize, column: usize) -> Option<[f64; 3]> {
        let depth = f64::from(self.distance[row * self.width + column]);
        let Intrinsics { fx, fy, cx, cy } = self.intrinsics;
        (depth > 0.0 && depth.is_finite()).then(|| {
            [
                depth * (column as f64 - cx) / fx,
                depth * (row as f64 - cy) / fy,
                depth,
            ]
        })
    }
}

/// From the neighbour before to the one after, without crossing a depth edge.
fn tangent(here: [f64; 3], before: Option<[f64; 3]>, after: Option<[f64; 3]>) -> Option<[f64; 3]> {
    let difference = |a: [f64; 3], b: [f64; 3]| [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
    match (before, after) {
        (None, None) => None,
        (Some(before), None) => Some(difference(before, here)),
        (None, Some(after)) => Some(difference(here, after)),
        (Some(before), Some(after)) => {
            let (step_before, step_after) = ((here[2] - before[2]).abs(), (after[2] - here[2]).abs());
            Some(if step_before > EDGE_RATIO * step_after {
                difference(here, after)
            } else if step_after > EDGE_RATIO * step_before {
                difference(before, here)
            } else {
                difference(before, after)
            })
        }
    }
}
