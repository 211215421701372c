//! The simple mesh: one vertex a pixel, two triangles between four pixels.

use ndarray::{ArrayView2, ArrayView3};

use super::camera_options::CameraOptions;
use super::grid::Grid;
use super::mesh::{Mesh, check_count, rgb};
use super::unproject::Unprojector;
use super::weld::weld;
use crate::depth::Camera;
use crate::image::Size;
use crate::image::resize::opencv_area;
use crate::memory::zeroed;
use crate::options::options;
use crate::{Error, Result};

options! {
    /// How a [`simple_mesh`] is made.
    #[derive(Copy)]
    pub struct SimpleMeshOptions("simple_mesh", "simple_mesh_") {
        /// Leave out triangles that span a depth edge.
        occlude: bool = true;
        /// What counts as a depth edge: a change of depth by more than this from pixel to pixel of the grid.
        ///
        /// In units of depth; see [`depth_edges`](super::depth_edges).
        edge_threshold as _: f64 = 0.05, least(0.0);
        /// Larger pictures are meshed at this size.
        ///
        /// The grid is shrunk until neither side has more vertices than this.
        max_size as "mesh_maxsize": usize = 2048, least(2.0), unit("pixels");
        /// Merge vertices that are equal after rounding to 1e-8, as trimesh does.
        weld as _: bool = false;
        /// Give the mesh texture coordinates, and the picture as its texture.
        textured as _: bool = true;
    }
    with {
        /// The camera.
        camera: CameraOptions;
    }
}

/// Builds a mesh from a picture (`[H, W, 1..4]`, 8-bit sRGB; alpha is dropped)
/// and its depth (`[H, W]`, near = small, in any unit; see
/// [`mesh_depth`](super::mesh_depth)).
///
/// Vertices come in raster order, coloured by their pixels. A planar mesh is in
/// the frame [`LeftUpForward`](super::Axes::LeftUpForward), `d` times
/// `(-(column - cx) / fx, -(row - cy) / fy, 1)`; a spherical one in
/// [`ForwardUpRight`](super::Axes::ForwardUpRight), its first column at longitude -180 degrees, its last
/// at +180, its rows from the pole above to the pole below. Four pixels give the
/// triangles (top left, bottom left, top right) and (bottom right, top right,
/// bottom left), row by row.
///
/// What follows trimesh, through which the reference builds its meshes:
/// - vertices that no triangle uses are left out, the rest keep their order;
/// - where no triangle is left at all, all vertices stay;
/// - with [`SimpleMeshOptions::weld`], equal vertices become one, the first. This closes
///   the seam of a panorama where depth agrees, but such a vertex can only keep
///   one of its two texture coordinates.
///
/// Unlike the reference, a picture larger than [`SimpleMeshOptions::max_size`] has its
/// depth shrunk with it (by area), is itself left alone, and stays the texture
/// at full size. Pixels whose depth is not finite give neither vertex nor
/// triangle.
///
/// # Errors
/// [`Error::Invalid`] if picture and depth differ in size or are empty, for an
/// impossible camera, a `max_size` below 2 or an `edge_threshold` that is not a
/// number, and if no depth is finite.
pub fn simple_mesh<T>(
    picture: ArrayView3<u8>,
    depth: ArrayView2<T>,
    options: &SimpleMeshOptions,
) -> Result<Mesh>
where
    T: Copy + Into<f64> + Sync,
{
    let (height, width) = depth.dim();
    options.check()?;
    check_sizes(picture, (height, width))?;
    let (size, camera) = (Size { width, height }, options.camera.camera());
    let picture = rgb(picture)?;
    let grid = fit(size, options.max_size);
    let mut mesh = if grid == size {
        camera.intrinsics(size)?;
        check_count(width * height)?;
        build(picture.view(), depth, camera, options)?
    } else {
        let camera = camera.resized(size, grid)?;
        let depth = opencv_area(depth.mapv(Into::into).view(), grid)?;
        let picture = opencv_area(picture.view(), grid)?;
        build(picture.view(), depth.view(), camera, options)?
    };
    if options.weld {
        weld(&mut mesh);
    }
    if options.textured {
        mesh.texture = Some(picture.into_owned());
    }
    mesh.camera = Some((camera, size));
    Ok(mesh)
}

