"""Names and files: where an output goes, and how it gets there whole.

A file is written under a temporary name in its own folder and then moved into
place; an existing file is never overwritten. All outputs of one picture share
a number: ``photo-0000.png`` (the depth map), ``photo-0000-normalmap.png``,
``photo-0000-left-right.png``, ``photo-0000-simple.glb``. What belongs to a file
(the material and the picture of an OBJ) lies beside it under its name.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rilievo import _native
from rilievo.outputs import Output

PICTURE_FORMATS = ("png", "jpg", "webp")
PICTURE_QUALITY = 92


def suffix(kind: str) -> str:
    """What the file name of an output of this kind ends in."""
    return {
        "depth": "",
        "depth_values": "-values",
        "simple_mesh": "-simple",
        "point_cloud": "-points",
    }.get(kind, f"-{kind}")


def extension(format: str) -> str:
    """What the name of a file in this format ends in."""
    return "obj" if format == "obj-textured" else format


def write(
    output: Output, path: Path, text: dict[str, str] | None = None, *, quality: int = PICTURE_QUALITY
) -> None:
    """Writes one output in the format that the path's extension names.

    ``text`` becomes text chunks of a PNG, ``quality`` is for JPEG and WebP.
    """
    if isinstance(output.payload, _native.Mesh):
        _write_mesh(output, path)
    elif output.kind == "parallax":
        _write_animation(output, path, quality)
    elif output.kind == "depth_values":
        scale = output.save_options.get("png_scale") if path.suffix == ".png" else None
        _native.save_depth(path, output.payload, png_scale=scale)
    elif path.suffix == ".png":
        _native.write_png(path, output.payload, text)
    elif output.kind in ("depth", "depth_prediction"):
        _native.save_depth(path, output.payload)
    else:
        output.image.save(path, quality=quality)


def _write_mesh(output: Output, path: Path) -> None:
    if path.suffix == ".glb":
        # glTF has axes of its own.
        output.payload.save(path)
        return
    format = output.format if output.format == "obj-textured" else None
    # OBJ has the reference's axes; readers of PLY expect those of glTF.
    usual = "gltf" if path.suffix == ".ply" else None
    output.payload.save(path, format, axes=output.save_options.get("axes") or usual)


class Saver:
    """Writes the outputs of pictures into one folder.

    ``folder`` is created when the first output arrives. ``picture_format`` is
    the format of 8-bit pictures; depth maps are 16-bit PNG whatever it says,
    because no other format here keeps their bits.
    """

    def __init__(
        self, folder: os.PathLike[str] | str, *, picture_format: str = "png", quality: int = PICTURE_QUALITY
    ):
        if picture_format not in PICTURE_FORMATS:
            raise ValueError(
                f"picture format {picture_format!r} is unknown; use {', '.join(PICTURE_FORMATS)}"
            )
        self.folder = Path(folder)
        self.picture_format = picture_format
        self.quality = quality
        self._numbers: dict[str, int] = {}

    def start(self, base: str) -> str:
        """Begins a picture: the stem all its outputs will share."""
        number = self._numbers.get(base, self._first_free(base))
        self._numbers[base] = number + 1
        return f"{base}-{number:04}"

    def save(self, output: Output, stem: str, *, info: dict[str, Any] | None = None) -> Path:
        """Writes one output and returns where it lies.

        Raises :class:`OSError` with the path when the folder cannot be
        written to; nothing half-written is left behind.
        """
        self._make_folder()
        path = self.folder / f"{stem}{suffix(output.kind)}.{self._extension(output)}"
        text = {"Software": f"rilievo {_native.__version__}"}
        if info:
            text["rilievo"] = json.dumps(info, sort_keys=True)
        with _whole_file(path) as temporary:
            write(output, temporary, text, quality=self.quality)
        return path

    def _extension(self, output: Output) -> str:
        if output.format is not None:
            return extension(output.format)
        if output.kind == "depth_prediction":
            return "npy"
        return (
            "png"
            if output.payload.dtype == np.uint16 or output.payload.shape[-1] == 4
            else self.picture_format
        )

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"the output folder cannot be made ({error.strerror}); choose another with -o",
                str(self.folder),
            ) from error

    def _first_free(self, base: str) -> int:
        pattern = re.compile(re.escape(base) + r"-(\d{4,9})(?=[.-])")
        try:
            names = os.listdir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        taken = [int(match.group(1)) for match in map(pattern.match, names) if match]
        return max(taken, default=-1) + 1


def _write_animation(output: Output, path: Path, quality: int) -> None:
    """An endless loop of the frames."""
    from PIL import Image, features

    if path.suffix == ".webp" and not features.check("webp"):
        raise _native.RilievoError(
            "this Pillow was built without WebP; choose gif or png with parallax_format, or update Pillow"
        )
    first, *others = (Image.fromarray(frame) for frame in output.payload)
    duration = round(1000 / output.save_options.get("fps", 24))
    # Fast enough for long loops; the picture is the same.
    more: dict[str, Any] = {"webp": {"quality": quality, "method": 2}}.get(path.suffix[1:], {})
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0, **more)


@contextlib.contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that becomes ``path`` if the block ends well, and vanishes if not.

    What the block puts beside it comes along, first: whoever finds ``path`` finds what it names.
    """
    folder = tempfile.mkdtemp(prefix=".rilievo-", dir=path.parent)
    temporary = Path(folder, path.name)
    try:
        yield temporary
        for name in sorted(os.listdir(folder), key=lambda name: name == path.name):
            _publish(temporary.with_name(name), path.with_name(name))
    finally:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


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
