//! Python doors of the room `estimate`.

use std::path::PathBuf;

use numpy::{PyArray2, PyReadonlyArray3, ToPyArray};
use pyo3::prelude::*;

use super::monitor::{Watch, watched_in_pool};
use super::options::Given;
use crate::depth::{DepthMap, Intrinsics};
use crate::estimate::boost::{self, BoostOptions, Merge};
use crate::estimate::{self, EstimateOptions};
use crate::image::size::Raster;
use crate::networks;
use crate::run;
use crate::weights::catalog;

/// A loaded network.
#[pyclass(frozen, module = "rilievo._native")]
pub(super) struct Estimator {
    inner: estimate::Estimator,
}

#[pymethods]
impl Estimator {
    /// Loads the network called `name` from `path` (`None`: embedded); `tiling` for pictures that tile.
    #[new]
    #[pyo3(signature = (name, path = None, device = "auto", precision = "auto", tiling = false))]
    fn new(
        py: Python<'_>,
        name: &str,
        path: Option<PathBuf>,
        device: &str,
        precision: &str,
        tiling: bool,
    ) -> PyResult<Self> {
        let entry = catalog::find(name)?;
        let (device, precision) = (device.parse()?, precision.parse()?);
        let inner =
            py.detach(|| estimate::Estimator::open(entry, path.as_deref(), device, precision, tiling))?;
        Ok(Self { inner })
    }

    /// The depth of a picture (uint8 `[H, W, 3]`): float32 `[H, W]` (NaN where nothing could be measured),
    /// what the numbers mean, and the predicted camera (fx, fy, cx, cy in pixels), if there is one.
    #[pyo3(signature = (picture, options = None, watch = None))]
    fn estimate<'py>(
        &self,
        py: Python<'py>,
        picture: PyReadonlyArray3<'py, u8>,
        options: Option<Given<EstimateOptions>>,
        watch: Option<Watch>,
    ) -> PyResult<Parts<'py>> {
        let (picture, options) = (picture.as_array(), options.unwrap_or_default());
        let depth = watched_in_pool(py, watch, |monitor| {
            self.inner.estimate(picture, &options, monitor)
        })?;
        parts(py, &depth)
    }

    /// The same with the details of many small looks, merged by a network or (`None`) by guided filtering.
    #[pyo3(signature = (picture, merge = None, options = None, watch = None))]
    fn boost<'py>(
        &self,
        py: Python<'py>,
        picture: PyReadonlyArray3<'py, u8>,
        merge: Option<Py<MergeNetwork>>,
        options: Option<Given<BoostOptions>>,
        watch: Option<Watch>,
    ) -> PyResult<Parts<'py>> {
        let (picture, options) = (picture.as_array(), options.unwrap_or_default());
        let merge = merge.as_ref().map_or(&Merge::Guided, |merge| &merge.get().inner);
        let depth = watched_in_pool(py, watch, |monitor| {
            self.inner.boost(picture, merge, &options, monitor)
        })?;
        parts(py, &depth)
    }
}

/// A depth map for Python: its numbers, what they mean, and the camera as (fx, fy, cx, cy) in pixels.
type Parts<'py> = (
    Bound<'py, PyArray2<f32>>,
    &'static str,
    Option<(f64, f64, f64, f64)>,
);

fn parts<'py>(py: Python<'py>, depth: &DepthMap) -> PyResult<Parts<'py>> {
    let size = depth.values().raw_dim().picture_size();
    let camera = depth.camera().map(|camera| camera.intrinsics(size)).transpose()?;
    let camera = camera.flatten();
    let camera = camera.map(|Intrinsics { fx, fy, cx, cy }| (fx, fy, cx, cy));
    Ok((depth.measured().to_pyarray(py), depth.kind().name(), camera))
}

/// The network that merges two depth maps, loaded.
#[pyclass(frozen, module = "rilievo._native")]
pub(super) struct MergeNetwork {
    inner: Merge,
}

#[pymethods]
impl MergeNetwork {
    /// Loads the merge network from `path`.
    #[new]
    #[pyo3(signature = (path, device = "auto", precision = "auto"))]
    fn new(py: Python<'_>, path: PathBuf, device: &str, precision: &str) -> PyResult<Self> {
        let entry = catalog::find("pix2pix")?;
        let (device, precision) = (device.parse()?, precision.parse()?);
        let network = py.detach(|| boost::Merger::open(entry, &path, device, precision))?;
        Ok(Self {
            inner: Merge::Network(network),
        })
    }
}

/// How a picture would be boosted: the network size for the whole, and the patches as (x, y, side) in a
/// picture of the size that comes third.
#[pyfunction]
#[pyo3(signature = (picture, field, options = None))]
#[allow(clippy::type_complexity)]
pub(super) fn boost_plan(
    py: Python<'_>,
    picture: PyReadonlyArray3<'_, u8>,
    field: usize,
    options: Option<Given<BoostOptions>>,
) -> PyResult<(usize, Vec<(usize, usize, usize)>, (usize, usize))> {
    let (picture, options) = (picture.as_array(), options.unwrap_or_default());
    options.check()?;
    let plan = watched_in_pool(py, None, |_| {
        boost::Plan::new(picture, field, options.rmax, options.max_patches)
    })?;
    let patches = plan.patches.iter().map(|patch| (patch.x, patch.y, patch.side));
    Ok((
        plan.whole,
        patches.collect(),
        (plan.target.width, plan.target.height),
    ))
}

/// The name of the network that a checkpoint file holds.
#[pyfunction]
pub(super) fn identify(py: Python<'_>, path: PathBuf) -> PyResult<&'static str> {
    Ok(&py.detach(|| networks::identify(&path))?.id)
}

/// The devices this build was made for, each with the reason if it cannot be used.
#[pyfunction]
pub(super) fn devices(py: Python<'_>) -> Vec<(String, Option<String>)> {
    let found = py.detach(run::devices);
    let reason = |answer: crate::Result<()>| answer.err().map(|error| error.to_string());
    found
        .into_iter()
        .map(|(choice, answer)| (choice.to_string(), reason(answer)))
        .collect()
}
