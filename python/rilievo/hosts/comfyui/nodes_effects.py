"""Depth of field, fog, masks, parallax: the picture with its depth put to use."""

from __future__ import annotations

from typing import Any

import rilievo
from rilievo.hosts.comfyui import host, sockets, widgets
from rilievo.hosts.comfyui.node import DEPTH_INPUT, IMAGE_INPUT, Inputs, Node
from rilievo.hosts.comfyui.nodes_depth import DepthPicture
from rilievo.options import Options


class _PictureEffect(Node):
    """A node that makes one output of every picture and its depth."""

    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    GROUP: str
    SWITCH: str
    STRIP: str
    WITHOUT: tuple[str, ...] = ()

    @classmethod
    def _options(cls) -> list[str]:
        return widgets.group(cls.GROUP, without=cls.WITHOUT)

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {"image": IMAGE_INPUT, "depth": DEPTH_INPUT},
            "optional": widgets.widgets(cls._options(), strip=cls.STRIP),
        }

    def run(self, image: Any, depth: Any, **given: Any) -> tuple[Any]:
        settings = widgets.values(self._options(), given, strip=self.STRIP)
        options = Options().replace(do_output_depth=False, **{self.SWITCH: True}, **settings)
        pictures = sockets.frames(image)
        maps = sockets.matched(pictures, depth).reliefs()
        results: list[Any] = []
        with host.job(len(pictures)) as job:
            for index, picture in enumerate(pictures):
                (output,) = rilievo.generate(
                    picture,
                    options,
                    depth_maps=[maps[min(index, len(maps) - 1)]],
                    progress=job.step,
                    cancel=job.cancel,
                )
                results.extend(output.payload if output.payload.ndim == 4 else [output.payload])
                job.finished(results[-1])
        return (sockets.image_of(results),)


class DepthOfField(_PictureEffect):
    ID = "RilievoDepthOfField"
    TITLE = "Depth of Field"
    DESCRIPTION = (
        "The image through a lens of large aperture: blurred where it is out of focus, as a lens blurs."
    )
    OUTPUT_TOOLTIPS = ("The image with depth of field.",)
    GROUP, SWITCH, STRIP = "dof", "gen_dof", "dof_"


class Fog(_PictureEffect):
    ID = "RilievoFog"
    TITLE = "Fog"
    DESCRIPTION = "Fog that thickens with distance, by the exponential law, in linear light."
    OUTPUT_TOOLTIPS = ("The image with fog.",)
    GROUP, SWITCH, STRIP = "fog", "gen_fog", "fog_"


class Parallax(_PictureEffect):
    ID = "RilievoParallax"
    TITLE = "Parallax Frames"
    DESCRIPTION = (
        "A loop of frames in which the camera moves a little around the image. Connect them to Create Video; what "
        "comes into view behind things is painted in."
    )
    RETURN_NAMES = ("frames",)
    OUTPUT_TOOLTIPS = ("The frames of one loop; the loops of a batch follow each other.",)
    GROUP, SWITCH, STRIP = "parallax", "gen_parallax", "parallax_"
    # Of a file, which this is not.
    WITHOUT = ("parallax_fps", "parallax_format")


class DepthMask(DepthPicture):
    ID = "RilievoDepthMask"
    TITLE = "Depth Mask"
    DESCRIPTION = "A mask of what lies in a range of depth, with soft ends."
    RETURN_TYPES = ("MASK",)
    RETURN_NAMES = ("mask",)
    OUTPUT_TOOLTIPS = ("White inside the range.",)
    OPTIONS = tuple(widgets.group("mask"))
    STRIP = "depth_mask_"

    def maps(self, given: sockets.Depths) -> list[Any]:
        return given.reliefs()

    def picture(self, depth: Any, settings: dict[str, Any], job: host.Job) -> Any:
        return rilievo.depth_mask(
            depth, **{name.removeprefix(self.STRIP): value for name, value in settings.items()}
        )


NODES: tuple[type[Node], ...] = (DepthOfField, Fog, DepthMask, Parallax)
