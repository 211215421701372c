"""The single steps, for use without the funnel: PIL images or numpy arrays in, arrays out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rilievo import _native, pictures
from rilievo.depth import DepthMap
from rilievo.options import parse_color

if TYPE_CHECKING:
    from rilievo.pictures import ImageLike
    from rilievo.watch import Cancel, Progress


def normal_map(
    depth_u16: DepthMap | ImageLike,
    *,
    pre_blur: int | None = None,
    sobel: int | None = 3,
    post_blur: int | None = None,
    invert: bool = False,
    green: str = "opengl",
) -> Any:
    """A normal map, uint8 ``[H, W, 3]``, as the reference makes it.

    ``pre_blur`` and ``post_blur`` are kernel sizes (and sigmas) of Gaussian
    blurs of the depth and of the normals, ``sobel`` the kernel size of the
    gradient, ``None`` for central differences; all odd, 1 to 31. ``green``
    grows upwards (``"opengl"``) or downwards (``"directx"``).
    """
    return _native.normal_map(
        _u16(depth_u16), pre_blur=pre_blur, sobel=sobel, post_blur=post_blur, invert=invert, green=green
    )


def camera_normal_map(
    depth: DepthMap | ImageLike,
    *,
    fov: float = 55.0,
    intrinsics: tuple[float, float, float, float] | None = None,
    green: str = "opengl",
) -> Any:
    """A normal map of the surface in space, uint8 ``[H, W, 3]``, true to its angles.

    The camera has the horizontal field of view ``fov`` in degrees, or is
    ``intrinsics`` (fx, fy, cx, cy in pixels). ``green`` grows upwards
    (``"opengl"``: Blender, Unity) or downwards (``"directx"``: Unreal).
    """
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth)
    return _native.camera_normal_map(
        depth.values, kind=depth.kind, fov=fov, intrinsics=intrinsics, green=green
    )


def heat_map(depth_u16: DepthMap | ImageLike) -> Any:
    """A coloured depth map (inferno between the percentiles 2 and 85), uint8 ``[H, W, 4]``."""
    return _native.heat_map(_u16(depth_u16))


def stereo_images(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    modes: Sequence[str] = ("left-right",),
    divergence: float = 2.5,
    separation: float = 0.0,
    balance: float = 0.0,
    offset_exponent: float = 1.0,
    fill: str = "polylines_sharp",
    convergence: float = 0.0,
    alpha: bool = False,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> dict[str, Any]:
    """Stereo pictures by mode name, uint8 ``[H', W', 3]``, or 4 with ``alpha``.

    ``divergence`` and ``separation`` are percent of the picture's width,
    ``balance`` goes from -1 (only the right eye moves) to 1 (only the left).
    ``convergence`` is the nearness that lies in the plane of the screen.
    ``alpha`` keeps the picture's transparency, which moves with the colours
    (anaglyphs have none). ``rilievo.options.STEREO_MODES`` and
    ``STEREO_FILLS`` list what there is.
    """
    picture = pictures.load_rgba(image) if alpha else pictures.load_rgb(image)
    results = _native.stereo_images(
        picture,
        _u16(depth, size=(picture.shape[1], picture.shape[0])),
        list(modes),
        divergence=divergence,
        separation=separation,
        balance=balance,
        offset_exponent=offset_exponent,
        fill=fill,
        convergence=convergence,
        progress=progress,
        cancel=cancel,
    )
    return dict(results)


def stereo_eyes(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    divergence: float = 2.5,
    separation: float = 0.0,
    balance: float = 0.0,
    offset_exponent: float = 1.0,
    fill: str = "polylines_sharp",
    convergence: float = 0.0,
    alpha: bool = False,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Left and right eye, uint8 ``[H, W, 3]`` (4 with ``alpha``), and masks of what the fill made up in each.

    Arguments as for :func:`stereo_images`; masks are bool ``[H, W]``.
    """
    picture = pictures.load_rgba(image) if alpha else pictures.load_rgb(image)
    return _native.stereo_eyes(
        picture,
        _u16(depth, size=(picture.shape[1], picture.shape[0])),
        divergence=divergence,
        separation=separation,
        balance=balance,
        offset_exponent=offset_exponent,
        fill=fill,
        convergence=convergence,
        progress=progress,
        cancel=cancel,
    )


def simple_mesh(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    occlude: bool = True,
    spherical: bool = False,
    fov: float = 55.0,
    intrinsics: tuple[float, float, float, float] | None = None,
    max_size: int = 2048,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> _native.Mesh:
    """A mesh of the picture bent by its depth: ``.vertices``, ``.faces``, ``.colors``, ``.save(path)``.

    ``occlude`` leaves out triangles across depth edges, ``spherical`` takes an
    equirectangular panorama, ``fov`` is the horizontal field of view in
    degrees, ``intrinsics`` (fx, fy, cx, cy in pixels) are more exact. Pictures with a side above ``max_size`` are meshed at that size.
    """
    rgb = pictures.load_rgb(image)
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth, size=(rgb.shape[1], rgb.shape[0]))
    return _native.simple_mesh(
        rgb,
        depth.values,
        kind=depth.kind,
        occlude=occlude,
        spherical=spherical,
        fov=fov,
        intrinsics=intrinsics,
        max_size=max_size,
        progress=progress,
        cancel=cancel,
    )


