//! Integration tests, one module a room, linked once.

mod allocator;
mod attacks;
mod boost;
mod depth;
mod devices;
mod download;
mod golden;
mod guided;
mod image;
mod networks;
mod networks_any_size;
mod networks_conv;
mod networks_load;
mod networks_vit;
mod nn;
mod onnx;
mod pocket;
#[allow(dead_code, unused_imports)]
mod pseudo;
mod stereo;
mod surface;
mod tiling;
mod weights;
