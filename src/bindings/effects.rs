//! Python doors of the room `effects`.

use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray3, ToPyArray};
use pyo3::prelude::*;

use super::depth::depth_map;
use super::monitor::{Watch, watched};
use super::options::Given;
use crate::depth::ClipOptions;
use crate::effects::{self, DepthMaskOptions, DepthOfFieldOptions, FogOptions, Preset, Relief};

/// A depth map as the effects take it: stretched inverse distance.
#[pyclass(frozen, name = "Relief", module = "rilievo._native")]
pub(super) struct PyRelief(pub(super) Relief);

#[pymethods]
impl PyRelief {
    #[new]
    #[pyo3(signature = (values, kind = "inverse", *, normalize = true, clip = None))]
    fn new(
        py: Python<'_>,
        values: &Bound<'_, PyAny>,
        kind: &str,
        normalize: bool,
        clip: Option<Given<ClipOptions>>,
    ) -> PyResult<Self> {
        let depth = depth_map(values, kind)?;
        let relief = py.detach(|| {
            if normalize {
                Relief::new(&depth, clip.map(|clip| clip.0))
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
}

/// The names of all camera movements.
#[pyfunction]
pub(super) fn parallax_presets() -> Vec<&'static str> {
    Preset::ALL.iter().map(|preset| preset.name()).collect()
}

/// A picture through a lens of large aperture.
#[pyfunction]
#[pyo3(signature = (image, relief, options = None, watch = None))]
pub(super) fn depth_of_field<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    relief: &PyRelief,
    options: Option<Given<DepthOfFieldOptions>>,
    watch: Option<Watch>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (image, options) = (image.as_array(), options.unwrap_or_default());
    let picture = watched(py, watch, |monitor| {
        effects::depth_of_field(image, &relief.0, &options, monitor)
    })?;
    Ok(picture.into_pyarray(py))
}

/// A picture with fog in it.
#[pyfunction]
#[pyo3(signature = (image, relief, options = None, watch = None))]
pub(super) fn fog<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    relief: &PyRelief,
    options: Option<Given<FogOptions>>,
    watch: Option<Watch>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (image, options) = (image.as_array(), options.unwrap_or_default());
    let picture = watched(py, watch, |monitor| {
        effects::fog(image, &relief.0, &options, monitor)
    })?;
    Ok(picture.into_pyarray(py))
}

/// The mask of a range of depth.
#[pyfunction]
#[pyo3(signature = (relief, options = None))]
pub(super) fn depth_mask<'py>(
    py: Python<'py>,
    relief: &PyRelief,
    options: Option<Given<DepthMaskOptions>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let options = options.unwrap_or_default();
    Ok(py
        .detach(|| effects::depth_mask(&relief.0, &options))?
        .into_pyarray(py))
}
