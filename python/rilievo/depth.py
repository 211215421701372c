"""``DepthMap``: the one type everything downstream takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np

from rilievo import _native, pictures

Kind = Literal["inverse", "depth", "metric"]
DEPTH_KINDS = get_args(Kind)
# Horizontal, in degrees: of a camera that nobody knows.
FIELD_OF_VIEW = 55.0
# Metres; nothing is nearer.
NEAREST = 0.01


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Numbers per pixel, and what they mean.

    ``values`` is float ``[H, W]``: the network's own numbers at image size.
    ``kind`` is ``"inverse"`` (relative inverse depth, near = large),
    ``"depth"`` (relative depth, near = small) or ``"metric"`` (metres, near =
    small).

    ``span`` is the lowest and the highest value of all maps that share one
    scale, such as the frames of a clip: the map is stretched by these instead
    of its own, and lies between them. ``None``: it stands alone.

    ``intrinsics`` are the camera's (fx, fy, cx, cy in pixels), where the
    network predicts them: meshes take them unless they are told another camera.
    """

    values: Any
    kind: Kind = "inverse"
    span: tuple[float, float] | None = None
    intrinsics: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.kind not in DEPTH_KINDS:
            raise ValueError(f"kind is {self.kind!r}; it can be {', '.join(DEPTH_KINDS)}")
        if not isinstance(self.values, np.ndarray) or self.values.ndim != 2 or self.values.size == 0:
            shape = getattr(self.values, "shape", type(self.values).__name__)
            raise ValueError(f"depth values must be a numpy array [H, W] with pixels in it, not {shape}")
        if not np.issubdtype(self.values.dtype, np.floating):
            raise ValueError(
                f"depth values must be floating point, not {self.values.dtype}; "
                "for a depth picture use DepthMap.from_image"
            )

    @classmethod
    def from_image(
        cls,
        image: pictures.ImageLike,
        *,
        size: tuple[int, int] | None = None,
        white_is_one: bool = False,
    ) -> DepthMap:
        """A depth picture (near = bright) as a map with values in 0..1.

        The bit depth is the picture's own: 8-bit v becomes v / 256, 16-bit v
        becomes v / 65536 (``white_is_one``: v / 255 and v / 65535); nothing is
        stretched. ``size`` is (width, height) to resize to (Lanczos). A float
        numpy array is taken as it is.
        """
        raw = pictures.load_depth(image)
        if white_is_one and np.issubdtype(raw.dtype, np.unsignedinteger):
            raw = (raw / np.float32(np.iinfo(raw.dtype).max)).astype(np.float32)
        width, height = size or (raw.shape[1], raw.shape[0])
        return cls(_native.custom_depth(np.ascontiguousarray(raw), width, height), "inverse")

    @classmethod
    def from_numbers(cls, numbers: pictures.ImageLike, kind: str, *, scale: float = 1.0) -> DepthMap:
        """Numbers that mean ``kind``: a file (EXR, TIFF, 16-bit PNG, NPY), a PIL image or an array.

        They are multiplied by ``scale``: 0.001 makes metres of a PNG in
        millimetres. Where a ``metric`` map is 0 or below, nothing was
        measured; it is NaN there, and so is no part of meshes and clouds.
        """
        values = np.asarray(pictures.load_depth(numbers), np.float32) * np.float32(scale)
        if kind == "metric":
            values[~(np.isfinite(values) & (values > 0))] = np.nan
        return cls(values, cast("Kind", kind))

    def filled(self) -> DepthMap:
        """The map itself if all is finite; else a copy that is as far as can be where it is not."""
        known = np.isfinite(self.values)
        if known.all() or not known.any():
            return self
        low, high = self.span or (self.values[known].min(), self.values[known].max())
        farthest = self.values.dtype.type(low if self.kind == "inverse" else high)
        return replace(self, values=np.where(known, self.values, farthest))

    def inverse(self) -> DepthMap:
        """Metres as relative inverse depth, nothing nearer than 1 cm; relative depth as it is."""
        return self if self.kind != "metric" else DepthMap(1.0 / np.maximum(self.values, NEAREST))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return (int(self.values.shape[1]), int(self.values.shape[0]))

    def nearness(self) -> Any:
        """float32 ``[H, W]`` in 0..1, near = 1, stretched to the full range; all 0 for a flat map."""
        return self._stretched(lambda values: _native.nearness(values, self.kind))

    def to_u16(
        self,
        *,
        normalize: bool = True,
        clip: str | None = None,
        far: float = 0.0,
        near: float = 1.0,
        invert: bool = False,
    ) -> Any:
        """uint16 ``[H, W]``, near = bright, by the reference's rule.

        ``normalize`` stretches to the full range first (off for custom depth
        maps, which keep their scale). ``clip`` cuts before that: ``"Range"``
        at the fractions ``far`` and ``near`` of the range, ``"Outliers"`` at
        those fractions of the pixels. ``invert`` turns the result around.
        """
        alone = self if normalize else replace(self, span=None)
        cut = clipped(clip, far, near)
        values = alone._stretched(lambda values: _native.depth_to_u16(values, self.kind, normalize, cut))
        return 65535 - values if invert else values

    def relief(self, *, clip: str | None = None, far: float = 0.0, near: float = 1.0) -> _native.Relief:
        """The map as effects take it, stretched inverse distance, clipped as in :meth:`to_u16`.

        With a ``span`` the farthest point is taken to be as many times as far as the nearest as in depth
        pictures, whatever was measured.
        """
        cut = clipped(clip, far, near)
        if self.span is None:
            return _native.Relief(self.values, self.kind, clip=cut)
        nearness = self._stretched(lambda values: _native.Relief(values, self.kind, clip=cut).nearness)
        return _native.Relief(nearness, normalize=False)

    def seen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options of a group that has a camera: the map's own, unless they describe another one."""
        usual = options.get("fov", FIELD_OF_VIEW) == FIELD_OF_VIEW and options.get("intrinsics") is None
        if self.intrinsics is None or not usual or options.get("spherical"):
            return dict(options)
        return {**options, "intrinsics": self.intrinsics}

    def for_surface(self) -> DepthMap:
        """The map as meshes and clouds are built of it: itself, or distances by the scale of its ``span``."""
        if self.span is None or self.kind == "metric":
            return self
        values = self._stretched(lambda values: _native.mesh_depth(values, self.kind))
        return DepthMap(values, "metric", intrinsics=self.intrinsics)

    def _stretched(self, made: Callable[[Any], Any]) -> Any:
        """What ``made`` gives where it sees the whole ``span``: both ends are pixels of what it gets."""
        if self.span is None:
            return made(self.values)
        ends = np.asarray(self.span, self.values.dtype)
        return made(np.concatenate([self.values.ravel(), ends])[None])[0, :-2].reshape(self.values.shape)


