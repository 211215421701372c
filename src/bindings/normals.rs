//! Python doors of the room `surface`: normal maps and heat maps.

use numpy::{IntoPyArray, PyArray3, PyReadonlyArray2};
use pyo3::prelude::*;

use super::options::Given;
use super::surface::Depth;
use crate::depth::{DepthKind, DepthMap};
use crate::surface::{self, CameraOptions, Green, HeatMapOptions, NormalMapOptions};

#[pyfunction]
#[pyo3(signature = (depth_u16, options = None))]
pub(super) fn normal_map<'py>(
    py: Python<'py>,
    depth_u16: PyReadonlyArray2<'py, u16>,
    options: Option<Given<NormalMapOptions>>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (depth, options) = (depth_u16.as_array(), options.unwrap_or_default());
    Ok(py
        .detach(|| surface::normal_map(depth, &options))?
        .into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (depth_u16, options = None))]
pub(super) fn heat_map<'py>(
    py: Python<'py>,
    depth_u16: PyReadonlyArray2<'py, u16>,
    options: Option<Given<HeatMapOptions>>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (depth, options) = (depth_u16.as_array(), options.unwrap_or_default());
    Ok(py.detach(|| surface::heat_map(depth, &options))?.into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (depth, kind = "metric", options = None, green = "opengl"))]
pub(super) fn camera_normal_map<'py>(
    py: Python<'py>,
    depth: Depth<'py>,
    kind: &str,
    options: Option<Given<CameraOptions>>,
    green: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (kind, green) = (DepthKind::named(kind)?, Green::named(green)?);
    let options = options.unwrap_or_default();
    options.check()?;
    let map = DepthMap::new(depth.to_f32(), kind);
    // The pinhole part of it, also where a panorama's mesh is made of the same options.
    let camera = CameraOptions {
        spherical: false,
        ..options.0
    }
    .camera();
    let normals = py.detach(|| {
        let distance = surface::mesh_depth(&map)?;
        surface::camera_normal_map(distance.view(), camera, green)
    })?;
    Ok(normals.into_pyarray(py))
}
