//! Convolutional networks against the reference's recorded results.

mod leres;
mod midas_v21;
