//! rilievo (Italian: relief) turns one picture into depth.
//!
//! A module is a room of the house, and a lower room never imports a higher
//! one:
//!
//! | floor | rooms |
//! |---|---|
//! | 0 | [`env`], [`error`], [`named`], [`options`], [`monitor`], `files`, `memory`, `simd`, [`image`], [`nn`] |
//! | 1 | [`weights`], [`networks`] |
//! | 2 | [`depth`], [`run`] |
//! | 3 | [`estimate`], `paint` |
//! | 4 | [`stereo`], [`surface`], [`effects`] |
//! | 5 | `bindings` (the only room that knows Python) |
//!
//! Everything downstream of a network takes a [`depth::DepthMap`], which knows
//! what its numbers mean, and asks it for *nearness* in `[0, 1]` (near = 1).
#![deny(missing_docs)]

pub mod depth;
pub mod effects;
pub mod env;
pub mod error;
pub mod estimate;
mod files;
pub mod image;
mod memory;
pub mod monitor;
pub mod named;
pub mod networks;
pub mod nn;
pub mod options;
mod paint;
pub mod run;
mod simd;
pub mod stereo;
pub mod surface;
pub mod weights;

#[cfg(feature = "python")]
mod bindings;

pub use error::{Error, Result};
pub use monitor::Monitor;
