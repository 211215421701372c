//! Tests of the room `image`.

mod animation;
mod files;
mod filter;
mod resize;
