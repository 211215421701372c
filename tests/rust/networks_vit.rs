//! Dense prediction transformers and what is built on them.

mod dpt;
mod library_names;
pub mod tiny;
mod transformers;
mod zoedepth;

pub use zoedepth::tiny as tiny_zoedepth;
