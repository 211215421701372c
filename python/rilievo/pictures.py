"""Pictures in: a file, its bytes, a PIL image of any mode, or a numpy array becomes 8-bit RGB.

Files are decoded by rilievo itself; what it does not know (HEIC, JPEG 2000, rare kinds of TIFF) is handed to
Pillow, as far as Pillow decodes it in this process. EXIF rotation is applied both ways. Whatever goes wrong
while reading is one of our errors, which begins with the file's name.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, Union

import numpy as np

from rilievo import _native, arrays, env

if TYPE_CHECKING:
    from PIL import Image

    ImageLike = Union[str, os.PathLike[str], bytes, BinaryIO, Image.Image, np.ndarray[Any, Any]]

Array = Any  # numpy.ndarray; its own type parameters differ between numpy 1 and 2
T = TypeVar("T")

# What Pillow may be asked to read: formats that it, or a plugin, decodes in this process. Others start programs
# (EPS: Ghostscript) or whatever a handler does; no file is worth that. A small DDS keeps Pillow busy for half a minute.
PILLOW_FORMATS = (
    *("AVIF", "BMP", "CUR", "DIB", "GIF", "HEIF", "ICNS", "ICO", "JPEG", "JPEG2000", "JXL"),
    *("MPO", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP"),
)
# Brands of the container that HEIC and AVIF share, the module that reads them, and the package it is in.
_PLUGINS = {
    "AVIF": ({b"avif", b"avis"}, "pillow_avif", "pillow-avif-plugin"),
    "HEIC": (
        {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"},
        "pillow_heif",
        "pillow-heif",
    ),
}
MAX_BYTES = 1 << 30  # of a file object: there is no size to ask for before it is read
logger = logging.getLogger("rilievo")
_allowed: ContextVar[int | None] = ContextVar("_allowed", default=None)


def load_rgb(image: ImageLike, *, max_pixels: int | None = None) -> Array:
    """The picture as uint8 ``[H, W, 3]``, in sRGB; transparency is dropped.

    Files are given by path, as bytes or as an object with ``read``. Arrays are uint8, uint16 (divided by 257),
    bool or float in 0..1, of shape ``[H, W]`` or ``[H, W, 1 | 2 | 3 | 4]``. A file with more than
    ``max_pixels`` is refused before it is decoded; by default that is ``RILIEVO_MAX_PIXELS``, or 250 million.

    Raises :class:`FileNotFoundError`, :class:`rilievo.RilievoError` for a file
    that is no picture, :class:`ValueError` for an array that is none.
    """
    item: Any = held(image)
    if isinstance(item, (str, os.PathLike, bytes)):
        most = max_pixels or _max_pixels()
        return _decoded(
            item,
            "the picture",
            lambda name: _native.read_picture(item, max_pixels=most, name=name)[0],
            lambda refusal: _from_pil(open_with_pillow(item, max_pixels=most, because=refusal)),
        )
    if isinstance(item, np.ndarray):
        return _from_array(item)
    if _is_pil(item):
        return _from_pil(item)
    raise ValueError(f"a {type(item).__name__} is no picture; give a path, a PIL image or a numpy array")


def load_rgba(image: ImageLike) -> Array:
    """The picture with its transparency, uint8 ``[H, W, 4]``; ``[H, W, 3]`` if it has none.

    Takes and raises what :func:`load_rgb` does.
    """
    image = held(image)
    rgb = load_rgb(image)
    opacity = _opacity(image)
    return rgb if opacity is None else np.dstack([rgb, opacity])


def _opacity(image: Any) -> Array | None:
    if isinstance(image, (str, os.PathLike, bytes)):
        most = _max_pixels()
        return _decoded(
            image,
            "the picture",
            lambda name: _native.read_picture(image, max_pixels=most, name=name)[1],
            lambda refusal: _opacity(open_with_pillow(image, max_pixels=most, because=refusal)),
        )
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] not in (2, 4):
            return None
        return _from_array(image[..., -1])[..., 0]
    if image.mode not in ("LA", "PA", "RGBA", "La", "RGBa") and "transparency" not in image.info:
        return None
    return _of_pil(image, lambda: np.asarray(_plain(image).convert("RGBA"))[..., 3])


def load_depth(image: ImageLike, *, max_pixels: int | None = None) -> Array:
    """A depth picture or numbers as they are stored, one channel, no bit lost.

    Files are pictures, OpenEXR, NPY or NPZ, told by content. Returns bool, uint8, uint16, uint32, int32,
    float32 or float64 ``[H, W]``. A palette is looked up, black and white becomes 0 and 255; red, green and blue
    must be equal, or what they hold is no map. ``max_pixels`` is as for :func:`load_rgb`.
    """
    item: Any = held(image)
    if isinstance(item, (str, os.PathLike, bytes)):
        most = max_pixels or _max_pixels()
        return _decoded(
            item,
            "the depth map",
            lambda name: _depth_of_file(item, name, most),
            lambda refusal: load_depth(
                open_with_pillow(item, max_pixels=most, because=refusal, name="the depth map")
            ),
        )
    if isinstance(item, np.ndarray):
        return _plane(item, "the depth map")
    if _is_pil(item):
        name = getattr(item, "filename", "") or "the depth map"
        return _plane(_of_pil(item, lambda: _stored(item, name)), name)
    raise ValueError(f"a {type(item).__name__} is no depth map; give a path, a PIL image or a numpy array")


def _depth_of_file(source: str | os.PathLike[str] | bytes, name: str, max_pixels: int) -> Array:
    if isinstance(source, bytes):
        if arrays.is_numpy(source):
            return _plane(arrays.load(io.BytesIO(source), name, max_pixels), name)
    elif os.path.isfile(source):
        with open(source, "rb") as file:
            if arrays.is_numpy(file.read(8)):
                return _plane(arrays.load(file, name, max_pixels), name)
    return _native.read_depth(source, max_pixels=max_pixels, name=name)


def _plane(values: Array, name: str) -> Array:
    """An array of any shape and number type that can be meant as one plane, as one that is."""
    shape = arrays.squeezed(values.shape)
    values = values.reshape(shape) if shape != values.shape else values
    if values.ndim == 3 and values.shape[2] in (3, 4):
        _check_gray(values, name)
    if values.ndim == 3 and values.shape[2] in (2, 3, 4):
        values = values[..., 0]
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "buif":
        raise ValueError(
            f"{name}: an array of {values.dtype} of shape {values.shape} is no depth map; it must be numbers [H, W]"
        )
    if values.dtype.kind == "f":
        wide: Any = np.float64 if values.dtype.itemsize > 4 else np.float32
    elif values.dtype in (np.int8, np.int16):
        wide = np.int32
    elif values.dtype.itemsize == 8:
        fits = values.min() >= -(2**31) and values.max() < 2**31
        wide = np.int32 if fits else np.float64
    else:
        wide = values.dtype.newbyteorder("=")
    return np.ascontiguousarray(values, wide)


def _check_gray(values: Array, name: str) -> None:
    red, green, blue = (values[..., channel].astype(np.float64) for channel in range(3))
    spread = np.maximum(abs(red - green), abs(red - blue))
    most = {"u": 16 * (257 if values.dtype.itemsize > 1 else 1)}.get(values.dtype.kind, abs(red) * 1e-2)
    alone = (green == green[0, 0]).all() and (blue == blue[0, 0]).all()
    if np.count_nonzero(spread > most) * 1000 > red.size and not alone:
        raise _native.RilievoError(
            f"{name}: its red, green and blue differ, so it is a coloured view of depth (a heat map) "
            "or depth packed into colours; give the gray map or the numbers (what CARLA packs are "
            "1000 * (red + 256 * green + 65536 * blue) / 16777215 metres)"
        )


def held(image: Any) -> Any:
    """The image itself, or the bytes of what can be read only once or piece by piece."""
    if isinstance(image, (bytearray, memoryview)):
        return bytes(image)
    if not hasattr(image, "read") or _is_pil(image) or isinstance(image, (np.ndarray, os.PathLike)):
        return image
    try:
        start = image.tell()
        image.seek(0)
    except (OSError, AttributeError):  # a pipe or a connection
        start = None
    data = image.read(MAX_BYTES + 1)
    if start is not None:
        image.seek(start)
    if not isinstance(data, bytes):
        raise ValueError(
            f"reading this {type(image).__name__} gives {type(data).__name__}; open it in binary mode"
        )
    if len(data) > MAX_BYTES:
        raise ValueError(f"there are more than {MAX_BYTES} bytes in this {type(image).__name__}; give a path")
    return data


def is_image(image: Any) -> bool:
    """Whether this is one picture (whatever is in it), not several."""
    return (
        isinstance(image, (str, bytes, bytearray, memoryview, np.ndarray))
        or hasattr(image, "__fspath__")
        or hasattr(image, "read")
        or _is_pil(image)
    )


def _is_pil(image: Any) -> bool:
    return hasattr(image, "mode") and hasattr(image, "convert")


def orientation(image: ImageLike) -> int:
    """How the stored pixels are turned to be seen, 1 to 8 as in EXIF: :func:`load_rgb` has done so. 1 is not at all."""
    item: Any = held(image)
    if isinstance(item, (str, os.PathLike, bytes)):
        return _decoded(
            item,
            "the picture",
            lambda name: _native.read_orientation(item, name=name),
            lambda refusal: orientation(open_with_pillow(item, because=refusal, load=False)),
        )
    return _pil_orientation(item) if _is_pil(item) else 1


def turned(values: Array, orientation: int) -> Array:
    """Pixels ``[H, W]`` or ``[H, W, channels]`` as they are to be seen, from how they are stored."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


