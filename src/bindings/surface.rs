//! Python doors of the room `surface`.

use std::path::PathBuf;

use ndarray::{ArrayView2, ArrayView3, Axis};
use numpy::{Element, IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::monitor::{Watch, watched};
use super::options::Given;
use crate::depth::{Camera, DepthKind, DepthMap, Intrinsics};
use crate::image::{self, DepthValues, Size};
use crate::named::named;
use crate::options::options;
use crate::surface::{
    self, Axes, Mesh, MeshFormat, PointCloudOptions, SaveMesh, SimpleMeshOptions, TextureFormat,
};
use crate::{Error, Result};

/// The distances a simple mesh is built at, float32 `[H, W]`, near = small.
#[pyfunction]
#[pyo3(signature = (depth, kind = "inverse"))]
pub(super) fn mesh_depth<'py>(
    py: Python<'py>,
    depth: Depth<'py>,
    kind: &str,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let kind = DepthKind::named(kind)?;
    let map = DepthMap::new(depth.to_f32(), kind);
    let scaled = py.detach(|| surface::mesh_depth(&map))?;
    Ok(scaled.into_pyarray(py))
}

/// A mesh of a picture bent by its depth.
#[pyfunction]
#[pyo3(signature = (image, depth, kind = "inverse", options = None, watch = None))]
pub(super) fn simple_mesh(
    py: Python<'_>,
    image: Picture<'_>,
    depth: Depth<'_>,
    kind: &str,
    options: Option<Given<SimpleMeshOptions>>,
    watch: Option<Watch>,
) -> PyResult<PyMesh> {
    let kind = DepthKind::named(kind)?;
    let options = options.unwrap_or_default();
    let picture = image.view();
    let mesh = match depth {
        // Metres are taken as they are, with all their digits.
        Depth::F64(values) if kind == DepthKind::Metric => {
            let values = values.as_array();
            watched(py, watch, |monitor| {
                monitor.check()?;
                surface::simple_mesh(picture, values, &options)
            })
        }
        Depth::F32(values) if kind == DepthKind::Metric => {
            let values = values.as_array();
            watched(py, watch, |monitor| {
                monitor.check()?;
                surface::simple_mesh(picture, values, &options)
            })
        }
        depth => {
            let map = DepthMap::new(depth.to_f32(), kind);
            watched(py, watch, |monitor| {
                let depth = surface::mesh_depth(&map)?;
                monitor.check()?;
                surface::simple_mesh(picture, depth.view(), &options)
            })
        }
    };
    mesh.map(PyMesh)
}

/// Coloured points from depth.
#[pyfunction]
#[pyo3(signature = (depth, image = None, kind = "metric", options = None, watch = None))]
pub(super) fn point_cloud(
    py: Python<'_>,
    depth: Depth<'_>,
    image: Option<Picture<'_>>,
    kind: &str,
    options: Option<Given<PointCloudOptions>>,
    watch: Option<Watch>,
) -> PyResult<PyMesh> {
    let map = DepthMap::new(depth.to_f32(), DepthKind::named(kind)?);
    let options = options.unwrap_or_default();
    let picture = image.as_ref().map(Picture::view);
    let cloud = watched(py, watch, |monitor| {
        let depth = surface::mesh_depth(&map)?;
        monitor.check()?;
        surface::point_cloud(picture, depth.view(), &options)
    });
    cloud.map(PyMesh)
}

/// Reads a mesh from OBJ or PLY.
#[pyfunction]
pub(super) fn read_mesh(py: Python<'_>, path: PathBuf) -> PyResult<PyMesh> {
    Ok(PyMesh(py.detach(|| surface::read_mesh(&path))?))
}

/// Writes depth as EXR, NPY, 16-bit PNG or TIFF.
#[pyfunction]
#[pyo3(signature = (path, depth, *, png_scale = None))]
pub(super) fn save_depth(
    py: Python<'_>,
    path: PathBuf,
    depth: &Bound<'_, PyAny>,
    png_scale: Option<f64>,
) -> PyResult<()> {
    if let Ok(values) = depth.extract::<PyReadonlyArray2<'_, u16>>() {
        let values = values.as_array();
        py.detach(|| image::save_depth(&path, DepthValues::U16(values), png_scale))?;
    } else {
        let values = depth.extract::<Depth<'_>>()?.to_f32();
        py.detach(|| image::save_depth(&path, DepthValues::F32(values.view()), png_scale))?;
    }
    Ok(())
}

