"""The single steps, for use without the funnel: PIL images or numpy arrays in, arrays out.

Their options are keywords; what those are, with their defaults and ranges, comes from the table of options.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rilievo import _native, pictures
from rilievo.depth import DepthMap, clipped
from rilievo.options import DEFAULTS
from rilievo.options.keywords import takes
from rilievo.watch import Watch

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rilievo.options import _generated as keywords
    from rilievo.pictures import ImageLike
    from rilievo.watch import Cancel, Progress


@takes("normal_map")
def normal_map(depth_u16: DepthMap | ImageLike, **options: Unpack[keywords.NormalMapKeywords]) -> Any:
    """A normal map, uint8 ``[H, W, 3]``, as the reference makes it.

    ``pre_blur``, ``sobel`` and ``post_blur`` take the size of their kernel as well, or ``None`` for off.
    """
    chosen: dict[str, Any] = dict(options)
    for step in ("pre_blur", "sobel", "post_blur"):
        size = chosen.get(step, True)
        if size is None:
            chosen[step] = False
        elif not isinstance(size, bool):
            chosen.update({step: True, f"{step}_kernel": size})
    return _native.normal_map(_u16(depth_u16), chosen)


@takes("camera", "normal_map.green", without=("spherical",))
def camera_normal_map(
    depth: DepthMap | ImageLike,
    *,
    green: str = DEFAULTS["normalmap_green"],
    **options: Unpack[keywords.CameraKeywords],
) -> Any:
    """A normal map of the surface in space, uint8 ``[H, W, 3]``, true to its angles.

    The camera has the horizontal field of view ``fov``, or is ``intrinsics`` (fx, fy, cx, cy in pixels).
    """
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth)
    return _native.camera_normal_map(depth.values, depth.kind, options, green)


@takes("heat_map")
def heat_map(depth_u16: DepthMap | ImageLike, **options: Unpack[keywords.HeatMapKeywords]) -> Any:
    """A coloured depth map (inferno, as in the reference), uint8 ``[H, W, 4]``."""
    return _native.heat_map(_u16(depth_u16), options)


@takes("stereo")
def stereo_images(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    modes: Sequence[str] = ("left-right",),
    alpha: bool = False,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.StereoKeywords],
) -> dict[str, Any]:
    """Stereo pictures by mode name, uint8 ``[H', W', 3]``, or 4 with ``alpha``.

    ``alpha`` keeps the picture's transparency, which moves with the colours
    (anaglyphs have none). ``rilievo.options.STEREO_MODES`` lists what ``modes`` there are.
    """
    picture = pictures.load_rgba(image) if alpha else pictures.load_rgb(image)
    depth_u16 = _u16(depth, size=(picture.shape[1], picture.shape[0]))
    return dict(_native.stereo_images(picture, depth_u16, list(modes), options, Watch(progress, cancel)))


@takes("stereo")
def stereo_eyes(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    alpha: bool = False,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.StereoKeywords],
) -> tuple[Any, Any, Any, Any]:
    """Left and right eye, uint8 ``[H, W, 3]`` (4 with ``alpha``), and masks of what the fill made up in each.

    Arguments as for :func:`stereo_images`; masks are bool ``[H, W]``.
    """
    picture = pictures.load_rgba(image) if alpha else pictures.load_rgb(image)
    depth_u16 = _u16(depth, size=(picture.shape[1], picture.shape[0]))
    return _native.stereo_eyes(picture, depth_u16, options, Watch(progress, cancel))


@takes("simple_mesh")
def simple_mesh(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.SimpleMeshKeywords],
) -> _native.Mesh:
    """A mesh of the picture bent by its depth: ``.vertices``, ``.faces``, ``.colors``, ``.save(path)``.

    The camera has the horizontal field of view ``fov``, or is ``intrinsics`` (fx, fy, cx, cy in pixels), which
    are more exact, or took a panorama (``spherical``).
    """
    rgb = pictures.load_rgb(image)
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth, size=(rgb.shape[1], rgb.shape[0]))
    return _native.simple_mesh(rgb, depth.values, depth.kind, depth.seen(options), Watch(progress, cancel))


# Here, unlike in the funnel, every point is kept unless told otherwise.
_ALL_POINTS: dict[str, Any] = {"edge_rtol": 0.0, "voxel": 0.0}


@takes("point_cloud", **_ALL_POINTS)
def point_cloud(
    depth: DepthMap,
    image: ImageLike | None = None,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.PointCloudKeywords],
) -> _native.Mesh:
    """A cloud of points, coloured by a picture of the same size; save it as ``.ply``.

    The camera is as for :func:`simple_mesh`.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return _native.point_cloud(
        depth.values,
        None if image is None else pictures.load_rgb(image),
        depth.kind,
        depth.seen({**_ALL_POINTS, **given}),
        Watch(progress, cancel),
    )


