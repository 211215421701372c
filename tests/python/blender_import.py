"""Run by test_blender.py inside Blender's Python: imports files and tells what arrived.

    python blender_import.py OUT.npz WIDTH HEIGHT FILE...

For every file the arrays of its mesh, material and camera go into OUT.npz as
``<index>.<name>``, facts into the JSON ``<index>.facts``. Files with a camera
are rendered through it as WIDTH x HEIGHT pixels.
"""

import json
import math
import sys

import bpy
import numpy as np

IMPORTERS = {
    "glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    "obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    "ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
}


def values(collection, name, width):
    flat = np.empty(len(collection) * width, np.float32)
    collection.foreach_get(name, flat)
    return flat.reshape(-1, width)


def describe(path, size, scratch):
    """Facts and arrays of what one file brings into an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    IMPORTERS[path.rsplit(".", 1)[1]](path)
    objects = list(bpy.context.scene.objects)
    facts, arrays = {"objects": sorted(made.name for made in objects)}, {}
    mesh = next(made for made in objects if made.type == "MESH")
    data = mesh.data
    world = np.array(mesh.matrix_world)
    arrays["places"] = values(data.vertices, "co", 3) @ world[:3, :3].T + world[:3, 3]
    arrays["corners"] = np.array([loop.vertex_index for loop in data.loops])
    facts["faces"] = len(data.polygons)
    if data.uv_layers:
        arrays["uv"] = values(data.uv_layers[0].uv, "vector", 2)
    if data.color_attributes:
        colors = data.color_attributes[0]
        facts["color_attribute"] = [colors.name, colors.domain]
        arrays["colors"] = values(colors.data, "color", 4)
    if data.materials:
        images = [node.image for node in data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"]
        if images:
            facts["packed"] = images[0].packed_file is not None
            width, height = images[0].size
            arrays["texture"] = np.array(images[0].pixels[:], np.float32).reshape(height, width, -1)[::-1]
    camera = next((made for made in objects if made.type == "CAMERA"), None)
    if camera is not None:
        lens = camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=size[0], y=size[1])
        facts["camera"] = {
            "name": camera.name,
            "fov": math.degrees(2 * math.atan(1 / lens[0][0])),
            "place": list(camera.matrix_world.translation),
            "right": [row[0] for row in camera.matrix_world][:3],
            "forward": [-row[2] for row in camera.matrix_world][:3],
            "extras": {key: camera[key] for key in ("W", "H", "hFov", "vFov")},
        }
        arrays["render"] = render(camera, size, scratch)
    return facts, arrays


def render(camera, size, scratch):
    """What the camera sees, sRGB 8 bit."""
    scene = bpy.context.scene
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 4
    scene.cycles.use_denoising = False
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = scratch
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scratch)
    pixels = np.array(picture.pixels[:], np.float32).reshape(size[1], size[0], -1)[::-1, :, :3]
    return (pixels * 255).round().astype(np.uint8)


def main(out, width, height, *paths):
    everything = {}
    for index, path in enumerate(paths):
        facts, arrays = describe(path, (int(width), int(height)), f"{out}.{index}.png")
        everything[f"{index}.facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        everything.update({f"{index}.{name}": array for name, array in arrays.items()})
    np.savez(out, **everything)


if __name__ == "__main__":
    main(*sys.argv[1:])