@contextmanager
def at_most(max_pixels: int) -> Iterator[None]:
    """Within it no picture of more pixels is decoded, wherever nothing else is asked for."""
    before = _allowed.set(max_pixels)
    try:
        yield
    finally:
        _allowed.reset(before)


def _max_pixels() -> int:
    """The largest picture that is decoded, from ``RILIEVO_MAX_PIXELS``; by default 250 million pixels."""
    allowed = _allowed.get()
    if allowed is not None:
        return allowed
    text = env.RILIEVO_MAX_PIXELS.read()
    if not text:
        return 250_000_000
    if not text.isdigit():
        raise ValueError(f"RILIEVO_MAX_PIXELS is {text!r}; it must be a number of pixels")
    return int(text)


def _name_of(source: Any, name: str) -> str:
    """What messages call a file: its path, however long; or ``name`` for bytes."""
    text = name if isinstance(source, bytes) else os.fsdecode(os.fspath(source))
    return text if len(text) <= 300 else f"{text[:100]}...{text[-100:]}"


def _decoded(
    source: Any, name: str, ours: Callable[[str], T], pillows: Callable[[_native.UnknownFormat], T]
) -> T:
    """What ``ours`` makes of a file, or ``pillows`` where the format is not known here."""
    name = _name_of(source, name)
    if not isinstance(source, bytes):
        _check_path(source, name)
    try:
        return ours(name)
    except _native.UnknownFormat as error:
        refusal = error
    return pillows(refusal)


