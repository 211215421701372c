//! Floor 0: the seam between networks and devices.
//!
//! A layer or function of this room says *what* is computed; where and how is
//! decided here and nowhere else. On a CPU in single precision a fused kernel
//! runs (tiles over rayon, one instruction-set version per machine, the same
//! bytes whatever the thread count); on every other device or element type
//! the same arithmetic is composed of stock candle operations.
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
mod doubling;
mod fused;
mod group_norm;
mod kernel;
mod layer_norm;
mod linear;
mod log_binomial_mean;
mod math;
mod max_pool2d;
mod packed;
mod pick;
mod relative_position_bias;
mod simd;
mod torus;

pub use activation::Activation;
pub use attention::attention;
pub use batch_norm::BatchNorm;
pub use bilinear::{bilinear, bilinear_wrapped};
pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::{Conv2d, Conv2dConfig, Padding};
pub use doubling::Doubling;
pub use group_norm::GroupNorm;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use log_binomial_mean::log_binomial_mean;
pub use max_pool2d::{max_pool2d, max_pool2d_wrapped};
pub use pick::reflected;
pub use relative_position_bias::relative_position_bias;
