"""Nodes that make the outputs of :data:`rilievo.recipes.RECIPES`: one class for pictures, one for files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

import rilievo
from rilievo.hosts.comfyui import host, sockets, widgets
from rilievo.hosts.comfyui.node import DEPTH_INPUT, IMAGE_INPUT, Inputs, Node
from rilievo.options import STEREO_MODES, Options
from rilievo.outputs import Payload, extension
from rilievo.recipes import RECIPES, Recipe, asking_for
from rilievo.watch import Watch

# The widget that says which of a recipe's kinds is wanted.
MODE = "mode"


class Socket(NamedTuple):
    """What comes out of a node; ``kind`` is the kind of output it is, if not what the node is about."""

    type: str
    name: str
    tooltip: str
    kind: str = ""


class RecipeNode(Node):
    """A node that makes pictures by one recipe, of every image and its depth or of every depth map.

    ``WIDGETS`` gives the option of every widget: one that looks as the option table says, or as given here;
    without an option (``""``) it is the node's own affair. ``FIXED`` are options without a widget. ``DEPTH`` is
    the side of the depth that the recipe looks at.
    """

    RECIPE: Recipe
    SOCKETS: tuple[Socket, ...]
    WIDGETS: Mapping[str, str | tuple[str, widgets.Widget]]
    FIXED: Mapping[str, Any]
    DEPTH: Callable[[sockets.Depths], Sequence[Any]]
    OF_IMAGE: bool

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        table = widgets.widgets(entry for entry in cls.WIDGETS.values() if isinstance(entry, str))
        of_image = {"image": IMAGE_INPUT} if cls.OF_IMAGE else {}
        return {
            "required": {**of_image, "depth": DEPTH_INPUT},
            "optional": {
                name: table[entry] if isinstance(entry, str) else entry[1]
                for name, entry in cls.WIDGETS.items()
            },
        }

    def run(self, *, depth: Any, image: Any = None, **given: Any) -> Any:
        kinds = [socket.kind or given.get(MODE, self.RECIPE.kinds[0]) for socket in self.SOCKETS]
        made: list[list[Any]] = [[] for _ in kinds]

        def take(found: Mapping[str, Payload], run: host.NodeRun) -> None:
            for parts, kind in zip(made, kinds):
                parts.extend(found[kind].frames())
            run.finished(found[kinds[0]].preview())

        self._each(image, depth, kinds, given, take)
        return tuple(
            sockets.mask_of(parts) if socket.type == sockets.MASK else sockets.image_of(parts)
            for socket, parts in zip(self.SOCKETS, made)
        )

    def _each(
        self,
        image: Any,
        depth: Any,
        kinds: Sequence[str],
        given: Mapping[str, Any],
        take: Callable[[Mapping[str, Payload], host.NodeRun], None],
    ) -> None:
        """Has ``take`` take what was made of every frame, by kind."""
        options = Options(**{**asking_for(kinds), **self.FIXED, **self._settings(given)})
        if image is None:
            maps = sockets.depths(depth)
            pictures: Sequence[Any] = [None] * len(maps)
        else:
            pictures = sockets.frames(image)
            maps = sockets.matched(pictures, depth)
        depths = type(self).DEPTH(maps)
        with host.node_run(len(pictures)) as run:
            for index, picture in enumerate(pictures):
                outputs = rilievo.generate(
                    [picture],
                    options,
                    depth_maps=[depths[min(index, len(depths) - 1)]],
                    progress=run.step,
                    cancel=run.cancel,
                )
                take({output.kind: output.content for output in outputs}, run)

    def _settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        options = {
            name: entry if isinstance(entry, str) else entry[0] for name, entry in self.WIDGETS.items()
        }
        named = {options[name]: value for name, value in given.items() if options.get(name)}
        return widgets.values(named, named)


class FileNode(RecipeNode):
    """A node that writes a file for every image and its depth."""

    OUTPUT_NODE = True
    PREFIX: str

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        inputs = super().INPUT_TYPES()
        tooltip = "Folder and beginning of the file's name in ComfyUI's output folder."
        inputs["optional"]["filename_prefix"] = ("STRING", {"default": cls.PREFIX, "tooltip": tooltip})
        return inputs

    def run(self, *, depth: Any, image: Any = None, **given: Any) -> dict[str, Any]:
        folder = host.OutputFolder(given.get("filename_prefix", self.PREFIX))
        meshes: list[Any] = []
        paths: list[str] = []

        def take(found: Mapping[str, Payload], run: host.NodeRun) -> None:
            content = found[self.RECIPE.name]
            format = given.get("format") or content.usual_format()
            path, relative = folder.next(extension(format))
            content.save(Path(path), format, watch=Watch(run.step, run.cancel))
            meshes.append(content.plain)
            paths.append(relative)
            run.finished()

        self._each(image, depth, [self.RECIPE.name], given, take)
        results = {"MESH": [_mesh(mesh) for mesh in meshes], "STRING": paths}
        return {
            "ui": {"3d": [folder.shown(path) for path in paths]},
            "result": tuple(results[socket.type] for socket in self.SOCKETS),
        }


def _mesh(mesh: rilievo.Mesh) -> Any:
    """A MESH of the host's: batches of one, upright as in glTF."""
    vertices = sockets.tensor_of(mesh.vertices_in("gltf").astype(np.float32)[None])
    faces = sockets.tensor_of(mesh.faces.astype(np.int64)[None])
    nodes = host.module("comfy_api.latest._util") or host.module("comfy_extras.nodes_hunyuan3d")
    kind = getattr(nodes, "MESH", None) or SimpleNamespace
    return kind(vertices=vertices, faces=faces)


