//! Dense prediction transformers and what is built on them.

mod dpt;
mod library_names;
mod tiny;
mod zoedepth;
