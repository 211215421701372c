//! Tests of the room `stereo`.
