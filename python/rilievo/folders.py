"""Folders of pictures, and the depth maps an earlier run left beside them."""

from __future__ import annotations

import os
from pathlib import Path

EXTENSIONS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "jfif",
        "webp",
        "tif",
        "tiff",
        "bmp",
        "gif",
        "ppm",
        "pgm",
        "pbm",
        "pnm",
        "qoi",
        "tga",
        "exr",
        "hdr",
        "heic",
        "heif",
        "avif",
        "jp2",
    ]
)


def is_picture(path: Path) -> bool:
    """Whether this is a file that looks like a picture; hidden files are not."""
    return path.is_file() and not path.name.startswith(".") and path.suffix[1:].lower() in EXTENSIONS


def pictures_in(folder: os.PathLike[str] | str) -> list[Path]:
    """The pictures of a folder, sorted by name.

    Raises :class:`NotADirectoryError` where there is no such folder.
    """
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{os.fspath(folder)}: there is no such folder; check the spelling")
    return sorted(path for path in Path(folder).iterdir() if is_picture(path))


def existing_map(folder: os.PathLike[str] | str, picture: Path) -> Path | None:
    """The depth map of a picture that an earlier run left in ``folder``, if there is one.

    Looked for in this order: ``<stem>-0000.png``, ``<stem>.png``, the picture's
    own full name.
    """
    for name in (f"{picture.stem}-0000.png", f"{picture.stem}.png", picture.name):
        path = Path(folder, name)
        if path.is_file():
            return path
    return None
