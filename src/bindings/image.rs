//! Python doors of the room `image`: picture files in and out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::image::{self, Limits, Plane};

type PictureArrays<'py> = (Bound<'py, PyArray3<u8>>, Option<Bound<'py, PyArray2<u8>>>);

#[pyfunction]
#[pyo3(signature = (path, *, max_pixels = None))]
pub(super) fn read_picture(
    py: Python<'_>,
    path: PathBuf,
    max_pixels: Option<u64>,
) -> PyResult<PictureArrays<'_>> {
    let picture = py.detach(|| image::read_picture(&path, limits(max_pixels)))?;
    let (rgb, alpha) = picture.into_parts();
    Ok((rgb.into_pyarray(py), alpha.map(|alpha| alpha.into_pyarray(py))))
}

#[pyfunction]
#[pyo3(signature = (path, *, max_pixels = None))]
pub(super) fn read_depth(
    py: Python<'_>,
    path: PathBuf,
    max_pixels: Option<u64>,
) -> PyResult<Bound<'_, PyAny>> {
    let plane = py.detach(|| image::read_plane(&path, limits(max_pixels)))?;
    Ok(match plane {
        Plane::U8(values) => values.into_pyarray(py).into_any(),
        Plane::U16(values) => values.into_pyarray(py).into_any(),
        Plane::U32(values) => values.into_pyarray(py).into_any(),
        Plane::I32(values) => values.into_pyarray(py).into_any(),
        Plane::F32(values) => values.into_pyarray(py).into_any(),
    })
}

fn limits(max_pixels: Option<u64>) -> Limits {
    max_pixels.map_or_else(Limits::default, |max_pixels| Limits { max_pixels })
}

/// The arrays that make a PNG file.
#[derive(FromPyObject)]
enum Pixels<'py> {
    Gray8(PyReadonlyArray2<'py, u8>),
    Gray16(PyReadonlyArray2<'py, u16>),
    Color8(PyReadonlyArray3<'py, u8>),
    Color16(PyReadonlyArray3<'py, u16>),
}

#[pyfunction]
#[pyo3(signature = (path, pixels, text = None))]
pub(super) fn write_png(
    py: Python<'_>,
    path: PathBuf,
    pixels: &Bound<'_, PyAny>,
    text: Option<BTreeMap<String, String>>,
) -> PyResult<()> {
    let arrays = pixels.extract::<Pixels>().map_err(|_| {
        PyValueError::new_err("a PNG file is made of uint8 or uint16 arrays [H, W] or [H, W, channels]")
    })?;
    let text: Vec<_> = text.unwrap_or_default().into_iter().collect();
    macro_rules! write {
        ($array:expr) => {{
            let view = $array.as_array();
            py.detach(|| image::write_png(&path, view, &text))
        }};
    }
    match arrays {
        Pixels::Gray8(array) => write!(array),
        Pixels::Gray16(array) => write!(array),
        Pixels::Color8(array) => write!(array),
        Pixels::Color16(array) => write!(array),
    }?;
    Ok(())
}
