//! Python doors of the room `stereo`.

use numpy::{IntoPyArray, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use super::monitor::watched;
use crate::stereo::{self, StereoOptions};

#[pyfunction]
#[pyo3(signature = (image, depth, divergence, separation, balance, offset_exponent, fill))]
fn stereo_eyes<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    depth: PyReadonlyArray2<'py, u16>,
    divergence: f64,
    separation: f64,
    balance: f64,
    offset_exponent: f64,
    fill: &str,
) -> PyResult<(Bound<'py, PyArray3<u8>>, Bound<'py, PyArray3<u8>>)> {
    let options = StereoOptions {
        divergence,
        separation,
        balance,
        offset_exponent,
        fill: fill.parse()?,
        ..Default::default()
    };
    let (image, depth) = (image.as_array(), depth.as_array());
    let eyes = watched(py, None, None, |monitor| {
        stereo::eyes(image, depth, &options, monitor)
    })?;
    Ok((eyes.left.into_pyarray(py), eyes.right.into_pyarray(py)))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(stereo_eyes, module)?)
}
