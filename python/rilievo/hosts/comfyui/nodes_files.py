"""Depth files with all their bits: 16-bit PNG, EXR, NPY, TIFF."""

from __future__ import annotations

import os
from typing import Any, cast

import numpy as np

from rilievo import pictures
from rilievo.depth import DEPTH_KINDS, DepthMap, Kind
from rilievo.hosts.comfyui import host, sockets
from rilievo.hosts.comfyui.node import (
    DEPTH_INPUT,
    DEPTH_NAMES,
    DEPTH_TOOLTIPS,
    DEPTH_TYPES,
    Inputs,
    Node,
)
from rilievo.outputs import Numbers, Picture

EXTENSIONS = (".png", ".exr", ".npy", ".tif", ".tiff")
PICTURE = "picture"
FORMATS = ("png16", "exr", "npy", "tiff")


class LoadDepth(Node):
    ID = "RilievoLoadDepth"
    TITLE = "Load 16-bit Depth"
    DESCRIPTION = (
        "Reads a depth map without losing bits, which Load Image does: 16-bit PNG, TIFF, OpenEXR, NPY."
    )
    RETURN_TYPES = DEPTH_TYPES
    RETURN_NAMES = DEPTH_NAMES
    OUTPUT_TOOLTIPS = DEPTH_TOOLTIPS

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {
                "file": (
                    host.input_files(EXTENSIONS),
                    {"image_upload": True, "tooltip": "A file in ComfyUI's input folder."},
                ),
            },
            "optional": {
                "meaning": (
                    [PICTURE, *DEPTH_KINDS],
                    {
                        "default": PICTURE,
                        "tooltip": "What the numbers are. picture: white = near, scale kept. inverse: large = near. "
                        "depth: small = near. metric: metres.",
                    },
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, file: str) -> bool | str:
        path = host.input_path(file)
        if not os.path.isfile(path):
            return f"{file} is not in ComfyUI's input folder; upload it, or choose another"
        return True

    @classmethod
    def IS_CHANGED(cls, file: str, **_: Any) -> str:
        about = os.stat(host.input_path(file))
        return f"{about.st_mtime_ns} {about.st_size}"

    def run(self, file: str, meaning: str = PICTURE) -> tuple[Any, Any, sockets.Depths]:
        path = host.input_path(file)
        if meaning == PICTURE:
            unit = DepthMap.from_image(path, white_is_one=True).values.astype(np.float32)
            found = sockets.Depths((DepthMap(unit),), (unit,))
        else:
            values = pictures.load_depth(path).astype(np.float32)
            found = sockets.Depths((DepthMap(values, cast("Kind", meaning)),))
        plane = found.nearness(0)
        return sockets.image_of([plane]), sockets.mask_of([plane]), found


class SaveDepth(Node):
    ID = "RilievoSaveDepth"
    TITLE = "Save 16-bit Depth"
    DESCRIPTION = (
        "Writes depth without losing bits, which Save Image does. png16: a 16-bit grey picture, white = near. "
        "exr, npy and tiff: floating point, the network's own numbers if there are any."
    )
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("path",)
    OUTPUT_TOOLTIPS = ("The file, relative to the output folder.",)
    OUTPUT_IS_LIST = (True,)
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {
                "depth": DEPTH_INPUT,
                "filename_prefix": (
                    "STRING",
                    {
                        "default": "depth/rilievo",
                        "tooltip": "Folder and beginning of the file's name in ComfyUI's output folder.",
                    },
                ),
                "format": (
                    list(FORMATS),
                    {"default": "png16", "tooltip": "png16 for pictures, the others for numbers."},
                ),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def run(
        self,
        depth: Any,
        filename_prefix: str = "depth/rilievo",
        format: str = "png16",
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        given = sockets.depths(depth)
        folder = host.OutputFolder(filename_prefix, *given.maps[0].size)
        paths = []
        with host.node_run(len(given)) as run:
            for index in range(len(given)):
                path, relative = folder.next("png" if format == "png16" else format)
                nearness = Picture(given.nearness(index), bits=16)
                if format == "png16":
                    nearness.save(path, text=host.metadata(prompt, extra_pnginfo))
                else:
                    Numbers(given.maps[index]).save(path)
                paths.append(relative)
                run.finished(nearness.preview())
        shown = [folder.shown(path) for path in paths] if format == "png16" else []
        return {"ui": {"images": shown, "text": tuple(paths)}, "result": (paths,)}


NODES: tuple[type[Node], ...] = (LoadDepth, SaveDepth)
