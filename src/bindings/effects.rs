//! Python doors of the room `effects`.

// A Python function is called by keywords; its Rust side takes them all.
#![allow(clippy::too_many_arguments)]

use numpy::{IntoPyArray, PyArray2, PyArray3, PyArray4, PyReadonlyArray3, ToPyArray};
use pyo3::prelude::*;

use super::depth::depth_map;
use super::monitor::watched;
use crate::depth::Clip;
use crate::effects::{self, DepthMask, DepthOfField, Fog, Parallax, Preset, Relief};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyRelief>()?;
    module.add_function(wrap_pyfunction!(parallax_presets, module)?)?;
    module.add_function(wrap_pyfunction!(depth_of_field, module)?)?;
    module.add_function(wrap_pyfunction!(fog, module)?)?;
    module.add_function(wrap_pyfunction!(depth_mask, module)?)?;
    module.add_function(wrap_pyfunction!(parallax_frames, module)?)
}

/// A depth map as the effects take it: stretched inverse distance.
#[pyclass(frozen, name = "Relief", module = "rilievo._native")]
pub(super) struct PyRelief(pub(super) Relief);

#[pymethods]
impl PyRelief {
    #[new]
    #[pyo3(signature = (values, kind = "inverse", *, normalize = true, clip = None, far = 0.0, near = 1.0))]
    fn new(
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        kind: &str,
        normalize: bool,
        clip: Option<&str>,
        far: f64,
        near: f64,
    ) -> PyResult<Self> {
        let depth = depth_map(values, kind)?;
        let clip = clip.map(|mode| Clip::named(mode, far, near)).transpose()?;
        let relief = py.detach(|| {
            if normalize {
                Relief::new(&depth, clip)
            } else {
                Relief::from_unit(depth.values().clone())
            }
        })?;
        Ok(Self(relief))
    }

    /// 0 the farthest point, 1 the nearest, float32 `[H, W]`.
    #[getter]
    fn nearness<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f32>> {
        self.0.nearness().to_pyarray(py)
    }

    /// The nearness of what is in the middle of the picture.
    #[getter]
    fn middle(&self) -> f32 {
        self.0.middle()
    }
}

/// The names of all camera movements.
#[pyfunction]
fn parallax_presets() -> Vec<&'static str> {
    Preset::ALL.iter().map(|preset| preset.name()).collect()
}

/// A picture through a lens of large aperture.
#[pyfunction]
#[pyo3(signature = (
    image, relief, *, focus = None, f_number = 2.8, highlights = 0.5, blades = 0, progress = None, cancel = None,
))]
fn depth_of_field<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    relief: &PyRelief,
    focus: Option<f32>,
    f_number: f32,
    highlights: f32,
    blades: u32,
    progress: Option<Py<PyAny>>,
    cancel: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let options = DepthOfField {
        focus,
        f_number,
        highlights,
        blades,
    };
    let image = image.as_array();
    let picture = watched(py, progress, cancel, |monitor| {
        effects::depth_of_field(image, &relief.0, &options, monitor)
    })?;
    Ok(picture.into_pyarray(py))
}

/// A picture with fog in it.
#[pyfunction]
#[pyo3(signature = (image, relief, *, density = 2.0, color = (200, 208, 216), progress = None, cancel = None))]
fn fog<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    relief: &PyRelief,
    density: f32,
    color: (u8, u8, u8),
    progress: Option<Py<PyAny>>,
    cancel: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let options = Fog {
        density,
        color: color.into(),
    };
    let image = image.as_array();
    let picture = watched(py, progress, cancel, |monitor| {
        effects::fog(image, &relief.0, &options, monitor)
    })?;
    Ok(picture.into_pyarray(py))
}

/// The mask of a range of depth.
#[pyfunction]
#[pyo3(signature = (relief, *, far = 0.5, near = 1.0, feather = 0.05, invert = false))]
fn depth_mask<'py>(
    py: Python<'py>,
    relief: &PyRelief,
    far: f32,
    near: f32,
    feather: f32,
    invert: bool,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let options = DepthMask {
        far,
        near,
        feather,
        invert,
    };
    Ok(py
        .detach(|| effects::depth_mask(&relief.0, &options))?
        .into_pyarray(py))
}

/// The frames of one loop of the camera.
#[pyfunction]
#[pyo3(signature = (
    image, relief, *, preset = "circle", frames = 48, strength = 3.0, focus = None, max_size = 1024, progress = None,
    cancel = None,
))]
fn parallax_frames<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    relief: &PyRelief,
    preset: &str,
    frames: usize,
    strength: f32,
    focus: Option<f32>,
    max_size: usize,
    progress: Option<Py<PyAny>>,
    cancel: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray4<u8>>> {
    let options = Parallax {
        preset: preset.parse()?,
        frames,
        strength,
        focus,
        max_size,
    };
    let image = image.as_array();
    let frames = watched(py, progress, cancel, |monitor| {
        effects::parallax(image, &relief.0, &options, monitor)
    })?;
    Ok(frames.into_pyarray(py))
}