def _node(
    base: type[RecipeNode],
    name: str,
    title: str,
    recipe: str,
    *,
    description: str,
    outputs: Sequence[Socket],
    inputs: Mapping[str, Any],
    depth: Callable[[sockets.Depths], Sequence[Any]] = sockets.Depths.pictures,
    of_image: bool = True,
    fixed: Mapping[str, Any] | None = None,
    prefix: str = "",
) -> type[RecipeNode]:
    """The class of a node."""
    members: dict[str, Any] = {
        "ID": f"Rilievo{name}",
        "TITLE": title,
        "DESCRIPTION": description,
        "RETURN_TYPES": tuple(socket.type for socket in outputs),
        "RETURN_NAMES": tuple(socket.name for socket in outputs),
        "OUTPUT_TOOLTIPS": tuple(socket.tooltip for socket in outputs),
        "RECIPE": RECIPES[recipe],
        "SOCKETS": tuple(outputs),
        "WIDGETS": inputs,
        "FIXED": fixed or {},
        "DEPTH": staticmethod(depth),
        "OF_IMAGE": of_image,
    }
    if issubclass(base, FileNode):
        members.update(OUTPUT_IS_LIST=(True,) * len(outputs), PREFIX=prefix)
    return type(name, (base,), members)


def _options(group: str, *prefixes: str, without: Sequence[str] = ()) -> dict[str, Any]:
    """The options of a group by the names of their widgets, which are without these prefixes."""
    named = {}
    for option in widgets.group(group, without=without):
        name = option
        for prefix in prefixes:
            name = name.removeprefix(prefix)
        named[name] = option
    return named


def _number(
    option: str, default: float, most: float, step: float, tooltip: str
) -> tuple[str, widgets.Widget]:
    about = {
        "default": default,
        "min": 0.0,
        "max": most,
        "step": step,
        "round": step / 10,
        "tooltip": tooltip,
    }
    return option, ("FLOAT", about)


def _choice(choices: Sequence[str], tooltip: str) -> tuple[str, widgets.Widget]:
    """A choice of the node's own, the first one unless told otherwise."""
    return "", (list(choices), {"default": choices[0], "tooltip": tooltip})


