"""Meshes and point clouds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import rilievo
from rilievo.hosts.comfyui import host, sockets, widgets
from rilievo.hosts.comfyui.node import DEPTH_INPUT, IMAGE_INPUT, Inputs, Node
from rilievo.options import Options
from rilievo.saving import extension, write

PREFIX = {"tooltip": "Folder and beginning of the file's name in ComfyUI's output folder."}


class DepthToMesh(Node):
    ID = "RilievoDepthToMesh"
    TITLE = "Depth to Mesh"
    DESCRIPTION = "A 3D mesh of the image, bent by its depth. mesh_path goes into Preview 3D."
    RETURN_TYPES = ("MESH", "STRING")
    RETURN_NAMES = ("mesh", "mesh_path")
    OUTPUT_TOOLTIPS = (
        "The mesh without colours, for nodes that take MESH (Save GLB).",
        "The file, relative to the output folder, for Preview 3D.",
    )
    OUTPUT_IS_LIST = (True, True)
    OUTPUT_NODE = True
    OPTIONS = tuple(widgets.group("mesh", without=("point_cloud_edges", "point_cloud_voxel")))

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        made = {_short(name): widget for name, widget in widgets.widgets(cls.OPTIONS).items()}
        return {
            "required": {"image": IMAGE_INPUT, "depth": DEPTH_INPUT},
            "optional": {**made, "filename_prefix": ("STRING", {"default": "mesh/rilievo", **PREFIX})},
        }

    def run(
        self, image: Any, depth: Any, filename_prefix: str = "mesh/rilievo", **given: Any
    ) -> dict[str, Any]:
        long = {_short(name): name for name in self.OPTIONS}
        settings = widgets.values(self.OPTIONS, {long[name]: value for name, value in given.items()})
        options = Options(do_output_depth=False, gen_simple_mesh=True, **settings)
        pictures = sockets.frames(image)
        maps = sockets.matched(pictures, depth)
        folder = host.OutputFolder(filename_prefix)
        meshes, paths = [], []
        with host.job(len(pictures)) as job:
            for index, picture in enumerate(pictures):
                (output,) = rilievo.generate(
                    picture,
                    options,
                    depth_maps=[_map(maps, index)],
                    progress=job.step,
                    cancel=job.cancel,
                )
                path, relative = folder.next(extension(str(output.format)))
                write(output, Path(path))
                meshes.append(_mesh(output.payload))
                paths.append(relative)
                job.finished()
        return {"ui": {"3d": [folder.shown(path) for path in paths]}, "result": (meshes, paths)}


class DepthToPointCloud(Node):
    ID = "RilievoDepthToPointCloud"
    TITLE = "Depth to Point Cloud"
    DESCRIPTION = (
        "A coloured point for every pixel, at its distance. path goes into Preview 3D if it is a glb."
    )
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("path",)
    OUTPUT_TOOLTIPS = ("The file, relative to the output folder.",)
    OUTPUT_IS_LIST = (True,)
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {"image": IMAGE_INPUT, "depth": DEPTH_INPUT},
            "optional": {
                "fov": widgets.widgets(["simple_mesh_fov"])["simple_mesh_fov"],
                "remove_flying_pixels": (
                    "FLOAT",
                    {
                        "default": 0.04,
                        "min": 0.0,
                        "max": 1.0,
                        "step": 0.01,
                        "round": 0.001,
                        "tooltip": "Leave out points where distance changes by more than this share of itself from "
                        "pixel to pixel. 0 keeps all.",
                    },
                ),
                "voxel": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 10.0,
                        "step": 0.001,
                        "round": 0.0001,
                        "tooltip": "Keep one point for every cube of this side (metres, for metric models). 0 keeps all.",
                    },
                ),
                "format": (
                    ["ply", "glb"],
                    {"default": "ply", "tooltip": "ply for point cloud programs, glb for Preview 3D."},
                ),
                "filename_prefix": ("STRING", {"default": "mesh/rilievo_points", **PREFIX}),
            },
        }

    def run(
        self,
        *,
        image: Any,
        depth: Any,
        fov: float = 55.0,
        remove_flying_pixels: float = 0.04,
        voxel: float = 0.0,
        format: str = "ply",
        filename_prefix: str = "mesh/rilievo_points",
    ) -> dict[str, Any]:
        pictures = sockets.frames(image)
        maps = sockets.matched(pictures, depth)
        folder = host.OutputFolder(filename_prefix)
        paths = []
        with host.job(len(pictures)) as job:
            for index, picture in enumerate(pictures):
                cloud = rilievo.point_cloud(
                    maps.with_unit(index),
                    picture,
                    fov=fov,
                    edge_rtol=remove_flying_pixels or None,
                    voxel=voxel or None,
                    progress=job.step,
                    cancel=job.cancel,
                )
                path, relative = folder.next(format)
                cloud.save(path, progress=job.step, cancel=job.cancel)
                paths.append(relative)
                job.finished()
        return {"ui": {"3d": [folder.shown(path) for path in paths]}, "result": (paths,)}


def _short(option: str) -> str:
    return option.removeprefix("simple_").removeprefix("mesh_")


def _map(maps: sockets.Depths, index: int) -> Any:
    """The network's own numbers if there are any: a mesh is built of distances."""
    one = maps.with_unit(index)
    return (
        one
        if maps.units is None or maps.units[min(index, len(maps) - 1)] is not one.values
        else maps.given(index)
    )


def _mesh(mesh: rilievo.Mesh) -> Any:
    """A MESH of the host's: batches of one, upright as in glTF."""
    vertices = sockets.tensor_of(mesh.vertices_in("gltf").astype(np.float32)[None])
    faces = sockets.tensor_of(mesh.faces.astype(np.int64)[None])
    nodes = host.module("comfy_api.latest._util") or host.module("comfy_extras.nodes_hunyuan3d")
    kind = getattr(nodes, "MESH", None) or SimpleNamespace
    return kind(vertices=vertices, faces=faces)


NODES: tuple[type[Node], ...] = (DepthToMesh, DepthToPointCloud)

__all__ = ["NODES"]
