//! Floor 0: layers, and the kernel dispatch between networks and devices.
//!
//! A layer or function of this room says *what* is computed; where and how is
//! decided here and nowhere else. On a CPU in single precision a fused kernel
//! runs (a tiled GEMM or a loop over rayon, one version per instruction set of
//! [`simd`](crate::simd), the same bytes whatever the thread count); on every
//! other device or element type the same arithmetic is composed of stock
//! candle operations.
//!
//! | word | where |
//! |---|---|
//! | kernel dispatch | `fused` (fused or stock), `conv2d` (which algorithm) |
//! | GEMM: micro-kernel, panels, leading dimension, epilogue | `gemm`, `packed` |
//! | im2col, implicit GEMM | `conv2d::im2col`, `conv2d::implicit_gemm` |
//! | Winograd F(4x4, 3x3) | `conv2d::winograd` |
//! | pointwise (1x1), depthwise | `conv2d::pointwise`, `conv2d::depthwise` |
//! | transposed convolution, pixel shuffle | `conv_transpose2d`, `conv_transpose2d_x2` |
//! | zero, reflection and circular padding | `padding` |
//!
//! Pictures and feature maps are `[B, C, H, W]`, token sequences `[B, N, C]`.
//! Inputs need not be contiguous.

mod activation;
mod attention;
mod batch_norm;
mod bilinear;
mod buffer;
mod conv2d;
mod conv_transpose2d;
mod conv_transpose2d_x2;
mod fused;
mod gemm;
mod group_norm;
mod layer_norm;
mod linear;
mod log_binomial_mean;
mod math;
mod max_pool2d;
mod packed;
mod padding;
mod relative_position_bias;

pub use activation::Activation;
pub use attention::attention;
pub use batch_norm::BatchNorm;
pub use bilinear::{bilinear, bilinear_circular};
pub use conv_transpose2d::ConvTranspose2d;
pub use conv_transpose2d_x2::ConvTranspose2dX2;
pub use conv2d::{Conv2d, Conv2dConfig};
pub use group_norm::GroupNorm;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use log_binomial_mean::log_binomial_mean;
pub use max_pool2d::{max_pool2d, max_pool2d_circular};
pub use padding::{Padding, pad_reflect};
pub use relative_position_bias::relative_position_bias;
