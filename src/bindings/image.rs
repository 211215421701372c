//! Python doors of the room `image`: picture files in and out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::image::{self, Limits, Plane, Source};

type PictureArrays<'py> = (Bound<'py, PyArray3<u8>>, Option<Bound<'py, PyArray2<u8>>>);

/// A picture file, or its bytes; messages call those by `name`.
#[derive(FromPyObject)]
pub(super) enum Input {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

/// Reads with the GIL released, and passes warnings on to the logger `rilievo`.
fn reading<T: Send>(
    py: Python<'_>,
    input: Input,
    name: &str,
    read: impl FnOnce(&Source) -> crate::Result<T> + Send,
) -> PyResult<T> {
    let (value, path, warnings) = py.detach(|| {
        let source = match &input {
            Input::Bytes(bytes) => Source::from_bytes(name, &bytes[..]),
            Input::Path(path) => Source::open(path),
        }?;
        let value = read(&source)?;
        Ok::<_, crate::Error>((value, source.name().to_owned(), source.warnings()))
    })?;
    if !warnings.is_empty() {
        let logger = py.import("logging")?.call_method1("getLogger", ("rilievo",))?;
        for warning in warnings {
            logger.call_method1("warning", ("%s: %s", &path, warning))?;
        }
    }
    Ok(value)
}

#[pyfunction]
#[pyo3(signature = (picture, *, max_pixels = None, name = "the picture"))]
pub(super) fn read_picture<'py>(
    py: Python<'py>,
    picture: Input,
    max_pixels: Option<u64>,
    name: &str,
) -> PyResult<PictureArrays<'py>> {
    let picture = reading(py, picture, name, |source| {
        image::read_picture(source, limits(max_pixels))
    })?;
    let (rgb, alpha) = picture.into_parts();
    Ok((rgb.into_pyarray(py), alpha.map(|alpha| alpha.into_pyarray(py))))
}

#[pyfunction]
#[pyo3(signature = (picture, *, max_pixels = None, name = "the depth map"))]
pub(super) fn read_depth<'py>(
    py: Python<'py>,
    picture: Input,
    max_pixels: Option<u64>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let plane = reading(py, picture, name, |source| {
        image::read_plane(source, limits(max_pixels))
    })?;
    Ok(match plane {
        Plane::U8(values) => values.into_pyarray(py).into_any(),
        Plane::U16(values) => values.into_pyarray(py).into_any(),
        Plane::U32(values) => values.into_pyarray(py).into_any(),
        Plane::I32(values) => values.into_pyarray(py).into_any(),
        Plane::F32(values) => values.into_pyarray(py).into_any(),
    })
}

#[pyfunction]
#[pyo3(signature = (picture, *, name = "the picture"))]
pub(super) fn read_orientation(py: Python<'_>, picture: Input, name: &str) -> PyResult<u8> {
    reading(py, picture, name, image::read_orientation)
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
