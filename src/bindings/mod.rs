//! Floor 5: the only room that knows Python. Thin and typed; the GIL is
//! released around all work, progress and cancel are passed through, and a group
//! of options crosses as one mapping.

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
mod options;
mod stereo;
mod surface;

/// `rilievo._native`: see `python/rilievo/_native.pyi`.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::depth::{adjust_depth, combine, custom_depth, depth_to_u16, nearness};
    #[pymodule_export]
    use super::effects::{PyRelief, depth_mask, depth_of_field, fog, parallax_presets};
    #[pymodule_export]
    use super::estimate::{Estimator, MergeNetwork, boost_plan, devices, identify};
    #[pymodule_export]
    use super::frames::{PyAnimationWriter, PyParallaxFrames};
    #[pymodule_export]
    use super::image::{read_depth, read_orientation, read_picture, write_png};
    #[pymodule_export]
    use super::models::{
        download_model, find_model, import_model, models, resolve_model, unusable_models, verify_model,
    };
    #[pymodule_export]
    use super::normals::{camera_normal_map, heat_map, normal_map};
    #[pymodule_export]
    use super::options::{check_options, option_table};
    #[pymodule_export]
    use super::stereo::{stereo_compose, stereo_eyes, stereo_fills, stereo_images, stereo_modes};
    #[pymodule_export]
    use super::surface::{PyMesh, mesh_depth, point_cloud, read_mesh, save_depth, simple_mesh};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::errors::register(module)
    }
}