class Span:
    """The lowest and the highest finite value of maps that are to share one scale, one map after the other."""

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self._ends = (np.inf, -np.inf)

    def add(self, depth: DepthMap) -> None:
        """One more map; a :class:`ValueError` if it means something else than those before."""
        if self.kind not in (None, depth.kind):
            raise ValueError(
                f"depth of kinds {self.kind} and {depth.kind} has no scale in common; give maps of one kind, or let "
                "each have a scale of its own"
            )
        self.kind = depth.kind
        known = depth.values[np.isfinite(depth.values)]
        if known.size:
            low, high = self._ends
            self._ends = (min(low, float(known.min())), max(high, float(known.max())))

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both values, ``None`` if there was none."""
        low, high = self._ends
        return (low, high) if low <= high else None


def stretched_together(maps: Sequence[DepthMap]) -> tuple[Any, ...]:
    """Nearness of all maps by one scale, so that a still thing in a video stays as bright as it is."""
    span = Span()
    for one in maps:
        span.add(one)
    return tuple(replace(one, span=span.ends).nearness() for one in maps)


def clipped(mode: str | None, far: float, near: float) -> dict[str, Any] | None:
    """The options of a clip, or ``None`` for none."""
    return None if mode is None else {"mode": mode, "far": far, "near": near}
