//! Floor 2: [`DepthMap`], the one type everything downstream takes, and the
//! [`Camera`] that saw it.
//!
//! A network's numbers are stretched to 0..1 with near = 1 ([`nearness`]), if
//! asked clipped before that ([`ClipOptions`]), and written in 16 bits ([`to_u16`]).
//! Depth pictures from elsewhere keep their scale instead, so that the frames
//! of a video stay comparable ([`from_picture`], [`unit_to_u16`]).
//!
//! The arithmetic is that of the reference to the last bit, in the number
//! type of the map: f32 for networks, f64 where a map is f64.

mod adjust;
mod camera;
mod clip;
mod combine;
mod custom;
mod map;
mod number;
mod percentile;
mod stretch;

pub use crate::networks::DepthKind;
pub use adjust::{AdjustOptions, adjust};
pub use camera::{Camera, Intrinsics};
pub use clip::{ClipMode, ClipOptions};
pub use combine::{Axis, combine};
pub use custom::{DepthSample, from_picture};
pub use map::DepthMap;
pub use number::Number;
pub use percentile::{percentiles, percentiles_u16};
pub use stretch::{nearness, to_u16, unit_to_u16};