@takes("adjust", "clip.far", "clip.near")
def adjust_depth(
    depth: DepthMap | ImageLike,
    *,
    clip: str | None = None,
    far: float = DEFAULTS["clipdepth_far"],
    near: float = DEFAULTS["clipdepth_near"],
    **options: Unpack[keywords.AdjustKeywords],
) -> DepthMap:
    """Depth made to measure: a map of kind ``"inverse"`` in 0..1, near = 1.

    In this order it is stretched to the full range (``normalize``), cut at ``far`` and ``near`` if ``clip`` is
    ``"Range"`` or ``"Outliers"``, bent (``gamma``), turned over (``invert``) and smoothed (``blur``).
    """
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth)
    return DepthMap(_native.adjust_depth(depth.values, depth.kind, options, clipped(clip, far, near)))


@takes("depth_of_field")
def depth_of_field(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.DepthOfFieldKeywords],
) -> Any:
    """The picture through a lens: blurred where it is out of focus, uint8 ``[H, W, 3]``.

    The ``f_number`` is that of a 50 mm lens before a scene from half a metre to infinity.
    """
    rgb = pictures.load_rgb(image)
    return _native.depth_of_field(rgb, _relief_of(depth, rgb), options, Watch(progress, cancel))


@takes("fog")
def fog(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.FogKeywords],
) -> Any:
    """The picture with even fog in it, uint8 ``[H, W, 3]``.

    ``density`` is the optical depth from the nearest to the farthest point; ``color`` is ``"#rrggbb"`` or three
    numbers from 0 to 255.
    """
    rgb = pictures.load_rgb(image)
    return _native.fog(rgb, _relief_of(depth, rgb), options, Watch(progress, cancel))


@takes("depth_mask")
def depth_mask(depth: DepthMap | ImageLike, **options: Unpack[keywords.DepthMaskKeywords]) -> Any:
    """The mask of a range of depth, float32 ``[H, W]``: 1 inside, 0 beyond the feather."""
    return _native.depth_mask(relief(depth), options)


@takes("parallax")
def parallax_frames(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[keywords.ParallaxKeywords],
) -> Any:
    """The frames of one loop of a camera around the picture, uint8 ``[N, H, W, 3]``."""
    rgb = pictures.load_rgb(image)
    watch = Watch(progress, cancel)
    clip = _native.ParallaxFrames(rgb, _relief_of(depth, rgb), options, watch)
    return np.stack([clip.frame(index, watch) for index in range(len(clip))])


def relief(depth: DepthMap | ImageLike, size: tuple[int, int] | None = None) -> _native.Relief:
    """Depth as the effects take it; depth pictures keep their scale, as everywhere."""
    if isinstance(depth, DepthMap):
        return depth.relief()
    depth = DepthMap.from_image(depth, size=size)
    return _native.Relief(depth.values, normalize=False)


def _relief_of(depth: DepthMap | ImageLike, picture: Any) -> _native.Relief:
    return relief(depth, size=(picture.shape[1], picture.shape[0]))


def read_mesh(path: str | os.PathLike[str]) -> _native.Mesh:
    """A mesh or a cloud of points from an OBJ or PLY of this program or the reference; without texture."""
    return _native.read_mesh(path)


def save_depth(
    path: str | os.PathLike[str], depth: DepthMap | Any, *, png_scale: float | None = None
) -> None:
    """Writes depth as numbers: ``.exr``, ``.npy``, ``.tiff`` (float, or uint16 as it is) or 16-bit ``.png``.

    ``depth`` is a :class:`DepthMap`, or a float or uint16 array ``[H, W]``.
    Floats in a PNG are multiplied by ``png_scale`` (1000: metres to
    millimetres), or stretched over 0..65535 without it. The file appears
    whole or not at all.
    """
    _native.save_depth(path, depth.values if isinstance(depth, DepthMap) else depth, png_scale=png_scale)


def _u16(depth: DepthMap | ImageLike, size: tuple[int, int] | None = None) -> Any:
    """The 16-bit map of whatever depth was given."""
    if isinstance(depth, DepthMap):
        return depth.to_u16()
    if isinstance(depth, np.ndarray) and depth.dtype == np.uint16 and depth.ndim == 2 and size is None:
        return np.ascontiguousarray(depth)
    return DepthMap.from_image(depth, size=size).to_u16(normalize=False)