/// A mesh of one size: `picture` and `depth` are the grid.
fn build<T>(
    picture: ArrayView3<u8>,
    depth: ArrayView2<T>,
    camera: Camera,
    options: &SimpleMeshOptions,
) -> Result<Mesh>
where
    T: Copy + Into<f64> + Sync,
{
    let (height, width) = depth.dim();
    let unprojector = Unprojector::new(camera, Size { width, height })?;
    let grid = Grid::new(depth, options.occlude.then_some(options.edge_threshold));
    if grid.vertices() == 0 {
        return Err(Error::invalid(
            "depth: no value is finite, so there is nothing to build a mesh from",
        ));
    }
    let mut vertices = zeroed(grid.vertices());
    grid.fill_vertices(&mut vertices, |row, column| {
        unprojector.point(row, column, depth[[row, column]].into())
    });
    let mut colors = zeroed(grid.vertices());
    grid.fill_vertices(&mut colors, |row, column| {
        [0, 1, 2].map(|channel| picture[[row, column, channel]])
    });
    let uv = options.textured.then(|| {
        let mut uv = zeroed(grid.vertices());
        let middle = |index: usize, count: usize| ((index as f64 + 0.5) / count as f64) as f32;
        grid.fill_vertices(&mut uv, |row, column| {
            [middle(column, width), middle(row, height)]
        });
        uv
    });
    Ok(Mesh {
        vertices,
        faces: grid.faces(),
        colors: Some(colors),
        uv,
        texture: None,
        camera: None,
        axes: unprojector.axes(),
    })
}

/// The size that fits into `max_size` squared and keeps the aspect as well as
/// whole numbers can.
fn fit(Size { width, height }: Size, max_size: usize) -> Size {
    let long = width.max(height).max(max_size) as f64;
    let side = |side: usize| ((side as f64 * max_size as f64 / long).round() as usize).max(1);
    Size {
        width: side(width),
        height: side(height),
    }
}

/// Picture and depth must show the same pixels.
pub(super) fn check_sizes(picture: ArrayView3<u8>, (height, width): (usize, usize)) -> Result<()> {
    let (rows, columns, _) = picture.dim();
    if (rows, columns) != (height, width) {
        return Err(Error::invalid(format!(
            "image and depth differ in size: {columns}x{rows} and {width}x{height}; resize one to the other"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    fn size(width: usize, height: usize) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_long_side_is_capped_and_the_aspect_kept() {
        assert_eq!(fit(size(2048, 1), 2048), size(2048, 1));
        assert_eq!(fit(size(4096, 2160), 2048), size(2048, 1080));
        assert_eq!(fit(size(3000, 4000), 2048), size(1536, 2048));
        assert_eq!(fit(size(9000, 1), 2048), size(2048, 1));
    }

    #[test]
    fn shrinking_keeps_the_view_and_the_texture() {
        let picture = Array3::from_shape_fn((8, 16, 3), |(row, column, _)| (16 * row + column) as u8);
        let depth = Array2::from_elem((8, 16), 2.0f32);
        let options = SimpleMeshOptions {
            max_size: 4,
            ..Default::default()
        };
        let mesh = simple_mesh(picture.view(), depth.view(), &options).unwrap();
        assert_eq!((mesh.vertices.len(), mesh.faces.len()), (8, 6));
        // A fourth of the pixels a side, a fourth of the focal length.
        let pinhole = Camera::Fov(55.0).intrinsics(size(16, 8)).unwrap().unwrap();
        let focal = pinhole.fx / 4.0;
        assert_eq!(mesh.vertices[0], [2.0 * 2.0 / focal, 2.0 * 1.0 / focal, 2.0]);
        assert_eq!(mesh.colors.unwrap()[0], [26; 3]);
        assert_eq!(mesh.uv.unwrap()[0], [0.125, 0.25]);
        assert_eq!(mesh.texture.unwrap(), picture);
        assert_eq!(mesh.camera.unwrap().1, size(16, 8));
    }

    #[test]
    fn impossible_requests_are_refused() {
        let picture = Array3::<u8>::zeros((2, 2, 3));
        let depth = Array2::<f32>::ones((2, 2));
        let build = |options: SimpleMeshOptions| simple_mesh(picture.view(), depth.view(), &options);
        assert!(build(SimpleMeshOptions::default()).is_ok());
        assert!(
            build(SimpleMeshOptions {
                max_size: 1,
                ..Default::default()
            })
            .is_err()
        );
        assert!(
            build(SimpleMeshOptions {
                edge_threshold: f64::NAN,
                ..Default::default()
            })
            .is_err()
        );
        assert!(
            build(SimpleMeshOptions {
                camera: CameraOptions {
                    fov: 0.0,
                    ..Default::default()
                },
                ..Default::default()
            })
            .is_err()
        );
        assert!(
            simple_mesh(
                picture.view(),
                Array2::<f32>::ones((2, 3)).view(),
                &SimpleMeshOptions::default()
            )
            .is_err()
        );
        let holes = Array2::from_elem((2, 2), f64::NAN);
        assert!(simple_mesh(picture.view(), holes.view(), &SimpleMeshOptions::default()).is_err());
        let empty = Array2::<f32>::zeros((0, 0));
        assert!(
            simple_mesh(
                Array3::zeros((0, 0, 3)).view(),
                empty.view(),
                &SimpleMeshOptions::default()
            )
            .is_err()
        );
    }
}
