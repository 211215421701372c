//! Floor 5: the only room that knows Python. Thin and typed; the GIL is
//! released around all work, progress and cancel are passed through.

use pyo3::prelude::*;

mod depth;
mod effects;
mod errors;
mod estimate;
mod frames;
mod image;
mod models;
mod monitor;
mod normals;
mod stereo;
mod surface;

/// `rilievo._native`: see `python/rilievo/_native.pyi`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    depth::register(module)?;
    effects::register(module)?;
    estimate::register(module)?;
    frames::register(module)?;
    image::register(module)?;
    models::register(module)?;
    normals::register(module)?;
    stereo::register(module)?;
    surface::register(module)?;
    Ok(())
}
