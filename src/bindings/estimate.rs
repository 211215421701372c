//! Python doors of the room `estimate`.

use std::path::PathBuf;

use numpy::{PyArray2, PyReadonlyArray3, ToPyArray};
use pyo3::prelude::*;

use super::monitor::watched;
use crate::estimate::{self, Settings, boost};
use crate::networks;
use crate::weights::catalog;

/// A loaded network.
#[pyclass(frozen, module = "rilievo._native")]
struct Estimator {
    inner: estimate::Estimator,
}

#[pymethods]
impl Estimator {
    /// Loads the network called `name` from `path` (`None`: embedded).
    #[new]
    #[pyo3(signature = (name, path = None, device = "auto", precision = "auto"))]
    fn new(
        py: Python<'_>,
        name: &str,
        path: Option<PathBuf>,
        device: &str,
        precision: &str,
    ) -> PyResult<Self> {
        let entry = catalog::find(name)?;
        let (device, precision) = (device.parse()?, precision.parse()?);
        let inner = py.detach(|| estimate::Estimator::open(entry, path.as_deref(), device, precision))?;
        Ok(Self { inner })
    }

    /// The catalog's name of the network.
    #[getter]
    fn name(&self) -> &'static str {
        &self.inner.entry().id
    }

    /// The depth of a picture (uint8 `[H, W, 3]`): float32 `[H, W]`, and what the numbers mean.
    #[pyo3(signature = (picture, *, net_size = None, match_size = false, refine = None, progress = None, cancel = None))]
    #[allow(clippy::too_many_arguments)]
    fn estimate<'py>(
        &self,
        py: Python<'py>,
        picture: PyReadonlyArray3<'py, u8>,
        net_size: Option<(usize, usize)>,
        match_size: bool,
        refine: Option<bool>,
        progress: Option<Py<PyAny>>,
        cancel: Option<Py<PyAny>>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, &'static str)> {
        let picture = picture.as_array();
        let settings = Settings {
            net_size,
            match_size,
            refine,
        };
        let depth = watched(py, progress, cancel, |monitor| {
            self.inner.estimate(picture, &settings, monitor)
        })?;
        Ok((depth.values().to_pyarray(py), depth.kind().name()))
    }

    /// The depth of a picture with the details of many small looks at it: float32 `[H, W]`, and its meaning.
    #[pyo3(signature = (picture, merge, *, rmax = boost::DEFAULT_RMAX, progress = None, cancel = None))]
    fn boost<'py>(
        &self,
        py: Python<'py>,
        picture: PyReadonlyArray3<'py, u8>,
        merge: &MergeNetwork,
        rmax: usize,
        progress: Option<Py<PyAny>>,
        cancel: Option<Py<PyAny>>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, &'static str)> {
        let picture = picture.as_array();
        let depth = watched(py, progress, cancel, |monitor| {
            self.inner.boost(picture, &merge.inner, rmax, monitor)
        })?;
        Ok((depth.values().to_pyarray(py), depth.kind().name()))
    }
}

/// A loaded network that merges two depth maps.
#[pyclass(frozen, module = "rilievo._native")]
struct MergeNetwork {
    inner: estimate::MergeNetwork,
}

#[pymethods]
impl MergeNetwork {
    /// Loads the network called `name` from `path`.
    #[new]
    #[pyo3(signature = (name, path, device = "auto", precision = "auto"))]
    fn new(py: Python<'_>, name: &str, path: PathBuf, device: &str, precision: &str) -> PyResult<Self> {
        let entry = catalog::find(name)?;
        let (device, precision) = (device.parse()?, precision.parse()?);
        let inner = py.detach(|| estimate::MergeNetwork::open(entry, &path, device, precision))?;
        Ok(Self { inner })
    }
}

/// The name of the network that a checkpoint file holds.
#[pyfunction]
fn identify(py: Python<'_>, path: PathBuf) -> PyResult<&'static str> {
    Ok(&py.detach(|| networks::identify(&path))?.id)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Estimator>()?;
    module.add_class::<MergeNetwork>()?;
    module.add_function(wrap_pyfunction!(identify, module)?)
}
