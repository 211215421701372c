//! Convolutional networks against the reference's recorded results.

mod midas_v21;
