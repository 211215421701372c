//! Tests of the room `image`.

mod resize;
