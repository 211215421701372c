//! Resizing, one function a convention: "bicubic" alone means three different
//! things in OpenCV, PyTorch and Pillow.
//!
//! | function | antialiased | cubic a | types | places |
//! |---|---|---|---|---|
//! | [`opencv_cubic`], [`opencv_linear`], [`opencv_nearest`] | no | -0.75 | `u8`, `f32`, `f64` (nearest: any) | pixel edges match |
//! | [`opencv_area`] | yes | | `u8`, `f32`, `f64` | pixel edges match |
//! | [`torch_bicubic`], [`torch_bilinear`] | no | -0.75 | `f32` | pixel edges or outer centres match |
//! | [`pillow_lanczos`], [`pillow_bicubic`], [`pillow_bilinear`] | yes | -0.5 | `u8`, `u16`, `f32`, `f64` | pixel edges match |
//!
//! All take a plane `[H, W]` or a picture `[H, W, C]` and do all channels
//! alike. Rows are computed in parallel; the result is the same whatever the
//! number of threads and whichever instruction set the machine has.
//!
//! ```
//! use ndarray::array;
//! use rilievo::image::{Size, resize};
//!
//! let plane = array![[0.0_f32, 1.0]];
//! let wider = resize::opencv_linear(plane.view(), Size { width: 4, height: 1 })?;
//! assert_eq!(wider, array![[0.0, 0.25, 0.75, 1.0]]);
//! # Ok::<(), rilievo::Error>(())
//! ```

mod area;
mod cubic;
mod engine;
mod float;
mod opencv;
mod pillow;
mod taps;
mod torch;

pub use area::{AreaSample, opencv_area};
pub(crate) use cubic::catmull_rom;
pub(crate) use opencv::opencv_cubic_rows;
pub use opencv::{OpenCvSample, opencv_cubic, opencv_linear, opencv_nearest};
pub use pillow::{PillowSample, pillow_bicubic, pillow_bilinear, pillow_lanczos};
pub use torch::{torch_bicubic, torch_bilinear};
