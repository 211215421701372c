//! Tests of the room `nn`.