/// A camera as (fx, fy, cx, cy) in pixels, `None` for a panorama, and the width and height of its picture.
type SeenBy = (Option<(f64, f64, f64, f64)>, usize, usize);

/// Triangles in space, or points where there are no triangles.
#[pyclass(frozen, name = "Mesh", module = "rilievo")]
pub(super) struct PyMesh(Mesh);

#[pymethods]
impl PyMesh {
    #[new]
    #[pyo3(signature = (vertices, faces = None, *, colors = None, uv = None, texture = None, axes = "gltf", camera = None))]
    fn new(
        vertices: PyReadonlyArray2<'_, f64>,
        faces: Option<PyReadonlyArray2<'_, u32>>,
        colors: Option<PyReadonlyArray2<'_, u8>>,
        uv: Option<PyReadonlyArray2<'_, f32>>,
        texture: Option<Picture<'_>>,
        axes: &str,
        camera: Option<SeenBy>,
    ) -> PyResult<Self> {
        let faces = faces.map_or(Ok(Vec::new()), |faces| rows("faces", faces.as_array()))?;
        let mut mesh = Mesh::new(rows("vertices", vertices.as_array())?, faces, Axes::named(axes)?)?;
        if let Some(colors) = colors {
            mesh = mesh.with_colors(rows("colors", colors.as_array())?)?;
        }
        if let Some(uv) = uv {
            mesh = mesh.with_uv(rows("uv", uv.as_array())?)?;
        }
        if let Some(texture) = texture {
            mesh = mesh.with_texture(texture.view())?;
        }
        if let Some((intrinsics, width, height)) = camera {
            let camera = intrinsics.map_or(Camera::Equirectangular, |(fx, fy, cx, cy)| {
                Camera::Pinhole(Intrinsics { fx, fy, cx, cy })
            });
            mesh = mesh.with_camera(camera, Size { width, height })?;
        }
        Ok(Self(mesh))
    }

    #[getter]
    fn vertices<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        borrowed(this, this.get().0.vertices())
    }

    /// The vertices in another frame.
    fn vertices_in<'py>(&self, py: Python<'py>, axes: &str) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (own, target) = (self.0.axes(), Axes::named(axes)?);
        let rows: Vec<[f64; 3]> = (self.0.vertices().iter())
            .map(|&vertex| own.convert(target, vertex))
            .collect();
        let rows = ndarray::Array2::from(rows);
        Ok(rows.into_pyarray(py))
    }

    #[getter]
    fn faces<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyArray2<u32>>> {
        borrowed(this, this.get().0.faces())
    }

    #[getter]
    fn colors<'py>(this: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyArray2<u8>>>> {
        this.get()
            .0
            .colors()
            .map(|colors| borrowed(this, colors))
            .transpose()
    }

    #[getter]
    fn uv<'py>(this: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyArray2<f32>>>> {
        this.get().0.uv().map(|uv| borrowed(this, uv)).transpose()
    }

    #[getter]
    fn texture<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray3<u8>>> {
        self.0
            .texture()
            .map(|texture| texture.to_owned().into_pyarray(py))
    }

    /// The camera, and the width and height of its picture.
    #[getter]
    fn camera(&self) -> PyResult<Option<SeenBy>> {
        let Some((camera, size)) = self.0.camera() else {
            return Ok(None);
        };
        let intrinsics = camera.intrinsics(size)?;
        let intrinsics = intrinsics.map(|Intrinsics { fx, fy, cx, cy }| (fx, fy, cx, cy));
        Ok(Some((intrinsics, size.width, size.height)))
    }

    #[getter]
    fn axes(&self) -> &'static str {
        self.0.axes().name()
    }

    fn __repr__(&self) -> String {
        let mesh = &self.0;
        format!(
            "<Mesh of {} vertices and {} faces, axes {:?}{}{}>",
            mesh.vertices().len(),
            mesh.faces().len(),
            mesh.axes().name(),
            if mesh.colors().is_some() { ", coloured" } else { "" },
            if mesh.texture().is_some() {
                ", textured"
            } else {
                ""
            },
        )
    }

    /// Writes the mesh; the file appears whole under its name or not at all.
    #[pyo3(signature = (path, format = None, **keywords))]
    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        format: Option<&str>,
        keywords: Option<Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let keywords = keywords.map_or_else(|| Ok(PyDict::new(py)), |keywords| keywords.copy())?;
        let watch = Watch::taken_from(&keywords)?;
        let options: Given<SaveMeshOptions> = keywords.extract()?;
        let options = SaveMesh {
            format: format.map(MeshFormat::named).transpose()?,
            texture: options.texture_format()?,
            axes: options.axes,
        };
        watched(py, Some(watch), |monitor| self.0.save(&path, &options, monitor))
    }
}

