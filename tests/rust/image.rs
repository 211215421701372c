//! Tests of the room `image`.

mod filter;
mod resize;
