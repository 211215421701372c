//! Python doors of the room `surface`: normal maps and heat maps.

use numpy::{IntoPyArray, PyArray3, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::depth::{DepthKind, DepthMap};
use crate::surface::{self, Green, Intrinsics, NormalMapOptions};

#[pyfunction]
#[pyo3(signature = (depth_u16, *, pre_blur = None, sobel = Some(3), post_blur = None, invert = false))]
fn normal_map<'py>(
    py: Python<'py>,
    depth_u16: PyReadonlyArray2<'py, u16>,
    pre_blur: Option<usize>,
    sobel: Option<usize>,
    post_blur: Option<usize>,
    invert: bool,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let options = NormalMapOptions {
        pre_blur,
        sobel,
        post_blur,
        invert,
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
#[pyo3(signature = (depth, *, kind = "metric", fov = 55.0, green = "up"))]
fn camera_normal_map<'py>(
    py: Python<'py>,
    depth: PyReadonlyArray2<'py, f32>,
    kind: &str,
    fov: f64,
    green: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let kind = DepthKind::named(kind)?;
    let green = match green {
        "up" => Green::Up,
        "down" => Green::Down,
        _ => {
            return Err(PyValueError::new_err(format!(
                "green: {green:?} is unknown; it can be \"up\" (OpenGL) or \"down\" (DirectX)"
            )));
        }
    };
    let depth = depth.as_array();
    let normals = py.detach(|| {
        let (height, width) = depth.dim();
        let camera = Intrinsics::from_fov(width, height, fov)?;
        let distance = surface::mesh_depth(&DepthMap::new(depth.to_owned(), kind))?;
        surface::camera_normal_map(distance.view(), camera, green)
    })?;
    Ok(normals.into_pyarray(py))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(normal_map, module)?)?;
    module.add_function(wrap_pyfunction!(heat_map, module)?)?;
    module.add_function(wrap_pyfunction!(camera_normal_map, module)?)
}
