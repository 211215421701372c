//! Python doors of the room `stereo`.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3};
use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use super::monitor::{Watch, watched};
use super::options::Given;
use crate::stereo::{self, Eyes, Fill, Mode, StereoOptions};
use crate::{Monitor, Result};

/// The names of all stereo modes, each with a few words on what it shows.
#[pyfunction]
pub(super) fn stereo_modes() -> Vec<(&'static str, &'static str)> {
    Mode::ALL.iter().map(|mode| (mode.name(), mode.about())).collect()
}

/// The names of all stereo fills.
#[pyfunction]
pub(super) fn stereo_fills() -> Vec<&'static str> {
    Fill::ALL.iter().map(|fill| fill.name()).collect()
}

/// Stereo pictures, a pair of name and array for each of `modes`, in order.
#[pyfunction]
#[pyo3(signature = (image, depth, modes, options = None, watch = None))]
pub(super) fn stereo_images<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    depth: Depth<'py>,
    modes: Vec<String>,
    options: Option<Given<StereoOptions>>,
    watch: Option<Watch>,
) -> PyResult<Vec<(String, Bound<'py, PyArray3<u8>>)>> {
    let modes = modes
        .iter()
        .map(|mode| mode.parse())
        .collect::<Result<Vec<Mode>>>()?;
    let options = options.unwrap_or_default();
    let (image, depth) = (image.as_array(), depth.view());
    let pictures = watched(py, watch, |monitor| {
        depth.pictures(image, &options, &modes, monitor)
    })?;
    Ok(modes
        .iter()
        .zip(pictures)
        .map(|(mode, picture)| (mode.name().to_owned(), picture.into_pyarray(py)))
        .collect())
}

pub(super) type Pictures<'py> = (
    Bound<'py, PyArray3<u8>>,
    Bound<'py, PyArray3<u8>>,
    Bound<'py, PyArray2<bool>>,
    Bound<'py, PyArray2<bool>>,
);

/// The left eye, the right eye, and the masks of what the fill made up in each.
#[pyfunction]
#[pyo3(signature = (image, depth, options = None, watch = None))]
pub(super) fn stereo_eyes<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'py, u8>,
    depth: Depth<'py>,
    options: Option<Given<StereoOptions>>,
    watch: Option<Watch>,
) -> PyResult<Pictures<'py>> {
    let options = StereoOptions {
        holes: true,
        ..options.unwrap_or_default().0
    };
    let (image, depth) = (image.as_array(), depth.view());
    let Eyes {
        left,
        right,
        left_holes,
        right_holes,
    } = watched(py, watch, |monitor| depth.eyes(image, &options, monitor))?;
    let mask = |holes: Option<Array2<bool>>, eye: &Array3<u8>| {
        holes.unwrap_or_else(|| Array2::default((eye.dim().0, eye.dim().1)))
    };
    let (left_holes, right_holes) = (mask(left_holes, &left), mask(right_holes, &right));
    Ok((
        left.into_pyarray(py),
        right.into_pyarray(py),
        left_holes.into_pyarray(py),
        right_holes.into_pyarray(py),
    ))
}

/// Two eyes as one picture.
#[pyfunction]
pub(super) fn stereo_compose<'py>(
    py: Python<'py>,
    left: PyReadonlyArray3<'py, u8>,
    right: PyReadonlyArray3<'py, u8>,
    mode: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let mode: Mode = mode.parse()?;
    let eyes = Eyes {
        left: left.as_array().to_owned(),
        right: right.as_array().to_owned(),
        left_holes: None,
        right_holes: None,
    };
    Ok(py.detach(|| stereo::compose(&eyes, mode))?.into_pyarray(py))
}

/// Depth in any of the number types it comes in, `[H, W]`, near = large.
#[derive(FromPyObject)]
pub(super) enum Depth<'py> {
    #[pyo3(transparent, annotation = "uint16 array [H, W]")]
    U16(PyReadonlyArray2<'py, u16>),
    #[pyo3(transparent, annotation = "float32 array [H, W]")]
    F32(PyReadonlyArray2<'py, f32>),
    #[pyo3(transparent, annotation = "float64 array [H, W]")]
    F64(PyReadonlyArray2<'py, f64>),
    #[pyo3(transparent, annotation = "uint8 array [H, W]")]
    U8(PyReadonlyArray2<'py, u8>),
}

impl Depth<'_> {
    fn view(&self) -> DepthView<'_> {
        match self {
            Self::U16(depth) => DepthView::U16(depth.as_array()),
            Self::F32(depth) => DepthView::F32(depth.as_array()),
            Self::F64(depth) => DepthView::F64(depth.as_array()),
            Self::U8(depth) => DepthView::U8(depth.as_array()),
        }
    }
}

/// [`Depth`] without Python, to be looked at while the GIL is released.
#[derive(Clone, Copy)]
enum DepthView<'a> {
    U16(ArrayView2<'a, u16>),
    F32(ArrayView2<'a, f32>),
    F64(ArrayView2<'a, f64>),
    U8(ArrayView2<'a, u8>),
}

impl DepthView<'_> {
    fn eyes(self, image: ArrayView3<u8>, options: &StereoOptions, monitor: &Monitor) -> Result<Eyes> {
        match self {
            Self::U16(depth) => stereo::eyes(image, depth, options, monitor),
            Self::F32(depth) => stereo::eyes(image, depth, options, monitor),
            Self::F64(depth) => stereo::eyes(image, depth, options, monitor),
            Self::U8(depth) => stereo::eyes(image, depth, options, monitor),
        }
    }

    fn pictures(
        self,
        image: ArrayView3<u8>,
        options: &StereoOptions,
        modes: &[Mode],
        monitor: &Monitor,
    ) -> Result<Vec<Array3<u8>>> {
        match self {
            Self::U16(depth) => stereo::pictures(image, depth, options, modes, monitor),
            Self::F32(depth) => stereo::pictures(image, depth, options, modes, monitor),
            Self::F64(depth) => stereo::pictures(image, depth, options, modes, monitor),
            Self::U8(depth) => stereo::pictures(image, depth, options, modes, monitor),
        }
    }
}
