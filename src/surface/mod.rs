//! Floor 4: depth -> normals, point clouds, meshes, and the files they go to.

mod axes;
mod camera_normals;
mod camera_options;
mod depth_edges;
mod files;
mod grid;
mod heat_map;
mod inferno;
mod mesh;
mod mesh_depth;
mod normals;
mod point_cloud;
mod simple_mesh;
mod unproject;
mod weld;

pub use axes::Axes;
pub use camera_normals::{Green, camera_normal_map};
pub use camera_options::CameraOptions;
pub use depth_edges::depth_edges;
pub use files::{MeshFormat, SaveMesh, TextureFormat, read_mesh};
pub use heat_map::{HeatMapOptions, heat_map};
pub use mesh::Mesh;
pub use mesh_depth::mesh_depth;
pub use normals::{NormalMapOptions, normal_map};
pub use point_cloud::{PointCloudOptions, point_cloud};
pub use simple_mesh::{SimpleMeshOptions, simple_mesh};
