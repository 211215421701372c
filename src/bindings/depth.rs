//! Python doors of the room `depth`.

use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::depth::{self, Adjust, Axis, Clip, DepthKind, DepthMap};
use crate::image::Size;
use crate::{Error, Result};

/// The arrays a depth map can be.
#[derive(FromPyObject)]
enum Values<'py> {
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

impl<'py> Values<'py> {
    fn of(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        array
            .extract()
            .map_err(|_| PyValueError::new_err("a depth map is a float32 or float64 array [height, width]"))
    }
}

/// Does the same to an array of either type, with the GIL released.
macro_rules! with_values {
    ($py:expr, $values:expr, |$view:ident| $work:expr) => {
        match $values {
            Values::F32(array) => {
                let $view = array.as_array();
                $py.detach(|| $work)
            }
            Values::F64(array) => {
                let $view = array.as_array();
                $py.detach(|| $work)
            }
        }
    };
}

#[pyfunction]
fn nearness<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    kind: &str,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let kind = DepthKind::named(kind)?;
    let nearness = match Values::of(values)? {
        Values::F32(array) => {
            let view = array.as_array();
            py.detach(|| depth::nearness(view, kind))
        }
        Values::F64(array) => {
            let view = array.as_array();
            py.detach(|| Ok(depth::nearness(view, kind)?.mapv(|value| value as f32)))
        }
    }?;
    Ok(nearness.into_pyarray(py))
}

#[pyfunction]
#[pyo3(signature = (values, kind = "inverse", normalize = true, clip = None, far = 0.0, near = 1.0))]
fn depth_to_u16<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    kind: &str,
    normalize: bool,
    clip: Option<&str>,
    far: f64,
    near: f64,
) -> PyResult<Bound<'py, PyArray2<u16>>> {
    let kind = DepthKind::named(kind)?;
    let clip = clip.map(|mode| Clip::named(mode, far, near)).transpose()?;
    if !normalize {
        check_unit(kind, clip)?;
    }
    let depth = with_values!(py, Values::of(values)?, |view| if normalize {
        depth::to_u16(view, kind, clip)
    } else {
        depth::unit_to_u16(view)
    })?;
    Ok(depth.into_pyarray(py))
}

/// Maps that keep their scale are near = large and 0..1, and never clipped.
fn check_unit(kind: DepthKind, clip: Option<Clip>) -> Result<()> {
    if kind != DepthKind::Inverse {
        return Err(Error::invalid(format!(
            "a map of kind {:?} has no scale of its own to keep; let it be stretched (normalize)",
            kind.name()
        )));
    }
    if clip.is_some() {
        return Err(Error::invalid(
            "clipping goes with stretching (normalize); a map that keeps its scale is not clipped",
        ));
    }
    Ok(())
}

/// The arrays a depth picture can be.
#[derive(FromPyObject)]
enum DepthPicture<'py> {
    Bool(PyReadonlyArray2<'py, bool>),
    U8(PyReadonlyArray2<'py, u8>),
    U16(PyReadonlyArray2<'py, u16>),
    U32(PyReadonlyArray2<'py, u32>),
    I32(PyReadonlyArray2<'py, i32>),
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

#[pyfunction]
fn custom_depth<'py>(
    py: Python<'py>,
    picture: &Bound<'py, PyAny>,
    width: usize,
    height: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let picture: DepthPicture = picture.extract().map_err(|_| {
        PyValueError::new_err(
            "a depth picture is an array [height, width] of bool, uint8, uint16, uint32, int32, float32 or float64",
        )
    })?;
    let size = Size { width, height };
    macro_rules! from {
        ($array:expr) => {{
            let view = $array.as_array();
            py.detach(|| depth::from_picture(view, size))?
                .into_pyarray(py)
                .into_any()
        }};
    }
    Ok(match picture {
        DepthPicture::Bool(array) => {
            let view = array.as_array();
            py.detach(|| depth::from_picture(view.mapv(|set| if set { u8::MAX } else { 0 }).view(), size))?
                .into_pyarray(py)
                .into_any()
        }
        DepthPicture::U8(array) => from!(array),
        DepthPicture::U16(array) => from!(array),
        DepthPicture::U32(array) => from!(array),
        DepthPicture::I32(array) => from!(array),
        DepthPicture::F32(array) => from!(array),
        DepthPicture::F64(array) => from!(array),
    })
}

#[pyfunction]
#[pyo3(signature = (picture, depth_u16, vertical = false))]
fn combine<'py>(
    py: Python<'py>,
    picture: PyReadonlyArray3<'py, u8>,
    depth_u16: PyReadonlyArray2<'py, u16>,
    vertical: bool,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let axis = if vertical {
        Axis::Vertical
    } else {
        Axis::Horizontal
    };
    let (picture, depth_u16) = (picture.as_array(), depth_u16.as_array());
    Ok(py
        .detach(|| depth::combine(picture, depth_u16, axis))?
        .into_pyarray(py))
}

/// The nearness of a depth map, adjusted.
#[pyfunction]
#[pyo3(signature = (values, kind = "inverse", *, clip = None, far = 0.0, near = 1.0, normalize = true, gamma = 1.0, invert = false, blur = 0.0))]
#[allow(clippy::too_many_arguments)]
fn adjust_depth<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    kind: &str,
    clip: Option<&str>,
    far: f64,
    near: f64,
    normalize: bool,
    gamma: f32,
    invert: bool,
    blur: f32,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let options = Adjust {
        normalize,
        clip: clip.map(|mode| Clip::named(mode, far, near)).transpose()?,
        gamma,
        invert,
        blur,
    };
    let depth = depth_map(values, kind)?;
    Ok(py.detach(|| depth::adjust(&depth, &options))?.into_pyarray(py))
}

/// A depth map in single precision.
pub(super) fn depth_map(values: &Bound<'_, PyAny>, kind: &str) -> PyResult<DepthMap> {
    let values = match Values::of(values)? {
        Values::F32(array) => array.as_array().to_owned(),
        Values::F64(array) => array.as_array().mapv(|value| value as f32),
    };
    Ok(DepthMap::new(values, DepthKind::named(kind)?))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(nearness, module)?)?;
    module.add_function(wrap_pyfunction!(depth_to_u16, module)?)?;
    module.add_function(wrap_pyfunction!(custom_depth, module)?)?;
    module.add_function(wrap_pyfunction!(adjust_depth, module)?)?;
    module.add_function(wrap_pyfunction!(combine, module)?)
}