normal_map = _node(
    RecipeNode,
    "NormalMap",
    "Normal Map",
    "normalmap",
    description="A normal map from depth: red right, green up, blue towards the viewer.",
    outputs=[Socket("IMAGE", "normal", "The normal map.")],
    inputs=_options("normal", "normalmap_"),
    of_image=False,
)
heat_map = _node(
    RecipeNode,
    "HeatMap",
    "Heat Map",
    "heatmap",
    description="Depth in the colours of inferno, yellow = near.",
    outputs=[Socket("IMAGE", "image", "The coloured depth map.")],
    inputs={},
    of_image=False,
)
stereo_image = _node(
    RecipeNode,
    "StereoImage",
    "Stereo Image",
    "stereo",
    description="Two eyes from an image and its depth: side by side, top and bottom, interlaced or anaglyph.",
    outputs=[
        Socket("IMAGE", "stereoscope", "Both eyes in the layout of mode."),
        Socket("IMAGE", "left", "What the left eye sees.", "left-only"),
        Socket("IMAGE", "right", "What the right eye sees.", "only-right"),
        Socket("MASK", "left_holes", "What the fill made up in the left eye, for inpainting.", "left-holes"),
        Socket(
            "MASK", "right_holes", "What the fill made up in the right eye, for inpainting.", "right-holes"
        ),
    ],
    inputs={
        MODE: _choice(STEREO_MODES, "How both eyes are put together in stereoscope."),
        **{
            {"fill_algo": "fill_technique"}.get(name, name): option
            for name, option in _options(
                "stereo", "stereo_", without=("stereo_modes", "stereo_alpha")
            ).items()
        },
    },
)
depth_of_field = _node(
    RecipeNode,
    "DepthOfField",
    "Depth of Field",
    "dof",
    description="The image through a lens of large aperture: blurred where it is out of focus, as a lens blurs.",
    outputs=[Socket("IMAGE", "image", "The image with depth of field.")],
    inputs=_options("dof", "dof_"),
    depth=sockets.Depths.reliefs,
)
fog = _node(
    RecipeNode,
    "Fog",
    "Fog",
    "fog",
    description="Fog that thickens with distance, by the exponential law, in linear light.",
    outputs=[Socket("IMAGE", "image", "The image with fog.")],
    inputs=_options("fog", "fog_"),
    depth=sockets.Depths.reliefs,
)
depth_mask = _node(
    RecipeNode,
    "DepthMask",
    "Depth Mask",
    "depth_mask",
    description="A mask of what lies in a range of depth, with soft ends.",
    outputs=[Socket("MASK", "mask", "White inside the range.")],
    inputs=_options("mask", "depth_mask_"),
    depth=sockets.Depths.reliefs,
    of_image=False,
)
parallax = _node(
    RecipeNode,
    "Parallax",
    "Parallax Frames",
    "parallax",
    description="A loop of frames in which the camera moves a little around the image. Connect them to Create Video; what "
    "comes into view behind things is painted in.",
    outputs=[Socket("IMAGE", "frames", "The frames of one loop; the loops of a batch follow each other.")],
    # Speed and format are of a file, which this is not.
    inputs=_options("parallax", "parallax_", without=("parallax_fps", "parallax_format")),
    depth=sockets.Depths.reliefs,
)
depth_to_mesh = _node(
    FileNode,
    "DepthToMesh",
    "Depth to Mesh",
    "simple_mesh",
    description="A 3D mesh of the image, bent by its depth. mesh_path goes into Preview 3D.",
    outputs=[
        Socket("MESH", "mesh", "The mesh without colours, for nodes that take MESH (Save GLB)."),
        Socket("STRING", "mesh_path", "The file, relative to the output folder, for Preview 3D."),
    ],
    inputs=_options("mesh", "simple_", "mesh_", without=("point_cloud_edges", "point_cloud_voxel")),
    depth=sockets.Depths.surfaces,
    prefix="mesh/rilievo",
)
depth_to_point_cloud = _node(
    FileNode,
    "DepthToPointCloud",
    "Depth to Point Cloud",
    "point_cloud",
    description="A coloured point for every pixel, at its distance. path goes into Preview 3D if it is a glb.",
    outputs=[Socket("STRING", "path", "The file, relative to the output folder.")],
    inputs={
        "fov": "simple_mesh_fov",
        "remove_flying_pixels": _number(
            "point_cloud_edges",
            0.04,
            1.0,
            0.01,
            tooltip="Leave out points where distance changes by more than this share of itself from pixel to pixel. "
            "0 keeps all.",
        ),
        "voxel": _number(
            "point_cloud_voxel",
            0.0,
            10.0,
            0.001,
            tooltip="Keep one point for every cube of this side (metres, for metric models). 0 keeps all.",
        ),
        "format": _choice(("ply", "glb"), "ply for point cloud programs, glb for Preview 3D."),
    },
    depth=sockets.Depths.numbers,
    fixed={"mesh_axes": "opencv"},
    prefix="mesh/rilievo_points",
)

NODES: tuple[type[Node], ...] = (
    normal_map,
    heat_map,
    stereo_image,
    depth_of_field,
    fog,
    depth_mask,
    parallax,
    depth_to_mesh,
    depth_to_point_cloud,
)
