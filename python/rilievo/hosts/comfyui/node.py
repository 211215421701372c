"""What all nodes share."""

from __future__ import annotations

from typing import Any

from rilievo.hosts.comfyui.sockets import ANY_DEPTH, IMAGE

Inputs = dict[str, dict[str, Any]]


class Node:
    """A node by ComfyUI's V1 contract; subclasses say the rest.

    Outputs are cached by the host as long as inputs do not change, and inputs
    are never written to.
    """

    ID: str
    TITLE: str
    DESCRIPTION: str
    CATEGORY = "depth"
    FUNCTION = "run"
    RETURN_TYPES: tuple[str, ...] = ()
    RETURN_NAMES: tuple[str, ...] = ()
    OUTPUT_TOOLTIPS: tuple[str, ...] = ()


IMAGE_INPUT = (IMAGE, {"tooltip": "The picture, or a batch of them."})
DEPTH_INPUT = (
    ANY_DEPTH,
    {
        "tooltip": "Depth of the image: a depth_map, or a depth picture or mask from any node (white = near). "
        "One for each image, or one for all."
    },
)

# Depth as an image, as a mask and with its unit, from every node that makes it.
DEPTH_TYPES = ("IMAGE", "MASK", "DEPTH_MAP")
DEPTH_NAMES = ("image", "mask", "depth_map")
DEPTH_TOOLTIPS = (
    "The depth map as a grey picture of the image's size, white = near.",
    "The same as a mask, in full floating point precision.",
    "The network's own numbers and their unit, for the other depth nodes: most precise, and metres stay metres.",
)
