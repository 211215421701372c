//! Floor 1: the catalog of networks, and reading checkpoints safely.

pub mod catalog;
mod checkpoint;
pub mod download;
pub mod hub;
mod onnx;
mod scope;
pub mod store;
mod survey;
mod torch;
mod view;

pub use checkpoint::Checkpoint;
pub use scope::Weights;
pub use store::Store;
pub(crate) use survey::Survey;
