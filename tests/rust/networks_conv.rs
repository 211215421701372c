//! Convolutional networks against the reference's recorded results.

mod background;
mod inpaint;
mod leres;
mod midas_v21;
mod pix2pix;
