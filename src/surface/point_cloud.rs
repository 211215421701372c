//! Point clouds: depth to coloured points.

use ndarray::{ArrayView2, ArrayView3};
use rayon::prelude::*;

use super::axes::Axes;
use super::camera_options::CameraOptions;
use super::mesh::{Mesh, check_count, rgb};
use super::simple_mesh::check_sizes;
use super::unproject::Unprojector;
use crate::image::Size;
use crate::options::options;
use crate::{Error, Result};

options! {
    /// How a [`point_cloud`] is made.
    #[derive(Copy)]
    pub struct PointCloudOptions("point_cloud", "point_cloud_") {
        /// Leave out points beside which depth jumps by more than this share; 0 keeps all.
        ///
        /// Takes off the flying pixels that a network smears between an object
        /// and what is behind it.
        edge_rtol as "point_cloud_edges": f64 = 0.04, above(0.0), or_zero("none");
        /// One point for every cube of this edge length, in units of depth; 0 keeps all.
        voxel: f64 = 0.0, above(0.0), or_zero("none");
    }
    with {
        /// The camera.
        camera: CameraOptions;
    }
}

/// Points in the camera frame [`Axes::RightDownForward`] from depth (`[H, W]`,
/// near = small, metres or any other unit; see [`mesh_depth`](super::mesh_depth)
/// for relative depth) and, for their colours, a picture (`[H, W, 1..4]`, 8-bit
/// sRGB). The result is a [`Mesh`] without faces.
///
/// Depth counts along the optical axis, in a panorama along the ray. Pixels
/// whose depth is not finite or not above 0 give no point. Points come in raster
/// order. With [`PointCloudOptions::edge_rtol`], a pixel stays if the largest and the
/// smallest depth of the 3x3 pixels around it differ by no more than that share
/// of its own depth. With [`PointCloudOptions::voxel`], the points in a cube become
/// their mean, with their mean colour, in the place of the first of them.
///
/// # Errors
/// [`Error::Invalid`] if picture and depth differ in size, for an impossible
/// camera, an `edge_rtol` or `voxel` that is not above 0, and if no point is left.
pub fn point_cloud<T>(
    picture: Option<ArrayView3<u8>>,
    depth: ArrayView2<T>,
    options: &PointCloudOptions,
) -> Result<Mesh>
where
    T: Copy + Into<f64> + Sync,
{
    let (height, width) = depth.dim();
    options.check()?;
    let picture = match picture {
        None => None,
        Some(picture) => {
            check_sizes(picture, (height, width))?;
            Some(rgb(picture)?)
        }
    };
    let (size, camera) = (Size { width, height }, options.camera.camera());
    let unprojector = Unprojector::new(camera, size)?;
    let pixels = kept(depth, options.edge_rtol);
    if pixels.is_empty() {
        return Err(Error::invalid(
            "depth: no pixel gives a point; depth must be finite and above 0, and edge_rtol not too strict",
        ));
    }
    check_count(pixels.len())?;
    let vertices = pixels
        .par_iter()
        .map(|&(row, column)| {
            let point = unprojector.point(row, column, depth[[row, column]].into());
            unprojector.axes().convert(Axes::RightDownForward, point)
        })
        .collect();
    let colors = picture.map(|picture| {
        let color =
            |&(row, column): &(usize, usize)| [0, 1, 2].map(|channel| picture[[row, column, channel]]);
        pixels.par_iter().map(color).collect()
    });
    let mut cloud = Mesh {
        vertices,
        faces: Vec::new(),
        colors,
        uv: None,
        texture: None,
        camera: Some((camera, size)),
        axes: Axes::RightDownForward,
    };
    if options.voxel > 0.0 {
        thin(&mut cloud, options.voxel);
    }
    Ok(cloud)
}

/// Row and column of every pixel that gives a point, in raster order.
fn kept<T>(depth: ArrayView2<T>, edge_rtol: f64) -> Vec<(usize, usize)>
where
    T: Copy + Into<f64> + Sync,
{
    let (height, width) = depth.dim();
    let valid = |row: usize, column: usize| -> Option<f64> {
        let depth: f64 = depth[[row, column]].into();
        ((depth as f32).is_finite() && depth > 0.0).then_some(depth)
    };
    let smooth = |row: usize, column: usize, depth: f64, tolerance: f64| {
        let (mut near, mut far) = (depth, depth);
        for row in row.saturating_sub(1)..(row + 2).min(height) {
            for column in column.saturating_sub(1)..(column + 2).min(width) {
                if let Some(depth) = valid(row, column) {
                    near = near.min(depth);
                    far = far.max(depth);
                }
            }
        }
        far - near <= tolerance * depth
    };
    let stays = |row: usize, column: usize| {
        valid(row, column).is_some_and(|depth| edge_rtol == 0.0 || smooth(row, column, depth, edge_rtol))
    };
    (0..height)
        .into_par_iter()
        .flat_map_iter(|row| (0..width).map(move |column| (row, column)))
        .filter(|&(row, column)| stays(row, column))
        .collect()
}

