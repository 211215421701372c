//! Tests of the room `image`.

mod files;
mod filter;
mod resize;
