//! Floor 3: depth -> normals, point clouds, meshes, and the files they go to.

mod axes;
mod camera;
mod depth_edges;
mod files;
mod grid;
mod mesh;
mod mesh_depth;
mod point_cloud;
mod simple_mesh;
mod unproject;
mod weld;

pub use axes::Axes;
pub use camera::{Camera, Intrinsics, Projection};
pub use depth_edges::depth_edges;
pub use files::{DepthValues, MeshFormat, SaveMesh, TextureFormat, read_mesh, save_depth};
pub use mesh::Mesh;
pub use mesh_depth::mesh_depth;
pub use point_cloud::{PointCloud, point_cloud};
pub use simple_mesh::{SimpleMesh, View, simple_mesh};