/// Replaces the points of each cube by their mean.
fn thin(cloud: &mut Mesh, edge: f64) {
    let points = &cloud.vertices;
    let cube = |index: u32| points[index as usize].map(|value| (value / edge).floor() as i64);
    let mut by_cube: Vec<u32> = (0..points.len() as u32).collect();
    by_cube.par_sort_unstable_by_key(|&index| (cube(index), index));
    let mut cubes: Vec<&[u32]> = by_cube.chunk_by(|&a, &b| cube(a) == cube(b)).collect();
    cubes.par_sort_unstable_by_key(|cube| cube[0]);

    let vertices = cubes
        .par_iter()
        .map(|cube| [0, 1, 2].map(|axis| mean(cube, |index| points[index][axis])))
        .collect();
    let colors = cloud.colors.as_ref().map(|colors| {
        let color = |cube: &&[u32]| {
            [0, 1, 2].map(|channel| mean(cube, |index| f64::from(colors[index][channel])).round() as u8)
        };
        cubes.par_iter().map(color).collect()
    });
    cloud.vertices = vertices;
    cloud.colors = colors;
}

fn mean(indices: &[u32], value: impl Fn(usize) -> f64) -> f64 {
    indices.iter().map(|&index| value(index as usize)).sum::<f64>() / indices.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depth::Intrinsics;
    use ndarray::{Array2, Array3, array};

    fn cloud(depth: &Array2<f32>, options: PointCloudOptions) -> Result<Mesh> {
        point_cloud(None, depth.view(), &options)
    }

    #[test]
    fn intrinsics_place_the_points() {
        let intrinsics = Intrinsics {
            fx: 2.0,
            fy: 4.0,
            cx: 1.0,
            cy: 0.0,
        };
        let options = PointCloudOptions {
            camera: CameraOptions {
                intrinsics: Some(intrinsics),
                ..Default::default()
            },
            edge_rtol: 0.0,
            ..Default::default()
        };
        let made = cloud(&array![[8.0, 0.0], [f32::NAN, 4.0]], options).unwrap();
        assert_eq!(made.vertices, [[-4.0, 0.0, 8.0], [0.0, 1.0, 4.0]]);
        assert_eq!(made.axes, Axes::RightDownForward);
        assert!(made.faces.is_empty());
    }

    #[test]
    fn flying_pixels_go() {
        let depth = array![[1.0, 1.0, 1.0, 1.0, 5.0, 9.0, 9.0, 9.0, 9.0]];
        let count = |edge_rtol| {
            cloud(
                &depth,
                PointCloudOptions {
                    edge_rtol,
                    ..Default::default()
                },
            )
            .unwrap()
            .vertices
            .len()
        };
        assert_eq!(count(0.0), 9);
        assert_eq!(count(0.04), 6);
    }

    #[test]
    fn a_cube_becomes_the_mean_of_its_points() {
        let intrinsics = Intrinsics {
            fx: 1.0,
            fy: 1.0,
            cx: 0.0,
            cy: 0.0,
        };
        let options = PointCloudOptions {
            camera: CameraOptions {
                intrinsics: Some(intrinsics),
                ..Default::default()
            },
            voxel: 2.0,
            edge_rtol: 0.0,
        };
        let picture = Array3::from_shape_fn((1, 3, 3), |(_, column, _)| [10, 21, 200][column]);
        let depth = array![[1.0f32, 1.0, 1.0]];
        let made = point_cloud(Some(picture.view()), depth.view(), &options).unwrap();
        assert_eq!(made.vertices, [[0.5, 0.0, 1.0], [2.0, 0.0, 1.0]]);
        assert_eq!(made.colors.unwrap(), [[16; 3], [200; 3]]);
    }

    #[test]
    fn impossible_requests_are_refused() {
        let depth = array![[1.0f32]];
        assert!(cloud(&array![[0.0, -1.0]], PointCloudOptions::default()).is_err());
        assert!(
            cloud(
                &depth,
                PointCloudOptions {
                    voxel: -1.0,
                    ..Default::default()
                }
            )
            .is_err()
        );
        assert!(
            cloud(
                &depth,
                PointCloudOptions {
                    edge_rtol: f64::NAN,
                    ..Default::default()
                }
            )
            .is_err()
        );
        let picture = Array3::zeros((2, 1, 3));
        assert!(point_cloud(Some(picture.view()), depth.view(), &PointCloudOptions::default()).is_err());
    }
}
