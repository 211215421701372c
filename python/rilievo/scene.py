"""``Scene``: one picture with its depth, and what several outputs share."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from rilievo import _native, loaded, pictures
from rilievo.depth import DepthMap
from rilievo.options import Options
from rilievo.watch import Watch

if TYPE_CHECKING:
    from rilievo.pictures import ImageLike

Array = Any


class Scene:
    """A picture, what it is to become, and its depth; everything is made once, when it is first asked for.

    ``image`` may be ``None`` where ``depth_map`` is given: what does not look
    at the picture can be made all the same. ``depth_map`` is as for
    :func:`rilievo.generate`; without one a network runs when depth is asked
    for, which ``watch`` watches.
    """

    def __init__(
        self,
        image: ImageLike | None,
        options: Options,
        depth_map: ImageLike | DepthMap | None = None,
        watch: Watch | None = None,
    ):
        self.image = image
        self.options = options
        self._given = depth_map
        self._watch = watch or Watch()

    @cached_property
    def rgb(self) -> Array:
        """The picture, uint8 ``[H, W, 3]``."""
        return pictures.load_rgb(self._picture)

    @cached_property
    def rgba(self) -> Array:
        """The picture with its transparency, uint8 ``[H, W, 4]``; ``[H, W, 3]`` if it has none."""
        return pictures.load_rgba(self._picture)

    @property
    def keeps_scale(self) -> bool:
        """Whether depth came as a depth picture, whose scale is neither stretched nor clipped."""
        return (
            self._given is not None
            and not isinstance(self._given, DepthMap)
            and self.options.depth_map_kind == "picture"
        )

    @cached_property
    def depth(self) -> DepthMap:
        """The depth, of the picture's size; NaN where nothing was measured."""
        given = self._given
        if given is None:
            return estimate(self.rgb, self.options, self._watch)
        size = None if self.image is None else (self.rgb.shape[1], self.rgb.shape[0])
        if self.keeps_scale:
            return DepthMap.from_image(given, size=size)  # type: ignore[arg-type]
        if not isinstance(given, DepthMap):
            given = DepthMap.from_numbers(
                given, self.options.depth_map_kind, scale=self.options.depth_map_scale
            )
        if size not in (None, given.size):
            raise ValueError(
                f"the depth map is {given.size[0]}x{given.size[1]} but the picture {size[0]}x{size[1]}; "
                "give one of the picture's size, or a depth picture, which is resized"
            )
        return given

    @cached_property
    def depth_u16(self) -> Array:
        """The 16-bit depth map, near = bright, that everything of the reference is made of."""
        if self.keeps_scale:
            return self.depth.to_u16(normalize=False)
        return self.depth.filled().to_u16(**self._clip)

    @cached_property
    def written_u16(self) -> Array:
        """The 16-bit depth map as it is written."""
        return 65535 - self.depth_u16 if self.options.output_depth_invert else self.depth_u16

    @cached_property
    def relief(self) -> _native.Relief:
        """The depth as effects take it."""
        if self.keeps_scale:
            return _native.Relief(self.depth.values, normalize=False)
        return self.depth.filled().relief(**self._clip)

    @cached_property
    def surface(self) -> DepthMap:
        """The depth as meshes, clouds and normals in space are made of it."""
        return self.depth.for_surface()

    @property
    def _clip(self) -> dict[str, Any]:
        options = self.options
        clip = options.clipdepth_mode if options.clipdepth else None
        return {"clip": clip, "far": options.clipdepth_far, "near": options.clipdepth_near}

    @property
    def _picture(self) -> ImageLike:
        if self.image is None:
            raise ValueError("there is a depth map but no picture, which this output is made of; give one")
        return self.image


def estimate(rgb: Array, options: Options, watch: Watch) -> DepthMap:
    """The depth of a picture (uint8 ``[H, W, 3]``) by the network that the options name."""
    with loaded.networks(options) as (network, merge):
        if options.boost:
            values, kind, camera = network.boost(rgb, merge, options.group("boost"), watch)
        else:
            values, kind, camera = network.estimate(rgb, options.group("estimate"), watch)
    return DepthMap(values, kind, intrinsics=camera)
