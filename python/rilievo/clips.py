"""``generate_clip``: the funnel of :mod:`rilievo.pipeline` for frames in time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rilievo import _native
from rilievo.depth import DepthMap, Span
from rilievo.options import Options
from rilievo.outputs import Output
from rilievo.pipeline import merged
from rilievo.recipes import made
from rilievo.scene import Scene
from rilievo.watch import Cancel, Progress, Watch

if TYPE_CHECKING:
    from rilievo.pictures import ImageLike

# The stage that counts whole frames.
FRAME = "frame"


def generate_clip(
    frames: Iterable[ImageLike],
    options: Options | None = None,
    *,
    depth_maps: Iterable[ImageLike | DepthMap | None] | None = None,
    scale: Literal["clip", "frame"] = "clip",
    progress: Progress = None,
    cancel: Cancel | None = None,
    **option_values: Any,
) -> Iterator[Output]:
    """Turns the frames of a clip into whatever the options ask for, frame by frame.

    ``frames`` are pictures as for :func:`rilievo.generate`, any number of them: a list, an array
    ``[N, H, W, 3]``, or anything that gives one after the other. ``depth_maps`` are as there, one a frame.
    ``index`` of an output counts the frames.

    ``scale="clip"`` stretches (and clips) the depth of all frames by one range, so that what stands still keeps
    its brightness; ``"frame"`` each by its own, as for single pictures. One range needs all depth before the
    first output, so it is put by in a temporary file (4 bytes a pixel), and so are the frames if they can be gone
    through only once; memory does not grow with the number of frames. Depth pictures keep their scale as ever.

    ``progress`` is told of every frame whose depth is there as stage ``"frame"``, too.

    Raises :class:`ValueError` as :func:`rilievo.generate` does, for another ``scale``, for frames whose depth
    differs in kind, and if there are not as many depth maps as frames.
    """
    if scale not in ("clip", "frame"):
        raise ValueError(f"scale is {scale!r}; it can be clip or frame")
    options = merged(options, option_values)
    watch = Watch(progress, cancel)
    if scale == "frame":
        return _by_frame(_scenes(frames, depth_maps, options, watch), watch)
    return _by_clip(frames, depth_maps, options, watch)


def _scenes(
    frames: Iterable[Any], depth_maps: Iterable[Any] | None, options: Options, watch: Watch
) -> Iterator[Scene]:
    """A scene for every frame; reports those that are done with when the next is asked for."""
    total = len(frames) if isinstance(frames, Sized) else 0
    maps = None if depth_maps is None else iter(depth_maps)
    nothing: Any = object()
    count = 0
    for count, frame in enumerate(frames, 1):
        depth_map = None if maps is None else next(maps, nothing)
        if depth_map is nothing:
            raise ValueError(f"there are more frames than depth maps ({count - 1}); give one entry a frame")
        if watch.cancel is not None and watch.cancel.is_set():
            raise _native.Cancelled("the caller asked to stop")
        yield Scene(frame, options, depth_map, watch)
        if watch.progress is not None:
            watch.progress(FRAME, count, total)
    if maps is not None and next(maps, nothing) is not nothing:
        raise ValueError(f"there are more depth maps than frames ({count}); give one entry a frame")


def _by_frame(scenes: Iterable[Scene], watch: Watch) -> Iterator[Output]:
    for index, scene in enumerate(scenes):
        for kind, content in made(scene, watch):
            yield Output(index, kind, content)


def _by_clip(
    frames: Iterable[Any], depth_maps: Iterable[Any] | None, options: Options, watch: Watch
) -> Iterator[Output]:
    once = iter(frames) is frames
    with _Spool() as depths, _Spool() as pictures:
        span = Span()
        keep_scale, cameras = [], []
        for scene in _scenes(frames, depth_maps, options, watch):
            keep_scale.append(scene.keeps_scale)
            cameras.append(scene.depth.intrinsics)
            if not scene.keeps_scale:
                span.add(scene.depth)
            depths.add(scene.depth.values)
            if once:
                pictures.add(scene.rgba if options.stereo_alpha else scene.rgb)

        def scaled() -> Iterator[Any]:
            return (values for values, keeps in zip(depths, keep_scale) if not keeps)

        options = _clipped_together(options, span, scaled)
        again = zip(pictures if once else frames, depths, keep_scale, cameras)
        for index, (frame, values, keeps, camera) in enumerate(again):
            depth = values if keeps or span.kind is None else DepthMap(values, span.kind, span.ends, camera)
            for kind, content in made(Scene(frame, options, depth, watch), watch):
                yield Output(index, kind, content)


def _clipped_together(options: Options, span: Span, depths: Callable[[], Iterator[Any]]) -> Options:
    """A clip at fractions of the pixels, those of all frames, as one at fractions of the range."""
    if span.ends is None or not options.clipdepth or options.clipdepth_mode != "Outliers":
        return options
    low, high = span.ends
    far, near = options.clipdepth_far, options.clipdepth_near
    if span.kind == "inverse":
        ends = [(_quantile(depths, end) - low) / (high - low or 1.0) for end in (far, near)]
    else:
        ends = [(high - _quantile(depths, 1.0 - end)) / (high - low or 1.0) for end in (far, near)]
    far, near = np.clip(ends, 0.0, 1.0).tolist()
    return options.replace(clipdepth_mode="Range", clipdepth_far=far, clipdepth_near=near)


def _quantile(arrays: Callable[[], Iterator[Any]], fraction: float) -> float:
    """A quantile of the finite float32 numbers of all arrays, between two ranks as numpy has it.

    A radix selection in little memory: the upper halves of all numbers are counted, then the lower ones of those
    that share the wanted one's upper half.
    """

    def keys() -> Iterator[Any]:
        for values in arrays():
            bits = values[np.isfinite(values)].astype(np.float32).view(np.uint32)
            # Larger numbers get larger keys, below zero too.
            yield np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))

    def counted(parts: Iterable[Any]) -> Any:
        return np.cumsum(sum(np.bincount(part, minlength=1 << 16) for part in parts))

    def ranked(rank: int) -> float:
        top = int(np.searchsorted(upper, rank, side="right"))
        lower = counted(key[key >> 16 == top] & 0xFFFF for key in keys())
        before = int(upper[top - 1]) if top else 0
        key = top << 16 | int(np.searchsorted(lower, rank - before, side="right"))
        bits = key ^ (1 << 31) if key >> 31 else key ^ 0xFFFFFFFF
        return float(np.array(bits, np.uint32).view(np.float32))

    upper = counted(key >> 16 for key in keys())
    place = fraction * (int(upper[-1]) - 1)
    below = ranked(int(place))
    part = place - int(place)
    return below + part * (ranked(int(place) + 1) - below) if part else below


class _Spool:
    """Arrays in a temporary file, one after the other."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="rilievo-clip-")  # noqa: SIM115 - closed by __exit__
        self._places: list[tuple[int, tuple[int, ...], Any]] = []

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, array: Any) -> None:
        """Puts one by."""
        self._places.append((self._file.seek(0, 2), array.shape, array.dtype))
        self._file.write(np.ascontiguousarray(array).data)

    def __iter__(self) -> Iterator[Any]:
        for start, shape, dtype in self._places:
            array = np.empty(shape, dtype)
            self._file.seek(start)
            self._file.readinto(array.data.cast("B"))
            yield array
