//! Python doors of the room `depth`.

use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::options::Given;
use crate::depth::{self, AdjustOptions, Axis, ClipOptions, DepthKind, DepthMap};
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
pub(super) fn nearness<'py>(
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
#[pyo3(signature = (values, kind = "inverse", normalize = true, clip = None))]
pub(super) fn depth_to_u16<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    kind: &str,
    normalize: bool,
    clip: Option<Given<ClipOptions>>,
) -> PyResult<Bound<'py, PyArray2<u16>>> {
    let kind = DepthKind::named(kind)?;
    let clip = clip.map(|clip| clip.0);
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
fn check_unit(kind: DepthKind, clip: Option<ClipOptions>) -> Result<()> {
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
pub(super) fn custom_depth<'py>(
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
pub(super) fn combine<'py>(
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
#[pyo3(signature = (values, kind = "inverse", options = None, clip = None))]
pub(super) fn adjust_depth<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    kind: &str,
    options: Option<Given<AdjustOptions>>,
    clip: Option<Given<ClipOptions>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let options = AdjustOptions {
        clip: clip.map(|clip| clip.0),
        ..options.unwrap_or_default().0
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
