"""``generate``: the one funnel every surface goes through.

picture + options -> depth -> everything that follows from it, each output in
exactly one place (:mod:`rilievo.recipes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rilievo import _native, pictures
from rilievo.depth import DepthMap
from rilievo.options import Options
from rilievo.outputs import Output
from rilievo.recipes import made
from rilievo.scene import Scene, estimate
from rilievo.watch import Cancel, Progress, Watch

if TYPE_CHECKING:
    from rilievo.pictures import ImageLike


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
    return estimate(rgb, options, Watch(progress, cancel))


def generate(
    images: ImageLike | Iterable[ImageLike | None],
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
    arrays of numbers that ``depth_map_kind`` says are no picture. Where there
    is a depth map the picture may be ``None``, if no output is made of it.
    ``option_values`` are fields of :class:`Options`, and change those of
    ``options``.

    The outputs of a picture come in the order of ``rilievo.recipes.RECIPES``:
    ``depth_prediction``, ``depth_values``, ``depth``, ``concat_depth``, one per
    stereo mode, ``normalmap``, ``camera_normalmap``, ``heatmap``, ``dof``,
    ``fog``, ``depth_mask``, ``parallax``, ``simple_mesh``, ``point_cloud``.

    Clipping never applies to depth pictures, and inverting only to the written
    depth map, as in the reference.
    """
    options = merged(options, option_values)
    items = list_of(images)
    maps = list(depth_maps) if depth_maps is not None else [None] * len(items)
    if len(maps) != len(items):
        raise ValueError(
            f"there are {len(items)} pictures but {len(maps)} depth maps; give one entry a picture"
        )
    watch = Watch(progress, cancel)
    return (
        Output(index, kind, content)
        for index, (image, depth_map) in enumerate(zip(items, maps))
        for kind, content in made(Scene(image, options, depth_map, watch), watch)
    )


def merged(options: Options | None, values: dict[str, Any]) -> Options:
    """The options with some values changed; ``None`` are the defaults."""
    return (options or Options()).replace(**values) if values or not options else options


def list_of(images: Any) -> list[Any]:
    """One picture or several as a list."""
    if isinstance(images, (str, np.ndarray)) or hasattr(images, "__fspath__") or hasattr(images, "mode"):
        return [images]
    if not isinstance(images, Iterable):
        raise ValueError(
            f"a {type(images).__name__} is no picture; give a path, a PIL image or a numpy array"
        )
    return list(images)
