"""``generate``: the one funnel every surface goes through.

picture + options -> depth -> everything that follows from it, each output in
exactly one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional, Protocol

import numpy as np

from rilievo import _native, loaded, pictures
from rilievo.depth import DepthMap
from rilievo.options import Options, parse_color
from rilievo.outputs import Output

if TYPE_CHECKING:
    from rilievo.pictures import ImageLike

Progress = Optional[Callable[[str, int, int], None]]


class Cancel(Protocol):
    """Anything that can be asked whether to stop, such as a ``threading.Event``."""

    def is_set(self) -> bool: ...


def devices() -> dict[str, str | None]:
    """The devices this build was made for: ``None`` if one can be used, else the reason why not.

    Each is asked to compute something, so the first call may take a second.
    """
    return dict(_native.devices())


def estimate_depth(
    image: ImageLike,
    model: str = "auto",
    *,
    weights: str | None = None,
    net_size: tuple[int, int] | None = None,
    match_size: bool = False,
    boost: bool = False,
    boost_rmax: int = 1600,
    boost_max_patches: int | None = None,
    boost_merge: str = "auto",
    tiling: bool = False,
    device: str = "auto",
    precision: str = "auto",
    refine: bool | None = None,
    progress: Progress = None,
    cancel: Cancel | None = None,
) -> DepthMap:
    """The depth of one picture, by a network.

    ``image`` is a path, a PIL image or a numpy array. ``model`` is a name from
    ``rilievo models`` or ``"auto"``: the best network on this machine.
    ``weights`` reads it from this file. ``net_size`` is (width, height) of the
    network's input; ``match_size`` takes the picture's own. ``tiling`` is for pictures whose opposite
    borders fit together: so will those of the depth. ``refine`` guides the upsampling by the picture's edges
    (default: on for ``pocket``).

    ``boost`` merges many small looks into one finer map (Miangoleh et al. 2021), at network sizes of its own:
    at most ``boost_rmax`` pixels for the whole picture, and ``boost_max_patches`` patches (``None``: all that
    have details). ``boost_merge`` is how: ``"network"`` (``pix2pix``), ``"guided"`` filtering, or ``"auto"``:
    the network if it is on this machine. Relative maps are in 0..1 then; metric ones keep their metres.

    The values are float32 at the picture's size, the network's own numbers;
    ``kind`` says what they mean.

    ``progress(stage, done, total)`` is called along the way; ``cancel.is_set()``
    is asked now and then, and :class:`rilievo.Cancelled` raised if it is.
    """
    rgb = pictures.load_rgb(image)
    options = Options(
        model_type=model,
        weights=weights,
        net_width=net_size[0] if net_size else None,
        net_height=net_size[1] if net_size else None,
        net_size_match=match_size,
        boost=boost,
        boost_rmax=boost_rmax,
        boost_max_patches=boost_max_patches,
        boost_merge=boost_merge,
        tiling_mode=tiling,
        compute_device=device,
        precision=precision,
        refine=refine,
    )
    return _estimate(rgb, options, progress, cancel)


def generate(
    images: ImageLike | Iterable[ImageLike],
    options: Options | None = None,
    *,
    depth_maps: Sequence[ImageLike | DepthMap | None] | None = None,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **option_values: Any,
) -> Iterator[Output]:
    """Turns pictures into whatever the options ask for, one output at a time.

    ``images`` is one picture or several (paths, PIL images, numpy arrays).
    ``depth_maps`` gives a picture its own depth instead of a network's: one
    entry a picture, ``None`` for those without. A depth picture or array keeps
    its scale (8-bit v is v / 256) and is resized to fit; a :class:`DepthMap`
    is stretched and clipped like a fresh prediction, and so are files and
    arrays of numbers that ``depth_map_kind`` says are no picture. ``option_values`` are fields of
    :class:`Options`, and change those of ``options``.

    The outputs of a picture come in the order: ``depth_prediction``,
    ``depth_values``, ``depth`` or ``concat_depth``, one per stereo mode,
    ``normalmap``, ``camera_normalmap``, ``heatmap``, ``dof``, ``fog``,
    ``depth_mask``, ``parallax``, ``simple_mesh``, ``point_cloud``.

    Clipping never applies to depth pictures, and inverting only to the written
    depth map, as in the reference.
    """
    options = (options or Options()).replace(**option_values) if option_values or not options else options
    items = _list_of(images)
    maps = list(depth_maps) if depth_maps is not None else [None] * len(items)
    if len(maps) != len(items):
        raise ValueError(
            f"there are {len(items)} pictures but {len(maps)} depth maps; give one entry a picture"
        )
    return _generate(items, maps, options, progress, cancel)


def _generate(
    items: Sequence[Any], maps: Sequence[Any], options: Options, progress: Progress, cancel: Cancel | None
) -> Iterator[Output]:
    for index, (image, custom) in enumerate(zip(items, maps)):
        for parts in _outputs(image, custom, options, progress, cancel):
            yield Output(index, *parts)


def _outputs(
    image: Any, custom: Any, options: Options, progress: Progress, cancel: Cancel | None
) -> Iterator[tuple[Any, ...]]:
    """Kind and payload, and where it is not saved as a picture also the format and the options of that."""
    rgb = pictures.load_rgb(image)
    if custom is None:
        depth = _estimate(rgb, options, progress, cancel)
        depth_u16 = _stretched(depth, options)
    else:
        depth, depth_u16 = _given(custom, (rgb.shape[1], rgb.shape[0]), options)

    if options.do_output_depth_prediction:
        yield "depth_prediction", depth.values if depth.kind == "inverse" else -depth.values
    if options.output_depth_values:
        # Metres in a PNG become millimetres, as depth cameras store them.
        scale = {"png_scale": 1000.0} if depth.kind == "metric" else {}
        yield "depth_values", depth.values, options.depth_values_format, scale
    if options.do_output_depth:
        written = 65535 - depth_u16 if options.output_depth_invert else depth_u16
        if not options.output_depth_combine or options.output_depth_both:
            yield "depth", written
        if options.output_depth_combine:
            yield (
                "concat_depth",
                _native.combine(rgb, written, options.output_depth_combine_axis == "Vertical"),
            )
    if options.gen_stereo:
        yield from _native.stereo_images(
            pictures.load_rgba(image) if options.stereo_alpha else rgb,
            depth_u16,
            options.stereo_modes,
            divergence=options.stereo_divergence,
            separation=options.stereo_separation,
            balance=options.stereo_balance,
            offset_exponent=options.stereo_offset_exponent,
            fill=options.stereo_fill_algo,
            convergence=options.stereo_convergence,
            progress=progress,
            cancel=cancel,
        )
    if options.gen_normalmap:
        yield (
            "normalmap",
            _native.normal_map(
                depth_u16,
                pre_blur=options.normalmap_pre_blur_kernel if options.normalmap_pre_blur else None,
                sobel=options.normalmap_sobel_kernel if options.normalmap_sobel else None,
                post_blur=options.normalmap_post_blur_kernel if options.normalmap_post_blur else None,
                invert=options.normalmap_invert,
                green=options.normalmap_green,
            ),
        )
    if options.gen_camera_normalmap:
        yield (
            "camera_normalmap",
            _native.camera_normal_map(
                depth.values,
                kind=depth.kind,
                fov=options.simple_mesh_fov,
                intrinsics=options.intrinsics,
                green=options.normalmap_green,
            ),
        )
    if options.gen_heatmap:
        yield "heatmap", _native.heat_map(depth_u16)
    if options.gen_dof or options.gen_fog or options.gen_depth_mask or options.gen_parallax:
        keeps_scale = custom is not None and not isinstance(custom, DepthMap)
        relief = _relief(depth, options, keeps_scale and options.depth_map_kind == "picture")
        yield from _effects(rgb, relief, options, progress, cancel)
    yield from _solids(rgb, depth, options, progress, cancel)


def _solids(
    rgb: Any, depth: DepthMap, options: Options, progress: Progress, cancel: Cancel | None
) -> Iterator[tuple[Any, ...]]:
    axes = {} if options.mesh_axes == "auto" else {"axes": options.mesh_axes}
    if options.gen_simple_mesh:
        mesh = _native.simple_mesh(
            rgb,
            depth.values,
            kind=depth.kind,
            occlude=options.simple_mesh_occlude,
            spherical=options.simple_mesh_spherical,
            fov=options.simple_mesh_fov,
            intrinsics=options.intrinsics,
            max_size=options.mesh_maxsize,
            progress=progress,
            cancel=cancel,
        )
        yield "simple_mesh", mesh, options.mesh_format, axes
    if options.gen_point_cloud:
        cloud = _native.point_cloud(
            depth.values,
            rgb,
            kind=depth.kind,
            spherical=options.simple_mesh_spherical,
            fov=options.simple_mesh_fov,
            intrinsics=options.intrinsics,
            edge_rtol=options.point_cloud_edges or None,
            voxel=options.point_cloud_voxel or None,
            progress=progress,
            cancel=cancel,
        )
        yield "point_cloud", cloud, "ply", axes


def _relief(depth: DepthMap, options: Options, keeps_scale: bool) -> _native.Relief:
    if keeps_scale:
        return _native.Relief(depth.values, normalize=False)
    return _native.Relief(
        depth.filled().values,
        depth.kind,
        clip=options.clipdepth_mode if options.clipdepth else None,
        far=options.clipdepth_far,
        near=options.clipdepth_near,
    )


def _effects(
    rgb: Any, relief: _native.Relief, options: Options, progress: Progress, cancel: Cancel | None
) -> Iterator[tuple[Any, ...]]:
    if options.gen_dof:
        yield (
            "dof",
            _native.depth_of_field(
                rgb,
                relief,
                focus=options.dof_focus,
                f_number=options.dof_f_number,
                highlights=options.dof_highlights,
                blades=options.dof_blades,
                progress=progress,
                cancel=cancel,
            ),
        )
    if options.gen_fog:
        yield (
            "fog",
            _native.fog(
                rgb,
                relief,
                density=options.fog_density,
                color=parse_color(options.fog_color),
                progress=progress,
                cancel=cancel,
            ),
        )
    if options.gen_depth_mask:
        mask = _native.depth_mask(
            relief,
            far=options.depth_mask_far,
            near=options.depth_mask_near,
            feather=options.depth_mask_feather,
            invert=options.depth_mask_invert,
        )
        yield "depth_mask", (mask * 255.0 + 0.5).astype(np.uint8)
    if options.gen_parallax:
        yield (
            "parallax",
            _native.parallax_frames(
                rgb,
                relief,
                preset=options.parallax_preset,
                frames=options.parallax_frames,
                strength=options.parallax_strength,
                focus=options.parallax_focus,
                max_size=options.parallax_maxsize,
                progress=progress,
                cancel=cancel,
            ),
            options.parallax_format,
            {"fps": options.parallax_fps},
        )


def _estimate(rgb: Any, options: Options, progress: Progress, cancel: Cancel | None) -> DepthMap:
    with loaded.networks(options) as (network, merge):
        if options.boost:
            values, kind = network.boost(
                rgb,
                merge,
                rmax=options.boost_rmax,
                max_patches=options.boost_max_patches,
                progress=progress,
                cancel=cancel,
            )
        else:
            values, kind = network.estimate(
                rgb,
                net_size=options.net_size,
                match_size=options.net_size_match,
                refine=options.refine,
                progress=progress,
                cancel=cancel,
            )
    return DepthMap(values, kind)


def _given(custom: Any, size: tuple[int, int], options: Options) -> tuple[DepthMap, Any]:
    """The depth that came with a picture, and its 16-bit map."""
    if not isinstance(custom, DepthMap) and options.depth_map_kind == "picture":
        depth = DepthMap.from_image(custom, size=size)
        return depth, depth.to_u16(normalize=False)
    if not isinstance(custom, DepthMap):
        custom = DepthMap.from_numbers(custom, options.depth_map_kind, scale=options.depth_map_scale)
    depth = custom
    if depth.size != size:
        raise ValueError(
            f"the depth map is {depth.size[0]}x{depth.size[1]} but the picture {size[0]}x{size[1]}; "
            "give one of the picture's size, or a depth picture, which is resized"
        )
    return depth, _stretched(depth.filled(), options)


def _stretched(depth: DepthMap, options: Options) -> Any:
    clip = options.clipdepth_mode if options.clipdepth else None
    return depth.to_u16(clip=clip, far=options.clipdepth_far, near=options.clipdepth_near)


def _list_of(images: Any) -> list[Any]:
    if isinstance(images, (str, np.ndarray)) or hasattr(images, "__fspath__") or hasattr(images, "mode"):
        return [images]
    if not isinstance(images, Iterable):
        raise ValueError(
            f"a {type(images).__name__} is no picture; give a path, a PIL image or a numpy array"
        )
    return list(images)
