//! Dense prediction transformers and what is built on them.

mod dpt;
mod tiny;
