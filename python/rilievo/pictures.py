"""Pictures in: a path, a PIL image of any mode, or a numpy array becomes 8-bit RGB.

Files are decoded by rilievo itself; formats it does not know (HEIC, JPEG 2000,
whatever a Pillow plugin adds) are handed to Pillow. EXIF rotation is applied
both ways.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from rilievo import _native, env

if TYPE_CHECKING:
    from PIL import Image

    ImageLike = Union[str, os.PathLike[str], Image.Image, np.ndarray[Any, Any]]

Array = Any  # numpy.ndarray; its own type parameters differ between numpy 1 and 2


def load_rgb(image: ImageLike, *, max_pixels: int | None = None) -> Array:
    """The picture as uint8 ``[H, W, 3]``; transparency is dropped.

    Arrays are uint8, uint16 (divided by 257), bool or float in 0..1, of shape
    ``[H, W]`` or ``[H, W, 1 | 2 | 3 | 4]``. A file with more than
    ``max_pixels`` is refused before it is decoded; by default that is
    ``RILIEVO_MAX_PIXELS``, or 250 million.

    Raises :class:`FileNotFoundError`, :class:`rilievo.RilievoError` for a file
    that is no picture, :class:`ValueError` for an array that is none.
    """
    if isinstance(image, (str, os.PathLike)):
        return _from_file(os.fspath(image), max_pixels or _max_pixels())
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if hasattr(image, "mode") and hasattr(image, "convert"):
        return _from_pil(image)
    raise ValueError(f"a {type(image).__name__} is no picture; give a path, a PIL image or a numpy array")


def load_rgba(image: ImageLike) -> Array:
    """The picture with its transparency, uint8 ``[H, W, 4]``; ``[H, W, 3]`` if it has none.

    Takes and raises what :func:`load_rgb` does.
    """
    rgb = load_rgb(image)
    opacity = _opacity(image)
    return rgb if opacity is None else np.dstack([rgb, opacity])


def _opacity(image: ImageLike) -> Array | None:
    if isinstance(image, (str, os.PathLike)):
        path, most = os.fspath(image), _max_pixels()
        try:
            return _native.read_picture(path, max_pixels=most)[1]
        except _native.UnknownFormat:
            return _opacity(_open_with_pillow(path, most))
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] not in (2, 4):
            return None
        return _from_array(image[..., -1])[..., 0]
    if image.mode not in ("LA", "PA", "RGBA", "La", "RGBa") and "transparency" not in image.info:
        return None
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image) or image
    return np.asarray(image.convert("RGBA"))[..., 3]


def load_depth(image: ImageLike, *, max_pixels: int | None = None) -> Array:
    """A depth picture as it is stored, one channel, no bit lost.

    Returns uint8, uint16, int32 or float ``[H, W]``; of several channels the
    first is taken, a palette is looked up, black and white becomes 0 and 255.
    ``max_pixels`` is as for :func:`load_rgb`.
    """
    if isinstance(image, (str, os.PathLike)):
        path, most = os.fspath(image), max_pixels or _max_pixels()
        if path.lower().endswith(".npy"):
            return _from_npy(path, most)
        try:
            return _native.read_depth(path, max_pixels=most)
        except _native.UnknownFormat:
            return load_depth(_open_with_pillow(path, most))
    if isinstance(image, np.ndarray):
        return image
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image) or image
    if image.mode in ("1", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("L")
    values = np.asarray(image)
    return values if values.ndim == 2 else values[..., 0]


def _from_npy(path: str, max_pixels: int) -> Array:
    try:
        # Mapped, an array that is larger than its file is refused before memory is set aside.
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _native.RilievoError(f"{path}: this is no array that numpy saved ({error})") from None
    if values.ndim != 2 or not 0 < values.size <= max_pixels:
        raise _native.RilievoError(
            f"{path}: an array of shape {values.shape} is no depth map; it must be [H, W], at most "
            f"{max_pixels} pixels"
        )
    return np.array(values)


def _max_pixels() -> int:
    """The largest picture that is decoded, from ``RILIEVO_MAX_PIXELS``; by default 250 million pixels."""
    text = env.RILIEVO_MAX_PIXELS.read()
    if not text:
        return 250_000_000
    if not text.isdigit():
        raise ValueError(f"RILIEVO_MAX_PIXELS is {text!r}; it must be a number of pixels")
    return int(text)


def _from_file(path: str, max_pixels: int) -> Array:
    try:
        return _native.read_picture(path, max_pixels=max_pixels)[0]
    except _native.UnknownFormat:
        return _from_pil(_open_with_pillow(path, max_pixels))


def _open_with_pillow(path: str, max_pixels: int) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(path)
        width, height = image.size
        if width * height > max_pixels:
            raise _native.RilievoError(
                f"{path}: {width}x{height} pixels are more than the {max_pixels} that are read; make it smaller"
            )
        image.load()
    except Image.DecompressionBombError as error:
        raise _native.RilievoError(f"{path}: {error}; make it smaller") from None
    except UnidentifiedImageError:
        raise _native.RilievoError(
            f"{path}: this is no picture in any format that can be read; convert it to PNG or JPEG"
        ) from None
    return image


def _from_pil(image: Image.Image) -> Array:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image) or image
    if image.mode.startswith("I") or image.mode == "F":
        return _from_array(_gray_to_unit(np.asarray(image)))
    return np.asarray(image.convert("RGB"))


def _gray_to_unit(values: Array) -> Array:
    """Integer and float grey of unknown range as 0..1: the range is told by the largest value."""
    top = float(values.max(initial=0))
    scale = next((limit for limit in (1.0, 255.0, 65535.0) if top <= limit), top)
    if np.issubdtype(values.dtype, np.integer):
        scale = max(scale, 255.0)
    if values.dtype == np.uint16:
        scale = 65535.0
    return np.clip(values / scale, 0.0, 1.0)


def _from_array(values: Array) -> Array:
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 2, 3, 4)):
        raise ValueError(
            f"an array of shape {values.shape} is no picture; it must be [H, W] or [H, W, channels]"
        )
    if values.size == 0:
        raise ValueError(f"an array of shape {values.shape} has no pixels")
    if values.ndim == 2:
        values = values[..., None]
    values = values[..., :3] if values.shape[2] >= 3 else values[..., :1].repeat(3, axis=2)
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all():
            raise ValueError("the picture holds values that are no numbers (NaN or infinity)")
        return (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    raise ValueError(
        f"a picture cannot be made of {values.dtype} numbers; use uint8, uint16 or float in 0..1"
    )
