//! Tests of the room `surface`.