def point_cloud(
    depth: DepthMap,
    image: ImageLike | None = None,
    *,
    spherical: bool = False,
    fov: float = 55.0,
    intrinsics: tuple[float, float, float, float] | None = None,
    edge_rtol: float | None = None,
    voxel: float | None = None,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> _native.Mesh:
    """A cloud of points, coloured by a picture of the same size; save it as ``.ply``.

    The camera has the horizontal field of view ``fov`` in degrees, or is
    ``intrinsics`` (fx, fy, cx, cy in pixels), or took a panorama
    (``spherical``). ``edge_rtol`` (0.04, say) leaves
    out flying pixels at depth edges, ``voxel`` keeps one point for every cube
    of that side.
    """
    return _native.point_cloud(
        depth.values,
        None if image is None else pictures.load_rgb(image),
        kind=depth.kind,
        spherical=spherical,
        fov=fov,
        intrinsics=intrinsics,
        edge_rtol=edge_rtol,
        voxel=voxel,
        progress=progress,
        cancel=cancel,
    )


def adjust_depth(
    depth: DepthMap | ImageLike,
    *,
    clip: str | None = None,
    far: float = 0.0,
    near: float = 1.0,
    normalize: bool = True,
    gamma: float = 1.0,
    invert: bool = False,
    blur: float = 0.0,
) -> DepthMap:
    """Depth made to measure: a map of kind ``"inverse"`` in 0..1, near = 1.

    ``normalize`` stretches it to the full range first; without that its values are in 0..1 already, near = 1,
    and keep their scale. In this order: ``clip`` cuts at the fractions ``far`` and ``near`` of the range (``"Range"``) or of the
    pixels (``"Outliers"``); nearness is raised to ``1 / gamma`` (above 1 lifts the background); ``invert``
    turns near and far around; ``blur`` is the sigma of a Gaussian blur in pixels.
    """
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth)
    return DepthMap(
        _native.adjust_depth(
            depth.values,
            depth.kind,
            clip=clip,
            far=far,
            near=near,
            normalize=normalize,
            gamma=gamma,
            invert=invert,
            blur=blur,
        )
    )


def depth_of_field(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    focus: float | None = None,
    f_number: float = 2.8,
    highlights: float = 0.5,
    blades: int = 0,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> Any:
    """The picture through a lens: blurred where it is out of focus, uint8 ``[H, W, 3]``.

    ``focus`` is what is sharp, from 0 (the farthest point) to 1 (the nearest); ``None`` takes what is in the
    middle of the picture. ``f_number`` (0.5 to 64) is that of a 50 mm lens before a scene from half a metre
    to infinity: smaller blurs more. ``highlights`` (0 to 50) is how much brighter blurred highlights are than
    the picture, where they are cut off, shows them. ``blades`` are those of the aperture, 3 to 16, or 0 for a
    circle.
    """
    rgb = pictures.load_rgb(image)
    return _native.depth_of_field(
        rgb,
        relief(depth, size=(rgb.shape[1], rgb.shape[0])),
        focus=focus,
        f_number=f_number,
        highlights=highlights,
        blades=blades,
        progress=progress,
        cancel=cancel,
    )


def fog(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    density: float = 2.0,
    color: str | tuple[int, int, int] = "#c8d0d8",
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> Any:
    """The picture with even fog in it, uint8 ``[H, W, 3]``.

    ``density`` (0 to 50) is the optical depth from the nearest to the farthest point, of whose light
    ``exp(-density)`` is left; ``color`` is ``"#rrggbb"`` or three numbers from 0 to 255.
    """
    rgb = pictures.load_rgb(image)
    return _native.fog(
        rgb,
        relief(depth, size=(rgb.shape[1], rgb.shape[0])),
        density=density,
        color=parse_color(color) if isinstance(color, str) else color,
        progress=progress,
        cancel=cancel,
    )


def depth_mask(
    depth: DepthMap | ImageLike,
    *,
    far: float = 0.5,
    near: float = 1.0,
    feather: float = 0.05,
    invert: bool = False,
) -> Any:
    """The mask of a range of depth, float32 ``[H, W]``: 1 inside, 0 beyond the feather.

    ``far`` and ``near`` are nearness from 0 (the farthest point) to 1 (the nearest), ``feather`` how far
    beyond them the mask fades out.
    """
    return _native.depth_mask(relief(depth), far=far, near=near, feather=feather, invert=invert)


def parallax_frames(
    image: ImageLike,
    depth: DepthMap | ImageLike,
    *,
    preset: str = "circle",
    frames: int = 48,
    strength: float = 3.0,
    focus: float | None = None,
    max_size: int = 1024,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> Any:
    """The frames of one loop of a camera around the picture, uint8 ``[N, H, W, 3]``.

    ``preset`` is one of ``rilievo.options.PARALLAX_PRESETS``. ``strength`` (0 to 20) is how far the nearest
    point moves against the farthest one, in percent of the larger side. What has the nearness ``focus``
    stays in place; ``None`` takes what is in the middle of the picture. Pictures with a side above
    ``max_size`` are shrunk first.
    """
    rgb = pictures.load_rgb(image)
    return _native.parallax_frames(
        rgb,
        relief(depth, size=(rgb.shape[1], rgb.shape[0])),
        preset=preset,
        frames=frames,
        strength=strength,
        focus=focus,
        max_size=max_size,
        progress=progress,
        cancel=cancel,
    )


def relief(depth: DepthMap | ImageLike, size: tuple[int, int] | None = None) -> _native.Relief:
    """Depth as the effects take it; depth pictures keep their scale, as everywhere."""
    if isinstance(depth, DepthMap):
        return depth.relief()
    depth = DepthMap.from_image(depth, size=size)
    return _native.Relief(depth.values, normalize=False)


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
