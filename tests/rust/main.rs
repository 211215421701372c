//! Integration tests, one module a room, linked once.

mod boost;
mod depth;
mod download;
mod golden;
mod guided;
mod image;
mod networks;
mod networks_conv;
mod networks_vit;
mod nn;
mod onnx;
mod pocket;
#[allow(dead_code, unused_imports)]
mod pseudo;
mod stereo;
mod surface;
mod weights;
