//! Filters over planes and pictures, by OpenCV's conventions: borders are
//! reflected without repeating the outermost pixel (`BORDER_REFLECT_101`).
//!
//! ```
//! use ndarray::array;
//! use rilievo::image::filter;
//!
//! let ramp = array![[0.0_f64, 1.0, 2.0, 3.0]];
//! let (across, down) = filter::sobel(ramp.view(), 3)?;
//! assert_eq!(across, array![[0.0, 8.0, 8.0, 0.0]]);
//! assert_eq!(down, array![[0.0, 0.0, 0.0, 0.0]]);
//! # Ok::<(), rilievo::Error>(())
//! ```

mod box_blur;
pub(crate) mod convolve;
mod gaussian;
pub(crate) mod gradient;
mod integral;
pub(crate) mod kernel;
pub(crate) mod lines;
mod morphology;
pub(crate) mod opencv_gaussian;
mod sobel;

pub use box_blur::{BoxSample, box_blur};
pub use convolve::Real;
pub use gaussian::gaussian_blur;
pub use integral::integral;
pub(crate) use integral::integrate;
pub use morphology::dilate;
pub(crate) use morphology::{dilate_plane, erode_plane};
pub use sobel::sobel;
