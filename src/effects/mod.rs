//! Floor 4: depth -> depth of field, fog, masks, parallax frames.
//!
//! All of them look at a [`Relief`]: how far things are, as lenses and moving
//! cameras see it.
//!
//! ```
//! use ndarray::{Array2, Array3};
//! use rilievo::Monitor;
//! use rilievo::effects::{DepthOfFieldOptions, Relief, depth_of_field};
//!
//! let image = Array3::<u8>::from_elem((8, 8, 3), 99);
//! let relief = Relief::from_unit(Array2::from_shape_fn((8, 8), |(y, _)| y as f32 / 7.0))?;
//! let blurred = depth_of_field(image.view(), &relief, &DepthOfFieldOptions::default(), &Monitor::silent())?;
//! assert_eq!(blurred, image); // one colour stays one colour
//! # Ok::<(), rilievo::Error>(())
//! ```

mod aperture;
mod depth_mask;
mod depth_of_field;
mod fog;
mod parallax;
mod relief;
mod samples;

pub use depth_mask::{DepthMaskOptions, depth_mask};
pub use depth_of_field::{DepthOfFieldOptions, depth_of_field};
pub use fog::{FogOptions, fog};
pub use parallax::{ParallaxClip, ParallaxOptions, Preset};
pub use relief::Relief;

use ndarray::{ArrayView3, CowArray, Ix3};

use crate::{Error, Result};

/// An RGB picture as its pixels, row after row, after checks.
///
/// # Errors
/// [`Error::Invalid`] unless it is `[H, W, 3]`, has pixels, and is as large as `relief`.
fn checked<'a>(image: ArrayView3<'a, u8>, relief: &Relief) -> Result<CowArray<'a, u8, Ix3>> {
    let (height, width, channels) = image.dim();
    if channels != 3 {
        return Err(Error::invalid(format!(
            "the picture has {channels} channels; give three (RGB)"
        )));
    }
    let (rows, columns) = relief.nearness().dim();
    if (rows, columns) != (height, width) {
        return Err(Error::invalid(format!(
            "the depth is {columns}x{rows} but the picture is {width}x{height}; resize one to the other first"
        )));
    }
    Ok(if image.is_standard_layout() {
        image.into()
    } else {
        image.as_standard_layout().into_owned().into()
    })
}
