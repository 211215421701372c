"""Names and files: where an output goes.

All outputs of one picture share a number: ``photo-0000.png`` (the depth map),
``photo-0000-normalmap.png``, ``photo-0000-left-right.png``,
``photo-0000-simple.glb``. What belongs to a file (the material and the picture
of an OBJ) lies beside it under its name. An existing file is never overwritten.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from rilievo import _native
from rilievo.outputs import PICTURE_FORMATS, PICTURE_QUALITY, Output, extension
from rilievo.recipes import file_suffix


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
        format = output.content.usual_format(self.picture_format)
        suffix = file_suffix(output.kind)
        path = self.folder / f"{stem}{suffix}.{extension(format)}"
        text = {"Software": f"rilievo {_native.__version__}"}
        if info:
            text["rilievo"] = json.dumps(info, sort_keys=True)
        output.save(path, format, text=text, quality=self.quality, overwrite=False)
        return path

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
