//! Tests of the room `pocket`.
