"""``DepthMap``: the one type everything downstream takes."""

from __future__ import annotations

import logging
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
logger = logging.getLogger("rilievo")

# Numbers that programs and sensors write where there is none: Blender's 1e10, the largest half, all bits of 16.
FAR = 1e10
LARGEST_HALF = 65504.0
LARGEST_16_BITS = 65535.0
FRACTIONS = 2.0  # up to this floats are fractions that overshoot
ASPECT = 0.02  # by which the shapes of two pictures of the same thing may differ


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
        picture: pictures.ImageLike | None = None,
        white_is_one: bool = False,
    ) -> DepthMap:
        """A depth picture (near = bright) as a map with values in 0..1.

        The bit depth is the picture's own: 8-bit v becomes v / 256, 16-bit v
        becomes v / 65536 (``white_is_one``: v / 255 and v / 65535); nothing is
        stretched. ``size`` is (width, height) to resize to (Lanczos); the shape
        must be the same, or that of the stored ``picture`` which its EXIF data
        turn. Floats are fractions; of what is measured in metres or anything
        else make a map with :meth:`from_numbers`.
        """
        raw = pictures.load_depth(image)
        if raw.dtype.kind == "f":
            raw = np.where(_unmeasured(raw, "inverse"), np.asarray(np.nan, raw.dtype), raw)
            _check_fractions(raw)
        if white_is_one and np.issubdtype(raw.dtype, np.unsignedinteger):
            raw = (raw / np.float32(np.iinfo(raw.dtype).max)).astype(np.float32)
        raw = _turned_to(raw, size, picture)
        width, height = size or (raw.shape[1], raw.shape[0])
        return cls(_native.custom_depth(np.ascontiguousarray(raw), width, height), "inverse")

    @classmethod
    def from_numbers(
        cls,
        numbers: pictures.ImageLike,
        kind: str,
        *,
        scale: float = 1.0,
        size: tuple[int, int] | None = None,
        picture: pictures.ImageLike | None = None,
    ) -> DepthMap:
        """Numbers that mean ``kind``: a file (EXR, TIFF, 16-bit PNG, NPY, NPZ), its bytes, a PIL image or an array.

        They are multiplied by ``scale``: 0.001 makes metres of a PNG in
        millimetres. Where nothing was measured the map is NaN, and no part of meshes and clouds: where the
        numbers are infinite, undefined, 1e10 or more, 65504 in floats, or -1 among numbers from 0 on; in
        ``metric`` maps also 0 and below, and 65535. ``size`` and ``picture`` are as for :meth:`from_image`.
        """
        raw = pictures.load_depth(numbers)
        missing = _unmeasured(raw, kind)
        if missing.all():
            raise ValueError("the depth map has no number that means a distance; nothing was measured in it")
        values = np.asarray(raw, np.float32) * np.float32(scale)
        values[missing] = np.nan
        if kind == "metric" and scale == 1.0:
            _warn_of_millimetres(raw, ~missing)
        depth = cls(_turned_to(values, size, picture), cast("Kind", kind))
        return depth if size is None else depth.resized(size)

    def fitted(self, size: tuple[int, int], picture: pictures.ImageLike | None = None) -> DepthMap:
        """This map turned and resized to a picture of ``size`` (width, height), as :meth:`from_image` does."""
        values = _turned_to(self.values, size, picture)
        if values is not self.values:
            # Turned: the camera that took it is another.
            return replace(self, values=values, intrinsics=None).resized(size)
        return self.resized(size)

    def resized(self, size: tuple[int, int]) -> DepthMap:
        """The map at ``size`` (width, height), bilinear among what is measured; itself if that is its size."""
        if size == self.size:
            return self
        from PIL import Image

        known = np.isfinite(self.values)

        def resize(values: Any) -> Any:
            image = Image.fromarray(np.asarray(values, np.float32))
            return np.asarray(image.resize(size, Image.Resampling.BILINEAR))

        values = resize(np.where(known, self.values, 0.0))
        if not known.all():
            weight = resize(known)
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(weight >= 0.5, values / weight, np.float32(np.nan))
        camera = self.intrinsics
        if camera is not None:
            wide, high = size[0] / self.size[0], size[1] / self.size[1]
            camera = (camera[0] * wide, camera[1] * high, camera[2] * wide, camera[3] * high)
        return replace(self, values=values, intrinsics=camera)

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


def _unmeasured(values: Any, kind: str) -> Any:
    """bool ``[H, W]``: where the numbers of a file mean that there is none."""
    if values.dtype.kind == "f":
        missing = ~np.isfinite(values) | (np.abs(values) >= FAR) | (values == LARGEST_HALF)
    else:
        missing = np.zeros(values.shape, bool)
    if kind == "metric":
        missing |= (values <= 0) | (values == LARGEST_16_BITS)
        if values.dtype.kind == "u" and values.dtype.itemsize > 1:
            missing |= values == np.iinfo(values.dtype).max
    elif values.dtype.kind in "if" and not ((values < 0) & (values != -1) & ~missing).any():
        missing |= values == -1
    return missing


def _check_fractions(values: Any) -> None:
    known = values[np.isfinite(values)]
    if known.size == 0:
        raise ValueError("the depth map has no number in it; nothing was measured")
    low, high = float(known.min()), float(known.max())
    if high > FRACTIONS and (known != np.rint(known)).any():
        raise ValueError(
            f"the depth map has numbers from {low:.6g} to {high:.6g}, which are no picture; say what they mean "
            "(depth_map_kind: metric, depth, or inverse if near is large)"
        )


def _warn_of_millimetres(values: Any, measured: Any) -> None:
    typical = float(np.median(values[measured]))
    if typical >= 200 or (values.dtype.kind in "iu" and values[measured].max() > 255):
        logger.warning(
            "the depth map is taken in metres, and half of it is beyond %.6g; if these are millimetres, "
            "set depth_map_scale to 0.001",
            typical,
        )


def _turned_to(values: Any, size: tuple[int, int] | None, picture: pictures.ImageLike | None) -> Any:
    """The map upright as the picture of ``size`` (width, height), whose shape it must have."""
    if size is None:
        return values
    height, width = values.shape
    orientation = 1 if picture is None else pictures.orientation(picture)
    if orientation >= 5 and not _alike((width, height), size) and _alike((height, width), size):
        return pictures.turned(values, orientation)
    if not _alike((width, height), size):
        raise ValueError(
            f"the depth map is {width}x{height} but the picture {size[0]}x{size[1]}, of another shape; "
            "give the map that belongs to it, not cropped"
        )
    if orientation > 1 and (orientation < 5 or _alike((height, width), size)):
        logger.warning(
            "the picture is turned by its EXIF data (orientation %d); the depth map is taken as upright already",
            orientation,
        )
    return values


def _alike(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two sizes are of the same shape, but for what rounding makes of them."""
    (width, height), (wide, high) = a, b
    return (
        abs(width * high / (wide * height) - 1.0) <= ASPECT
        or abs(width - wide * height / high) <= 1.0
        or abs(height - high * width / wide) <= 1.0
    )
