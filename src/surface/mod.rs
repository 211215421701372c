//! Floor 3: depth -> normals, point clouds, meshes, and the files they go to.