def _check_path(path: str | os.PathLike[str], name: str) -> None:
    """Refuses what no system call gives a sentence for, and what never ends."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
            return
        reason = getattr(error, "strerror", None) or error
        length = len(os.fspath(path))
        raise _native.RilievoError(
            f"{name}: this is no name that a file can have, {length} characters ({reason}); check the spelling"
        ) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _native.RilievoError(
            f"{name}: this is a pipe or a device, not a file; save what comes out of it, and give that"
        )


def open_with_pillow(
    source: str | os.PathLike[str] | bytes | BinaryIO,
    *,
    max_pixels: int | None = None,
    because: Exception | None = None,
    load: bool = True,
    name: str = "the picture",
) -> Image.Image:
    """A picture file by Pillow: only formats that are decoded in this process, whatever the file is called.

    This is the one place where Pillow opens files. ``load`` decodes the pixels; without it only the header is
    read. ``because`` is why the file was not decoded here, which is said if Pillow cannot either.

    Raises :class:`rilievo.RilievoError`, whatever Pillow raises; :class:`OSError` where the system refuses.
    """
    from PIL import Image, UnidentifiedImageError

    file: Any = held(source)
    name = _name_of(file, name)
    most = max_pixels or _max_pixels()
    if not isinstance(file, bytes):
        _check_path(file, name)
        with open(file, "rb") as stream:
            head = stream.read(64)
    else:
        head = file[:64]
    missing = _plugin(head)
    Image.init()
    formats = [kind for kind in PILLOW_FORMATS if kind in Image.OPEN]
    try:
        image = Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=formats)
        width, height = image.size
        if not 0 < width * height <= most:
            raise _native.RilievoError(
                f"{name}: the picture is {width}x{height}, {width * height} pixels where {most} are allowed; "
                "make it smaller, or raise the limit (RILIEVO_MAX_PIXELS)"
            )
        if load:
            if image.format in ("AVIF", "GIF", "HEIF", "PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
                logger.warning("%s: there are %d frames; only the first is taken", name, image.n_frames)  # type: ignore[attr-defined]
            image.load()
    except (MemoryError, _native.RilievoError):
        raise
    except UnidentifiedImageError:
        raise _native.RilievoError((missing and f"{name}: {missing}") or _said(because, name, None)) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _native.RilievoError(_said(because, name, error)) from None
    return image


def _said(because: Exception | None, name: str, error: Exception | None) -> str:
    """Why a file could not be read, and what to do."""
    reason = str(
        because or f"{name}: this is no picture in any format that is read; convert it to PNG or JPEG"
    )
    if error is None:
        return reason
    about = " ".join(str(error).split())[:200]
    return f"{reason} (Pillow says: {type(error).__name__}{about and ': '}{about})"


def _plugin(head: bytes) -> str | None:
    """Registers the plugin for HEIC, AVIF and JPEG XL where a file begins so; a sentence if there is none."""
    from PIL import Image, features

    if head.startswith(b"\xff\x0a") or head[4:12] == b"JXL \r\n\x87\n":
        kind, module, package = "JPEG XL", "pillow_jxl", "pillow-jxl-plugin"
    elif head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in range(8, len(head), 4)}
        found = next((kind for kind, (known, *_) in _PLUGINS.items() if known & brands), None)
        if found is None or (found == "AVIF" and "AVIF" in Image.OPEN and features.check("avif")):
            return None
        kind, (_, module, package) = found, _PLUGINS[found]
    else:
        return None
    try:
        plugin = __import__(module)
        if module == "pillow_heif":
            plugin.register_heif_opener()
    except Exception:
        return (
            f"this is a picture in the format {kind}, for which Pillow needs a plugin: pip install {package}"
        )
    return None


def _of_pil(image: Image.Image, work: Callable[[], Array]) -> Array:
    """What is made of a PIL image, turned upright; what Pillow raises as our error."""
    try:
        return turned(work(), _pil_orientation(image))
    except (MemoryError, _native.RilievoError):
        raise
    except Exception as error:
        name = getattr(image, "filename", "") or "the picture"
        raise _native.RilievoError(_said(None, str(name), error)) from None


def _pil_orientation(image: Image.Image) -> int:
    try:
        found = int(image.getexif().get(0x0112, 1))
    except Exception:  # a broken tag is no reason to refuse the picture
        return 1
    return found if found in range(1, 9) else 1


def _plain(image: Image.Image) -> Image.Image:
    """The image in a mode that Pillow converts to others."""
    if image.mode in ("La", "RGBa"):
        return image.convert(image.mode.upper())
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    return image


def _stored(image: Image.Image, name: str) -> Array:
    """The pixels as they are stored, but for indices and what has no numbers of its own."""
    if image.mode == "P":
        image = image.convert("RGB")
        _check_gray(np.asarray(image), name)
        return np.asarray(image.convert("L"))
    if image.mode in ("1", "PA", "CMYK", "YCbCr", "HSV"):
        return np.asarray(image.convert("L"))
    if image.mode == "LAB":
        return np.asarray(image)[..., 0]
    return np.asarray(_plain(image))


def _from_pil(image: Image.Image) -> Array:
    if image.mode.startswith("I") or image.mode == "F":
        name = str(getattr(image, "filename", "") or "the picture")
        plane = _plane(_of_pil(image, lambda: np.asarray(image)), name)
        if not np.isfinite(plane).all():
            raise _native.RilievoError(
                f"{name}: it holds values that are no numbers (NaN or infinity), so it is no picture; save it anew"
            )
        return _from_array(_gray_to_unit(plane))
    return _of_pil(image, lambda: np.asarray(_to_srgb(_plain(image).convert("RGB"), image)))


def _to_srgb(rgb: Image.Image, image: Image.Image) -> Image.Image:
    """Colours by the image's ICC profile in sRGB, where that makes a difference."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "RGBX", "P", "PA", "RGBa"):
        return rgb
    from PIL import Image as pil

    try:
        from PIL import ImageCms

        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        change = ImageCms.buildTransform(own, srgb, "RGB", "RGB")
        levels = np.arange(0, 256, 17, dtype=np.uint8)
        colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3)
        shown = ImageCms.applyTransform(pil.fromarray(colors), change)
        same = np.abs(np.asarray(shown).astype(int) - colors).max() <= 3
        return rgb if same else ImageCms.applyTransform(rgb, change) or rgb
    except Exception:  # a profile that cannot be read changes nothing
        return rgb


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