named! {
    /// The formats of a mesh's picture.
    pub enum Texture as "texture format" {
        /// Without loss.
        Png = "png",
        /// Smaller.
        Jpeg = "jpeg",
    }
}

options! {
    /// How a mesh is written.
    pub struct SaveMeshOptions("save_mesh", _) {
        /// Format of the picture in glb and obj-textured; default: png.
        texture: Option<Texture> = None;
        /// Quality of a jpeg texture; default: 90.
        jpeg_quality: Option<u8> = None, least(1.0), most(100.0);
        /// Where x, y and z point in OBJ and PLY; default: the mesh's own, in obj-textured gltf.
        axes: Option<Axes> = None;
    }
}

impl SaveMeshOptions {
    fn texture_format(&self) -> Result<Option<TextureFormat>> {
        self.check()?;
        match (self.texture, self.jpeg_quality) {
            (Some(Texture::Jpeg), quality) => Ok(Some(TextureFormat::Jpeg(quality.unwrap_or(90)))),
            (_, Some(_)) => Err(Error::invalid("jpeg_quality: it needs texture=\"jpeg\"")),
            (Some(Texture::Png), None) => Ok(Some(TextureFormat::Png)),
            (None, None) => Ok(None),
        }
    }
}

/// A picture, uint8 `[H, W]` or `[H, W, 1..4]`.
#[derive(FromPyObject)]
pub(super) enum Picture<'py> {
    #[pyo3(transparent, annotation = "uint8 array [H, W, C]")]
    Channels(PyReadonlyArray3<'py, u8>),
    #[pyo3(transparent, annotation = "uint8 array [H, W]")]
    Grey(PyReadonlyArray2<'py, u8>),
}

impl Picture<'_> {
    fn view(&self) -> ArrayView3<'_, u8> {
        match self {
            Self::Channels(picture) => picture.as_array(),
            Self::Grey(picture) => picture.as_array().insert_axis(Axis(2)),
        }
    }
}

/// Depth, float32 or float64 `[H, W]`.
#[derive(FromPyObject)]
pub(super) enum Depth<'py> {
    #[pyo3(transparent, annotation = "float32 array [H, W]")]
    F32(PyReadonlyArray2<'py, f32>),
    #[pyo3(transparent, annotation = "float64 array [H, W]")]
    F64(PyReadonlyArray2<'py, f64>),
}

impl Depth<'_> {
    pub(super) fn to_f32(&self) -> ndarray::Array2<f32> {
        match self {
            Self::F32(depth) => depth.as_array().to_owned(),
            Self::F64(depth) => depth.as_array().mapv(|value| value as f32),
        }
    }
}

/// The rows of an array of `N` columns.
pub(super) fn rows<T: Copy, const N: usize>(
    argument: &str,
    array: ArrayView2<'_, T>,
) -> PyResult<Vec<[T; N]>> {
    if array.ncols() != N {
        return Err(PyValueError::new_err(format!(
            "{argument}: its shape is [{}, {}]; it must have {N} columns",
            array.nrows(),
            array.ncols()
        )));
    }
    Ok(array
        .rows()
        .into_iter()
        .map(|row| std::array::from_fn(|column| row[column]))
        .collect())
}

/// A read-only array over memory of the mesh, which it keeps alive.
fn borrowed<'py, T: Element, const N: usize>(
    mesh: &Bound<'py, PyMesh>,
    rows: &[[T; N]],
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let view = ArrayView2::from_shape((rows.len(), N), rows.as_flattened())
        .map_err(|error| Error::invalid(error.to_string()))?;
    // SAFETY: `rows` is memory of `mesh`, which the array holds on to; a frozen
    // class is never changed, so the memory is neither moved nor freed before.
    let array = unsafe { PyArray2::borrow_from_array(&view, mesh.clone().into_any()) };
    array.call_method1("setflags", (false,))?;
    Ok(array)
}
