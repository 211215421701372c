//! Floor 2: running networks. Which device and number format, how many
//! pictures at once, and what to do when there is no room; for every network alike.

mod batch_size;
pub mod device;
mod runner;

pub use device::{DeviceChoice, Precision, devices};
pub use runner::Runner;
