//! Tests of the room `networks`.
