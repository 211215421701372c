"""Arrays that numpy saved (NPY, NPZ) in: numbers only, and no more of them than was agreed.

numpy's own reader evaluates the header as Python and sets memory aside before it looks; this one does
neither, so that any file at all gives an array or a sentence.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from typing import Any, BinaryIO

import numpy as np

from rilievo import _native

MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"

# What programs call the array that is depth, the likeliest first: Depth Pro, Video Depth Anything, others.
NAMES = ("depth", "depths", "predicted_depth", "metric_depth", "inverse_depth", "disparity", "disp", "arr_0")
MAX_HEADER = 10_000  # as numpy has it
DEFLATE_RATIO = 1100  # bytes that one byte can become, and a little

_FIELDS = (
    re.compile(r"'descr'\s*:\s*'([<>|=]?)([biuf][0-9]{1,2})'"),
    re.compile(r"'fortran_order'\s*:\s*(True|False)"),
    re.compile(r"'shape'\s*:\s*\(([0-9L,\s]*)\)"),
)
logger = logging.getLogger("rilievo")


def is_numpy(head: bytes) -> bool:
    """Whether a file that begins so is NPY or NPZ."""
    return head.startswith((MAGIC, ZIP_MAGIC))


def load(file: BinaryIO, name: str, max_pixels: int) -> Any:
    """The array ``[H, W]`` or ``[H, W, channels]`` of an NPY or NPZ file, in this machine's byte order.

    Axes of length 1 are left out. Of several maps, one a frame, the first is taken, with a warning.

    Raises :class:`rilievo.RilievoError`, which begins with ``name``.
    """
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if file.read(4) != ZIP_MAGIC:
            file.seek(0)
            return _array(file, size, name, max_pixels)
        with zipfile.ZipFile(file) as archive:
            entry = _entry(archive, name)
            with archive.open(entry) as member:
                most = min(entry.file_size, entry.compress_size * DEFLATE_RATIO + DEFLATE_RATIO)
                return _array(member, most, f"{name}, {entry.filename}", max_pixels)
    except (MemoryError, _native.RilievoError):
        raise
    except Exception as error:
        raise _native.RilievoError(
            f"{name}: this is no array that numpy saved ({type(error).__name__}: {error}); save it anew"
        ) from None


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    found = {entry.filename[:-4]: entry for entry in archive.infolist() if entry.filename.endswith(".npy")}
    for wanted in NAMES:
        if wanted in found:
            return found[wanted]
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise _native.RilievoError(
            f"{name}: this archive holds no arrays; save depth with numpy.savez(depth=...)"
        )
    raise _native.RilievoError(
        f"{name}: of the arrays {', '.join(sorted(found)[:10])} none is called {', '.join(NAMES[:3])}; "
        "save the depth alone, or under one of these names"
    )


def _array(file: Any, size: int, name: str, max_pixels: int) -> Any:
    start = file.read(8)
    width = 2 if start[6:7] == b"\x01" else 4
    length = int.from_bytes(file.read(width), "little")
    if not start.startswith(MAGIC) or start[6] not in (1, 2, 3) or length > MAX_HEADER:
        raise ValueError("its header is not that of an array")
    text = file.read(length).decode("utf-8")
    fields = [field.search(text) for field in _FIELDS]
    if not all(fields):
        raise ValueError("its elements are not plain numbers")
    descr, order, sides = (field.groups() for field in fields if field)
    dtype = np.dtype("".join(descr))
    shape = tuple(int(side.rstrip("L")) for side in sides[0].replace(" ", "").split(",") if side)
    kept = squeezed(shape)
    if len(kept) == 3 and kept[2] > 4 and order[0] == "False":
        logger.warning("%s: holds %d depth maps, one a frame; only the first is taken", name, kept[0])
        kept = kept[1:]
    if len(kept) not in (2, 3) or (len(kept) == 3 and kept[2] > 4) or not 0 < kept[0] * kept[1] <= max_pixels:
        raise _native.RilievoError(
            f"{name}: an array of shape {shape} is no depth map; it must be [H, W], at most {max_pixels} pixels"
        )
    count = int(np.prod(kept, dtype=np.int64))
    left = size - (8 + width + length)
    if count * dtype.itemsize > left:
        raise ValueError(
            f"{count} numbers of {dtype.itemsize} bytes are more than the {left} bytes that follow"
        )
    data = file.read(count * dtype.itemsize)
    values = np.frombuffer(data, dtype).reshape(kept, order="F" if order[0] == "True" else "C")
    return np.array(values, dtype.newbyteorder("="), order="C")


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape of at most as many axes as a picture has, without what is 1 before it and behind."""
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape[:-1] if len(shape) == 3 and shape[2] == 1 else shape
