"""What a run gives back: outputs, and the few types of payload that they carry.

Every payload knows how to save itself (the whole file or none), to be looked at
(:meth:`Payload.preview`) and to describe itself, and can be pickled.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Union, cast

import numpy as np

from rilievo import _native
from rilievo.depth import DepthMap
from rilievo.watch import Watch

if TYPE_CHECKING:
    from PIL import Image

# Of pictures with 8 bits, the usual one first.
PICTURE_FORMATS = ("png", "jpg", "webp")
PICTURE_QUALITY = 92
MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "exr": "image/x-exr",
    "npy": "application/x-npy",
    "glb": "model/gltf-binary",
    "obj": "model/obj",
    "ply": "application/x-ply",
}
_SPELLINGS = {"jpeg": "jpg", "tif": "tiff"}
_WATCHED_BY_NOBODY = Watch()

Array = Any
Target = Union[str, "os.PathLike[str]", IO[bytes]]


def extension(format: str) -> str:
    """What the name of a file in this format ends in."""
    return "obj" if format == "obj-textured" else format


class _How(NamedTuple):
    """What :meth:`Payload.save` was told beside the format."""

    text: Mapping[str, str] | None
    quality: int
    watch: Watch


@dataclass(frozen=True, eq=False)
class Payload(ABC):
    """What an output holds.

    ``format`` is what it is to be saved in if it has formats of its own,
    ``None`` for pictures, whose format is whatever pictures are saved in.
    """

    is_picture: ClassVar[bool] = True

    @property
    def format(self) -> str | None:
        return None

    @property
    def is_8_bit(self) -> bool:
        """Whether it is a picture that any format of pictures can hold."""
        return False

    @property
    @abstractmethod
    def plain(self) -> Any:
        """It as an array or a :class:`rilievo.Mesh`."""

    @property
    @abstractmethod
    def formats(self) -> tuple[str, ...]:
        """What it can be saved in, the usual one first."""

    @property
    def options(self) -> Mapping[str, Any]:
        """What saving needs to know beside the format."""
        return {}

    @abstractmethod
    def preview(self) -> Array:
        """It as something to look at, uint8 ``[H, W]`` or ``[H, W, 3 | 4]``; a :class:`TypeError` for a mesh."""

    def frames(self) -> Iterator[Array]:
        """It as pictures, one after the other: more than one only of a clip."""
        yield self.preview()

    @abstractmethod
    def describe(self) -> dict[str, int]:
        """Its size: ``width`` and ``height``, and ``frames`` if there are some; or ``vertices`` and ``faces``."""

    def usual_format(self, picture_format: str = "png") -> str:
        """What it is saved in where nobody says more than ``picture_format``, the format of 8-bit pictures."""
        return self.format or self.formats[0]

    def save(
        self,
        target: Target,
        format: str | None = None,
        *,
        text: Mapping[str, str] | None = None,
        quality: int = PICTURE_QUALITY,
        overwrite: bool = True,
        watch: Watch = _WATCHED_BY_NOBODY,
    ) -> None:
        """Writes it to a file, or into a binary file object (all but an OBJ with its material).

        ``format`` goes by the extension if not given. ``text`` becomes text
        chunks of a PNG of a picture, ``quality`` is for JPEG and WebP. The
        folder is made; the file appears whole or not at all, and what belongs
        to it (the material and the picture of an OBJ) before it.

        Raises :class:`ValueError` for a format it cannot be saved in,
        :class:`FileExistsError` if the file is there and ``overwrite`` is off,
        :class:`OSError` if it cannot be written.
        """
        how = _How(text, quality, watch)
        path = Path(target) if isinstance(target, (str, os.PathLike)) else None
        format = format or (self.usual_format() if path is None else self._format_of(path))
        if format not in self.formats:
            raise ValueError(
                f"{path or target}: this cannot be saved as {format!r}; it can be {', '.join(self.formats)}"
            )
        if path is None:
            self._into(cast("IO[bytes]", target), format, how)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with _whole_file(path, overwrite) as temporary:
            self._write(temporary, format, how)

    def _format_of(self, path: Path) -> str:
        named = path.suffix[1:].lower()
        named = _SPELLINGS.get(named, named)
        return self.format if self.format is not None and extension(self.format) == named else named

    def _into(self, file: IO[bytes], format: str, how: _How) -> None:
        with tempfile.TemporaryDirectory(prefix="rilievo-") as folder:
            path = Path(folder, f"output.{extension(format)}")
            self._write(path, format, how)
            if len(os.listdir(folder)) > 1:
                raise ValueError(f"{format} is more than one file; give a path, or save it as glb")
            with path.open("rb") as source:
                shutil.copyfileobj(source, file)

    @abstractmethod
    def _write(self, path: Path, format: str, how: _How) -> None:
        """Writes a new file."""


@dataclass(frozen=True, eq=False)
class Picture(Payload):
    """Something to look at.

    ``values`` is uint8 ``[H, W]`` or ``[H, W, 3 | 4]``, uint16 ``[H, W]``, or
    float 0..1 ``[H, W]``, which has ``bits`` (8 or 16) when it is saved.
    """

    values: Array
    bits: int = 8

    @cached_property
    def pixels(self) -> Array:
        """The values as they are saved: uint8 or uint16."""
        if not np.issubdtype(self.values.dtype, np.floating):
            return self.values
        top, kind = (255.0, np.uint8) if self.bits == 8 else (65535.0, np.uint16)
        return (self.values * top + 0.5).astype(kind)

    @property
    def is_8_bit(self) -> bool:
        return bool(self.pixels.dtype == np.uint8)

    @property
    def plain(self) -> Array:
        return self.pixels

    @property
    def formats(self) -> tuple[str, ...]:
        if self.pixels.dtype == np.uint16:
            return ("png", "npy", "exr", "tiff")
        return ("png", "webp") if self.pixels.shape[2:] == (4,) else PICTURE_FORMATS

    def usual_format(self, picture_format: str = "png") -> str:
        return picture_format if picture_format in self.formats and "jpg" in self.formats else "png"

    def frames(self) -> Iterator[Array]:
        yield self.values

    def preview(self) -> Array:
        pixels = self.pixels
        return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels

    def describe(self) -> dict[str, int]:
        return _size(self.values)

    def _write(self, path: Path, format: str, how: _How) -> None:
        if format == "png":
            _native.write_png(path, self.pixels, dict(how.text or {}))
        elif format in PICTURE_FORMATS:
            from PIL import Image

            Image.fromarray(self.pixels).save(path, quality=how.quality)
        else:
            _native.save_depth(path, self.pixels)


@dataclass(frozen=True, eq=False)
class Numbers(Payload):
    """Numbers per pixel and what they mean.

    As 16-bit PNG they are multiplied by ``png_scale`` (1000: metres to
    millimetres), or stretched without it.
    """

    depth: DepthMap
    format: str | None = None
    png_scale: float | None = None
    is_picture: ClassVar[bool] = False

    @property
    def plain(self) -> Array:
        return self.depth.values

    @property
    def formats(self) -> tuple[str, ...]:
        return ("npy", "exr", "tiff", "png")

    @property
    def options(self) -> Mapping[str, Any]:
        return {} if self.png_scale is None else {"png_scale": self.png_scale}

    def preview(self) -> Array:
        values = self.depth.filled().values
        low, high = float(values.min()), float(values.max())
        return ((values - low) / (high - low or 1.0) * 255.0 + 0.5).astype(np.uint8)

    def describe(self) -> dict[str, int]:
        return _size(self.depth.values)

    def _write(self, path: Path, format: str, how: _How) -> None:
        _native.save_depth(path, self.depth.values, png_scale=self.png_scale if format == "png" else None)


@dataclass(frozen=True, eq=False)
class Solid(Payload):
    """A mesh, or points; ``axes`` are those of OBJ and PLY (``None``: the format's usual ones).

    One that was pickled has lost the camera that GLB files of others hold.
    """

    mesh: _native.Mesh
    format: str = "glb"
    axes: Any = None
    is_picture: ClassVar[bool] = False

    @property
    def plain(self) -> _native.Mesh:
        return self.mesh

    @property
    def formats(self) -> tuple[str, ...]:
        return ("glb", "obj", "obj-textured", "ply")

    @property
    def options(self) -> Mapping[str, Any]:
        return {} if self.axes is None else {"axes": self.axes}

    @property
    def is_surface(self) -> bool:
        """Whether it has triangles: a mesh, not a cloud of points."""
        return len(self.mesh.faces) > 0

    def preview(self) -> Array:
        raise TypeError("a mesh is not a picture; use .save(path)")

    def describe(self) -> dict[str, int]:
        return {"vertices": len(self.mesh.vertices), "faces": len(self.mesh.faces)}

    def _write(self, path: Path, format: str, how: _How) -> None:
        # glTF has axes of its own, OBJ the reference's; readers of PLY expect those of glTF.
        axes: Any = {"glb": None, "ply": self.axes or "gltf"}.get(format, self.axes)
        self.mesh.save(
            path, cast("Any", format), axes=axes, progress=how.watch.progress, cancel=how.watch.cancel
        )

    def __reduce__(self) -> Any:
        mesh = self.mesh
        more = {
            "colors": mesh.colors,
            "uv": mesh.uv,
            "texture": mesh.texture,
            "axes": mesh.axes,
            "camera": mesh.camera,
        }
        faces = mesh.faces if len(mesh.faces) else None
        return _solid, (np.array(mesh.vertices), faces, more, self.format, self.axes)


def _solid(vertices: Array, faces: Array | None, more: dict[str, Any], format: str, axes: Any) -> Solid:
    return Solid(_native.Mesh(vertices, faces, **more), format, axes)


class FrameSource(Protocol):
    """Frames uint8 ``[H, W, 3]`` that may be made when they are asked for; ``size`` is (width, height)."""

    @property
    def size(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def frame(self, index: int, watch: Watch, /) -> Array: ...


@dataclass(frozen=True, eq=False)
class Frames(Payload):
    """A clip, frame by frame: never the whole of it in memory unless its ``source`` has it there.

    ``rate`` is in frames a second. Iterating gives the frames, uint8 ``[H, W, 3]``. Where they are made when they
    are asked for, ``watch`` watches that.
    """

    source: FrameSource
    rate: float = 24.0
    format: str = "webp"
    watch: Watch = _WATCHED_BY_NOBODY

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Array]:
        return map(self.frame, range(len(self)))

    def frame(self, index: int) -> Array:
        """One of them."""
        return self.source.frame(index, self.watch)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.source.size

    @cached_property
    def plain(self) -> Array:
        """All frames at once, ``[N, H, W, 3]``."""
        return self.source.array if isinstance(self.source, FrameArray) else np.stack(list(self))

    @property
    def formats(self) -> tuple[str, ...]:
        return ("webp", "gif", "png")

    @property
    def options(self) -> Mapping[str, Any]:
        return {"fps": self.rate}

    def frames(self) -> Iterator[Array]:
        return iter(self)

    def preview(self) -> Array:
        return self.frame(0)

    def describe(self) -> dict[str, int]:
        width, height = self.size
        return {"width": width, "height": height, "frames": len(self)}

    def _write(self, path: Path, format: str, how: _How) -> None:
        from PIL import Image, features

        if format == "webp":
            if not features.check("webp"):
                raise _native.RilievoError(
                    "this Pillow was built without WebP; choose gif or png with parallax_format, or update Pillow"
                )
            # A method that is fast enough for long loops; the picture is the same.
            duration = round(1000 / self.rate)
            _film(self).save(path, save_all=True, duration=duration, loop=0, quality=how.quality, method=2)
            return
        with _native.AnimationWriter(path, format, *self.size, len(self), self.rate) as writer:
            for frame in self:
                if format == "png":
                    writer.add(frame)
                else:
                    indexed = Image.fromarray(frame).convert("P", palette=Image.Palette.ADAPTIVE)
                    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
                    writer.add(np.asarray(indexed), palette)

    def __reduce__(self) -> Any:
        return Frames, (self.source, self.rate, self.format)


@dataclass(frozen=True, eq=False)
class FrameArray:
    """Frames that lie in one array ``[N, H, W, 3]``."""

    array: Array

    def __len__(self) -> int:
        return len(self.array)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return (int(self.array.shape[2]), int(self.array.shape[1]))

    def frame(self, index: int, watch: Watch) -> Array:
        """One of them."""
        return self.array[index]


@dataclass(frozen=True)
class Output:
    """One result of one picture.

    ``index`` counts the pictures from 0; ``kind`` is one of
    ``rilievo.recipes.KINDS``; ``content`` is a :class:`Picture`,
    :class:`Numbers`, :class:`Solid` or :class:`Frames`.
    """

    index: int
    kind: str
    content: Payload

    def save(
        self,
        target: Target,
        format: str | None = None,
        *,
        text: Mapping[str, str] | None = None,
        quality: int = PICTURE_QUALITY,
        overwrite: bool = True,
    ) -> Path | None:
        """Writes it and returns the path; one without an extension gets the usual one. See :meth:`Payload.save`."""
        path = None
        if isinstance(target, (str, os.PathLike)):
            path = Path(target)
            if not path.suffix:
                format = format or self.content.usual_format()
                path = path.with_name(f"{path.name}.{extension(format)}")
        self.content.save(path or target, format, text=text, quality=quality, overwrite=overwrite)
        return path

    @property
    def payload(self) -> Any:
        """The content as an array or a :class:`rilievo.Mesh`.

        ``depth_prediction`` and ``depth_values`` are float ``[H, W]``,
        ``depth`` uint16 ``[H, W]``, ``depth_mask`` uint8 ``[H, W]``, ``heatmap``
        uint8 ``[H, W, 4]``, other pictures uint8 ``[H, W, 3]`` (4 with
        transparency), ``parallax`` uint8 ``[N, H, W, 3]``: all frames at once,
        of which ``content`` gives one after the other.
        """
        return self.content.plain

    @property
    def format(self) -> str | None:
        """What it is to be saved in, with ``save_options``; ``None`` where that is whatever pictures are saved in."""
        return self.content.format

    @property
    def save_options(self) -> Mapping[str, Any]:
        """What saving needs to know beside the format."""
        return self.content.options

    @property
    def is_picture(self) -> bool:
        """Whether it is something to look at: not a mesh, nor a file of numbers."""
        return self.content.is_picture or self.format is None

    @property
    def image(self) -> Image.Image:
        """As a PIL image: mode I;16, L, RGB or RGBA (F for a raw prediction); of a clip the first frame.

        Raises :class:`TypeError` for a mesh.
        """
        from PIL import Image

        # Mode F for floats, which a preview would not be; of a mesh and of a clip the preview is what there is.
        content = self.content
        return Image.fromarray(
            content.plain if isinstance(content, (Picture, Numbers)) else content.preview()
        )

    @property
    def preview(self) -> Image.Image:
        """As an 8-bit PIL image. Raises :class:`TypeError` for a mesh."""
        from PIL import Image

        return Image.fromarray(self.content.preview())


def _size(values: Array) -> dict[str, int]:
    return {"width": values.shape[1], "height": values.shape[0]}


def _film(frames: Frames) -> Image.Image:
    """The frames as a PIL image that has them one at a time; a list for ``append_images`` would have all."""
    from PIL import Image

    class Film(Image.Image):
        def __init__(self) -> None:
            super().__init__()
            self.n_frames = len(frames)
            self.is_animated = self.n_frames > 1
            self._show(0)

        def _show(self, index: int) -> None:
            # What Pillow calls the parts of an image changes from release to release.
            self.__dict__.update(vars(Image.fromarray(frames.frame(index))))
            self._index = index

        def seek(self, frame: int) -> None:
            if not 0 <= frame < self.n_frames:
                raise EOFError("no more frames")
            if frame != self._index:
                self._show(frame)

        def tell(self) -> int:
            return self._index

    return Film()


@contextlib.contextmanager
def _whole_file(path: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary path that becomes ``path`` if the block ends well, and vanishes if not.

    What the block puts beside it comes along, first: whoever finds ``path`` finds what it names.
    """
    folder = tempfile.mkdtemp(prefix=".rilievo-", dir=path.parent)
    temporary = Path(folder, path.name)
    publish = os.replace if overwrite else _publish
    try:
        yield temporary
        for name in sorted(os.listdir(folder), key=lambda name: name == path.name):
            publish(temporary.with_name(name), path.with_name(name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(temporary: Path, path: Path) -> None:
    """Moves a finished file into place; refuses to overwrite one that is there."""
    try:
        # A hard link fails if the name is taken, in one step; a rename would overwrite.
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # The file system (or Windows share) has no hard links.
        if path.exists():
            raise FileExistsError(
                errno.EEXIST, "a file with this name appeared meanwhile", str(path)
            ) from None
        os.rename(temporary, path)
