//! Python doors of clips: frames that are drawn when they are asked for, and
//! files they are written to one by one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::effects::PyRelief;
use super::monitor::{Watch, watched};
use super::options::{Given, mapping};
use super::surface::rows;
use crate::Monitor;
use crate::effects::{ParallaxClip, ParallaxOptions};
use crate::image::{AnimationFormat, AnimationWriter, Size};

type Inputs<'py> = (
    Bound<'py, PyArray3<u8>>,
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyDict>,
);

/// The frames of one loop of the camera; every one is drawn when it is asked for.
#[pyclass(frozen, sequence, name = "ParallaxFrames", module = "rilievo._native")]
pub(super) struct PyParallaxFrames(ParallaxClip);

#[pymethods]
impl PyParallaxFrames {
    #[new]
    #[pyo3(signature = (image, relief, options = None, watch = None))]
    fn new(
        py: Python<'_>,
        image: PyReadonlyArray3<'_, u8>,
        relief: &PyRelief,
        options: Option<Given<ParallaxOptions>>,
        watch: Option<Watch>,
    ) -> PyResult<Self> {
        let (image, options) = (image.as_array(), options.unwrap_or_default());
        watched(py, watch, |monitor| {
            ParallaxClip::new(image, &relief.0, &options, monitor)
        })
        .map(Self)
    }

    /// What `__reduce__` gave.
    #[staticmethod]
    fn _from_inputs(
        py: Python<'_>,
        image: PyReadonlyArray3<'_, u8>,
        nearness: PyReadonlyArray2<'_, f32>,
        options: Given<ParallaxOptions>,
    ) -> PyResult<Self> {
        let (image, nearness) = (image.as_array(), nearness.as_array());
        let clip = py.detach(|| ParallaxClip::from_inputs(image, nearness, &options, &Monitor::silent()));
        Ok(Self(clip?))
    }

    fn __reduce__<'py>(this: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Inputs<'py>)> {
        let py = this.py();
        let (image, nearness, options) = this.get().0.inputs();
        let inputs = (
            image.into_pyarray(py),
            nearness.into_pyarray(py),
            mapping(py, &options)?,
        );
        Ok((this.getattr("_from_inputs")?, inputs))
    }

    /// Width and height of a frame.
    #[getter]
    fn size(&self) -> (usize, usize) {
        (self.0.size().width, self.0.size().height)
    }

    fn __len__(&self) -> usize {
        self.0.count()
    }

    /// Draws a frame, uint8 `[H, W, 3]`; progress is reported as frames done of frames in all.
    #[pyo3(signature = (index, watch = None))]
    fn frame<'py>(
        &self,
        py: Python<'py>,
        index: usize,
        watch: Option<Watch>,
    ) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let frame = watched(py, watch, |monitor| self.0.frame(index, monitor))?;
        Ok(frame.into_pyarray(py))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyArray3<u8>>> {
        if index >= self.0.count() {
            return Err(PyIndexError::new_err(format!(
                "there is no frame {index}: the clip has {}",
                self.0.count()
            )));
        }
        self.frame(py, index, None)
    }

    fn __iter__(this: Py<Self>) -> PyFrameIterator {
        PyFrameIterator {
            frames: this,
            next: AtomicUsize::new(0),
        }
    }
}

/// Draws one frame after the other.
#[pyclass(frozen, name = "_FrameIterator", module = "rilievo._native")]
struct PyFrameIterator {
    frames: Py<PyParallaxFrames>,
    next: AtomicUsize,
}

#[pymethods]
impl PyFrameIterator {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray3<u8>>>> {
        let frames = self.frames.get();
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let drawn = (index < frames.0.count()).then(|| frames.frame(py, index, None));
        drawn.transpose()
    }
}

/// An animation that is written frame by frame; see `_native.pyi`.
#[pyclass(name = "AnimationWriter", module = "rilievo._native")]
pub(super) struct PyAnimationWriter(Option<AnimationWriter>);

#[pymethods]
impl PyAnimationWriter {
    #[new]
    fn new(
        path: PathBuf,
        format: &str,
        width: usize,
        height: usize,
        frames: usize,
        fps: f64,
    ) -> PyResult<Self> {
        let format = AnimationFormat::named(format)?;
        let size = Size { width, height };
        let writer = AnimationWriter::create(&path, format, size, frames, fps)?;
        Ok(Self(Some(writer)))
    }

    /// Adds a frame: uint8 `[H, W, 3]`, or for a GIF indices `[H, W]` and their palette `[N, 3]`.
    #[pyo3(signature = (frame, palette = None))]
    fn add(
        &mut self,
        py: Python<'_>,
        frame: &Bound<'_, PyAny>,
        palette: Option<PyReadonlyArray2<'_, u8>>,
    ) -> PyResult<()> {
        let writer = self.0.as_mut().ok_or_else(closed)?;
        match palette {
            Some(palette) => {
                let palette = rows("palette", palette.as_array())?;
                let indices: PyReadonlyArray2<'_, u8> = frame.extract()?;
                let indices = indices.as_array();
                py.detach(|| writer.add_indexed(indices, &palette))?;
            }
            None => {
                let frame: PyReadonlyArray3<'_, u8> = frame.extract()?;
                let frame = frame.as_array();
                py.detach(|| writer.add(frame))?;
            }
        }
        Ok(())
    }

    /// Ends the animation; the file appears under its name.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        let writer = self.0.take().ok_or_else(closed)?;
        Ok(py.detach(|| writer.finish())?)
    }

    /// Gives the animation up; nothing is left of it.
    fn abort(&mut self) {
        self.0 = None;
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Finishes the file, or gives it up if the block raised.
    fn __exit__(
        &mut self,
        py: Python<'_>,
        kind: Option<Py<PyAny>>,
        _error: Option<Py<PyAny>>,
        _traceback: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        if kind.is_some() {
            self.abort();
        }
        if self.0.is_some() { self.finish(py) } else { Ok(()) }
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("this animation is finished or given up; begin a new one")
}
