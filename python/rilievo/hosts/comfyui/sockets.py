"""What flows between nodes: types, and the way from tensors to arrays and back.

IMAGE is float32 ``[B, H, W, C]`` in 0..1, MASK float32 ``[B, H, W]``. Depth also
flows as DEPTH_MAP, a :class:`Depths`, which keeps the numbers of the network and
what they mean; every depth input takes all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from rilievo import _native
from rilievo.depth import DepthMap, stretched_together

IMAGE = "IMAGE"
MASK = "MASK"
DEPTH_MAP = "DEPTH_MAP"
DEPTH_MODEL = "DEPTH_MODEL"
ANY_DEPTH = f"{DEPTH_MAP},{IMAGE},{MASK}"

Array = Any
Tensor = Any


@dataclass(frozen=True)
class Depths:
    """The depth of a batch, a map for each frame.

    ``units`` is nearness in 0..1 (near = 1), ``[H, W]`` each, where that was
    fixed already (for the whole batch, say) and must not be stretched anew, frame
    by frame.
    """

    maps: tuple[DepthMap, ...]
    units: tuple[Array, ...] | None = None

    def __len__(self) -> int:
        return len(self.maps)

    def given(self, index: int) -> DepthMap | Array:
        """The depth of a frame as rilievo's functions take it."""
        index = min(index, len(self) - 1)
        return self.maps[index] if self.units is None else self.units[index]

    def nearness(self, index: int) -> Array:
        """Nearness of a frame, float32 ``[H, W]``."""
        index = min(index, len(self) - 1)
        return self.maps[index].nearness() if self.units is None else self.units[index]

    def pictures(self) -> list[DepthMap | Array]:
        """The depth of all frames for what is made of the depth map."""
        return [self.given(index) for index in range(len(self))]

    def reliefs(self) -> list[DepthMap | Array]:
        """The same for effects, which look at inverse distance: metres by one scale become it here."""
        if self.units is None or self.maps[0].kind != "metric":
            return self.pictures()
        return list(stretched_together([one.inverse() for one in self.maps]))

    def numbers(self) -> list[DepthMap]:
        """The same for clouds, which are made of the numbers of the network, whatever they mean."""
        return list(self.maps)

    def surfaces(self) -> list[DepthMap | Array]:
        """The same for meshes: the numbers of the network if there are any, for they are made of distances."""
        units = self.units or (None,) * len(self)
        return [unit if unit is one.values else one for unit, one in zip(units, self.maps)]


AnyDepth = Union[Depths, Tensor]


def frames(image: Tensor) -> list[Array]:
    """The pictures of an IMAGE, uint8 ``[H, W, 3]`` each; opacity is dropped."""
    batch = _array(image)
    if batch.ndim != 4 or batch.shape[0] == 0:
        raise ValueError(
            f"the image is of shape {tuple(batch.shape)}; it must be [batch, height, width, channels]"
        )
    if batch.shape[3] < 3:
        batch = batch[..., :1].repeat(3, axis=3)
    return [bytes_of(frame) for frame in batch[..., :3]]


def depths(depth: AnyDepth) -> Depths:
    """Depth from whatever socket; pictures and masks keep their scale (near = 1)."""
    if isinstance(depth, Depths):
        return depth
    batch = _array(depth)
    if batch.ndim == 4:
        batch = batch[..., 0]
    if batch.ndim != 3 or batch.shape[0] == 0:
        raise ValueError(
            f"the depth is of shape {tuple(batch.shape)}; it must be a DEPTH_MAP, an IMAGE or a MASK"
        )
    units = tuple(np.ascontiguousarray(frame.clip(0.0, 1.0), np.float32) for frame in batch)
    return Depths(tuple(DepthMap(unit) for unit in units), units)


def matched(images: Sequence[Array], depth: AnyDepth) -> Depths:
    """Depth for these pictures: a map each (or one for all), of their size."""
    found = depths(depth)
    if len(found) not in (1, len(images)):
        raise ValueError(
            f"there are {len(images)} images but {len(found)} depth maps; give a depth map for each, or one for all"
        )
    height, width = images[0].shape[:2]
    if found.maps[0].size == (width, height):
        return found
    if found.units is None:
        raise ValueError(
            f"the depth map is {found.maps[0].size[0]}x{found.maps[0].size[1]} but the image is {width}x{height}; "
            "estimate depth from this image, or connect depth as an image, which is resized"
        )
    units = tuple(
        np.asarray(_native.custom_depth(unit, width, height), np.float32).clip(0.0, 1.0)
        for unit in found.units
    )
    return Depths(tuple(DepthMap(unit) for unit in units), units)


def image_of(pictures: Sequence[Array]) -> Tensor:
    """An IMAGE of uint8 or float pictures, ``[H, W]`` or ``[H, W, 3]``, of one size."""
    first = pictures[0]
    batch = np.empty((len(pictures), *first.shape[:2], 3), np.float32)
    for out, picture in zip(batch, pictures):
        values = picture if picture.ndim == 3 else picture[..., None]
        np.multiply(values[..., :3], 1 / 255 if values.dtype == np.uint8 else 1.0, out=out, casting="unsafe")
    return _tensor(batch)


def mask_of(planes: Sequence[Array]) -> Tensor:
    """A MASK of planes ``[H, W]`` of one size, uint8 or float; of pictures ``[H, W, C]`` the first channel."""
    flat = [plane if plane.ndim == 2 else plane[..., 0] for plane in planes]
    batch = np.stack(
        [np.asarray(plane, np.float32) / (255 if plane.dtype == np.uint8 else 1) for plane in flat]
    )
    return _tensor(batch)


def tensor_of(values: Array) -> Tensor:
    """Numbers as a tensor of their own type."""
    return _tensor(np.ascontiguousarray(values))


def bytes_of(values: Array) -> Array:
    """0..1 as uint8, rounded."""
    # NaN (a black hole in some upscalers) would be anything at all.
    clean = np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.ascontiguousarray((clean.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def _array(tensor: Tensor) -> Array:
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().to("cpu").float()
    return np.asarray(tensor, np.float32)


def _tensor(values: Array) -> Tensor:
    import importlib

    return importlib.import_module("torch").from_numpy(values)
