"""``DepthMap``: the one type everything downstream takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from rilievo import _native, pictures

Kind = Literal["inverse", "depth", "metric"]
KINDS = get_args(Kind)


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Numbers per pixel, and what they mean.

    ``values`` is float ``[H, W]``: the network's own numbers at image size.
    ``kind`` is ``"inverse"`` (relative inverse depth, near = large),
    ``"depth"`` (relative depth, near = small) or ``"metric"`` (metres, near =
    small).
    """

    values: Any
    kind: Kind = "inverse"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; it can be {', '.join(KINDS)}")
        if not isinstance(self.values, np.ndarray) or self.values.ndim != 2 or self.values.size == 0:
            shape = getattr(self.values, "shape", type(self.values).__name__)
            raise ValueError(f"depth values must be a numpy array [H, W] with pixels in it, not {shape}")
        if not np.issubdtype(self.values.dtype, np.floating):
            raise ValueError(
                f"depth values must be floating point, not {self.values.dtype}; "
                "for a depth picture use DepthMap.from_image"
            )

    @classmethod
    def from_image(cls, image: pictures.ImageLike, *, size: tuple[int, int] | None = None) -> DepthMap:
        """A depth picture (near = bright) as a map with values in 0..1.

        The bit depth is the picture's own: 8-bit v becomes v / 256, 16-bit v
        becomes v / 65536; nothing is stretched. ``size`` is (width, height)
        to resize to (Lanczos). A float numpy array is taken as it is.
        """
        raw = pictures.load_depth(image)
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
        farthest = self.values[known].min() if self.kind == "inverse" else self.values[known].max()
        return DepthMap(np.where(known, self.values, farthest), self.kind)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return (int(self.values.shape[1]), int(self.values.shape[0]))

    def nearness(self) -> Any:
        """float32 ``[H, W]`` in 0..1, near = 1, stretched to the full range; all 0 for a flat map."""
        return _native.nearness(self.values, self.kind)

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
        values = _native.depth_to_u16(self.values, self.kind, normalize, clipped(clip, far, near))
        return 65535 - values if invert else values


def clipped(mode: str | None, far: float, near: float) -> dict[str, Any] | None:
    """The options of a clip, or ``None`` for none."""
    return None if mode is None else {"mode": mode, "far": far, "near": near}
