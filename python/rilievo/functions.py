"""The single steps, for use without the funnel: PIL images or numpy arrays in, arrays out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rilievo import _native, pictures
from rilievo.depth import DepthMap

if TYPE_CHECKING:
    from rilievo.pictures import ImageLike
    from rilievo.pipeline import Cancel, Progress


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


def depth_mask(
    depth: DepthMap | ImageLike,
    *,
    far: float = 0.5,
    near: float = 1.0,
    feather: float = 0.05,
    invert: bool = False,
) -> Any:
    """A mask of a range of depth, uint8 ``[H, W]``: 255 inside, 0 outside.

    ``far`` and ``near`` are nearness, 0 the farthest point and 1 the nearest;
    outside of them the mask fades to 0 over ``feather``. ``invert`` selects
    everything but the range.

    Raises :class:`ValueError` unless ``0 <= far <= near <= 1`` and ``feather >= 0``.
    """
    if not 0 <= far <= near <= 1:
        raise ValueError(f"far is {far:g} and near {near:g}; they must be 0 to 1, and far not above near")
    if not feather >= 0:
        raise ValueError(f"feather is {feather:g}; it must not be below 0")
    if not isinstance(depth, DepthMap):
        depth = DepthMap.from_image(depth)
    nearness = depth.nearness()
    beyond = np.maximum(far - nearness, nearness - near)
    inside = np.clip(1.0 - beyond / feather, 0.0, 1.0) if feather > 0 else (beyond <= 0).astype(np.float32)
    return np.rint((1.0 - inside if invert else inside) * 255.0).astype(np.uint8)


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
