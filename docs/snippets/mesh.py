"""A mesh and a point cloud."""

import rilievo

depth = rilievo.estimate_depth("photo.jpg")
mesh = rilievo.simple_mesh("photo.jpg", depth, fov=60.0)
mesh.save("photo.glb")
print(f"{len(mesh.vertices)} vertices, {len(mesh.faces)} faces")

rilievo.point_cloud(depth, "photo.jpg", edge_rtol=0.05).save("photo.ply")
