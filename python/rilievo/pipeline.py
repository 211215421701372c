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
from rilievo.options import Options, rows
from rilievo.outputs import Output
from rilievo.recipes import made
from rilievo.scene import Scene, estimate
from rilievo.watch import Cancel, Progress, Watch

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rilievo.options._generated import NetworkKeywords
    from rilievo.pictures import ImageLike

    class Keywords(NetworkKeywords, total=False):
        """With the short names."""

        match_size: bool
        tiling: bool
        device: str


def devices() -> dict[str, str | None]:
    """The devices this build was made for: ``None`` if one can be used, else the reason why not.

    Each is asked to compute something, so the first call may take a second.
    """
    return dict(_native.devices())


# Names of before for some options of the network.
_SHORT = {"match_size": "net_size_match", "tiling": "tiling_mode", "device": "compute_device"}


def estimate_depth(
    image: ImageLike,
    model: str = "auto",
    *,
    net_size: tuple[int, int] | None = None,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[Keywords],
) -> DepthMap:
    """The depth of one picture, by a network.

    ``image`` is a path, a PIL image or a numpy array. ``model`` is a name from
    ``rilievo models`` or ``"auto"``: the best network on this machine.
    ``net_size`` is (width, height) of the network's input. ``options`` are those of the network that
    :func:`generate` takes (``docs/options.md``); ``match_size``, ``tiling`` and ``device`` are short for
    ``net_size_match``, ``tiling_mode`` and ``compute_device``. With ``boost`` (Miangoleh et al. 2021) relative
    maps are in 0..1; metric ones keep their metres.

    The values are float32 at the picture's size, the network's own numbers;
    ``kind`` says what they mean.

    ``progress(stage, done, total)`` is called along the way; ``cancel.is_set()``
    is asked now and then, and :class:`rilievo.Cancelled` raised if it is.
    """
    chosen = {_SHORT.get(name, name): value for name, value in options.items()}
    taken = [name for name, row in rows().items() if row.group == "network"]
    for name in chosen.keys() - taken:
        raise TypeError(f"estimate_depth() takes no option {name!r}; it takes {', '.join(taken)}")
    if net_size is not None:
        chosen.update(net_width=net_size[0], net_height=net_size[1])
    chosen["model_type"] = model
    return estimate(pictures.load_rgb(image), Options.from_mapping(chosen), Watch(progress, cancel))


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
