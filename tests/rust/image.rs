//! Tests of the room `image`.
