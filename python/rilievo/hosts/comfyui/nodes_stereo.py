"""Stereo pictures."""

from __future__ import annotations

from typing import Any

import rilievo
from rilievo import _native
from rilievo.hosts.comfyui import host, sockets, widgets
from rilievo.hosts.comfyui.node import DEPTH_INPUT, IMAGE_INPUT, Inputs, Node
from rilievo.options import Options


class StereoImage(Node):
    ID = "RilievoStereoImage"
    TITLE = "Stereo Image"
    DESCRIPTION = (
        "Two eyes from an image and its depth: side by side, top and bottom, interlaced or anaglyph."
    )
    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE", "MASK", "MASK")
    RETURN_NAMES = ("stereoscope", "left", "right", "left_holes", "right_holes")
    OUTPUT_TOOLTIPS = (
        "Both eyes in the layout of mode.",
        "What the left eye sees.",
        "What the right eye sees.",
        "What the fill made up in the left eye, for inpainting.",
        "What the fill made up in the right eye, for inpainting.",
    )
    OPTIONS = tuple(widgets.group("stereo", without=("stereo_modes", "stereo_alpha")))
    RENAMED = ("fill_algo", "fill_technique")

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        made = widgets.widgets(cls.OPTIONS, strip="stereo_")
        old, new = cls.RENAMED
        (mode,) = widgets.widgets(["stereo_modes"]).values()
        return {
            "required": {"image": IMAGE_INPUT, "depth": DEPTH_INPUT},
            "optional": {
                "mode": (mode[0], {**mode[1], "tooltip": "How both eyes are put together in stereoscope."}),
                **{new if name == old else name: widget for name, widget in made.items()},
            },
        }

    def run(self, image: Any, depth: Any, mode: str = "left-right", **given: Any) -> tuple[Any, ...]:
        old, new = self.RENAMED
        given = {old if name == new else name: value for name, value in given.items()}
        options = Options(**widgets.values(self.OPTIONS, given, strip="stereo_"))
        pictures = sockets.frames(image)
        maps = sockets.matched(pictures, depth)
        both, lefts, rights, left_holes, right_holes = [], [], [], [], []
        with host.job(len(pictures)) as job:
            for index, picture in enumerate(pictures):
                left, right, *holes = rilievo.stereo_eyes(
                    picture,
                    maps.given(index),
                    divergence=options.stereo_divergence,
                    separation=options.stereo_separation,
                    balance=options.stereo_balance,
                    offset_exponent=options.stereo_offset_exponent,
                    fill=options.stereo_fill_algo,
                    convergence=options.stereo_convergence,
                    progress=job.step,
                    cancel=job.cancel,
                )
                both.append(_native.stereo_compose(left, right, mode))
                lefts.append(left)
                rights.append(right)
                left_holes.append(holes[0])
                right_holes.append(holes[1])
                job.finished(both[-1])
        return (
            sockets.image_of(both),
            sockets.image_of(lefts),
            sockets.image_of(rights),
            sockets.mask_of(left_holes),
            sockets.mask_of(right_holes),
        )


NODES: tuple[type[Node], ...] = (StereoImage,)
