//! Floor 1: the catalog of networks, and reading checkpoints safely.

pub mod catalog;
pub mod download;
pub mod hub;
pub mod store;

pub use store::Store;
