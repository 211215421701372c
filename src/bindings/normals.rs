//! Python doors of the room `surface`: normal maps and heat maps.

use numpy::{IntoPyArray, PyArray3, PyReadonlyArray2};
use pyo3::prelude::*;

use super::surface::{Depth, named};
use crate::depth::{Camera, DepthKind, DepthMap, Intrinsics};
use crate::surface::{self, Green, NormalMapOptions};

#[pyfunction]
#[pyo3(signature = (
    depth_u16, *, pre_blur = None, sobel = Some(3), post_blur = None, invert = false, green = "opengl",
))]
fn normal_map<'py>(
    py: Python<'py>,
    depth_u16: PyReadonlyArray2<'py, u16>,
    pre_blur: Option<usize>,
    sobel: Option<usize>,
    post_blur: Option<usize>,
    invert: bool,
    green: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let options = NormalMapOptions {
        pre_blur,
        sobel,
        post_blur,
        invert,
        green: named("green", green, &Green::NAMED)?,
    };
    let depth = depth_u16.as_array();
    Ok(py
        .detach(|| surface::normal_map(depth, options))?
        .into_pyarray(py))
}

#[pyfunction]
fn heat_map<'py>(
    py: Python<'py>,
    depth_u16: PyReadonlyArray2<'py, u16>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let depth = depth_u16.as_array();
    Ok(py.detach(|| surface::heat_map(depth))?.into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (depth, *, kind = "metric", fov = 55.0, intrinsics = None, green = "opengl"))]
fn camera_normal_map<'py>(
    py: Python<'py>,
    depth: Depth<'py>,
    kind: &str,
    fov: f64,
    intrinsics: Option<(f64, f64, f64, f64)>,
    green: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let kind = DepthKind::named(kind)?;
    let green = named("green", green, &Green::NAMED)?;
    let map = DepthMap::new(depth.to_f32(), kind);
    let normals = py.detach(|| {
        let camera = intrinsics.map_or(Camera::Fov(fov), |(fx, fy, cx, cy)| {
            Camera::Pinhole(Intrinsics { fx, fy, cx, cy })
        });
        let distance = surface::mesh_depth(&map)?;
        surface::camera_normal_map(distance.view(), camera, green)
    })?;
    Ok(normals.into_pyarray(py))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(normal_map, module)?)?;
    module.add_function(wrap_pyfunction!(heat_map, module)?)?;
    module.add_function(wrap_pyfunction!(camera_normal_map, module)?)
}
