//! Tests of the room `depth`.
