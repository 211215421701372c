"""Loading a build for NVIDIA GPUs: it is linked to CUDA's libraries, which may lie where no loader looks."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# In the order in which they need each other.
_LIBRARIES = ("cudart", "cublasLt", "cublas", "curand")


def load(error: ImportError) -> None:
    """Imports ``rilievo._native`` after it failed with ``error``.

    PyTorch, and with it every WebUI, keeps CUDA's libraries in packages called
    ``nvidia``; they are loaded from there. Raises :class:`ImportError` saying
    what is missing if that does not help, and ``error`` itself if it is about
    something else.
    """
    if not _is_about_cuda(error):
        raise error
    handles = [_open(library) for library in _libraries()]
    try:
        importlib.import_module("rilievo._native")
    except ImportError as still:
        raise ImportError(
            f"this build of rilievo is for NVIDIA GPUs and cannot start here ({still}); install the NVIDIA driver "
            "and CUDA's libraries (docs/devices.md says which), or the ordinary build, which needs neither: "
            "pip install --force-reinstall rilievo"
        ) from still
    _keep.extend(handles)


# Windows forgets a folder as soon as its handle is gone.
_keep: list[object] = []


def _is_about_cuda(error: ImportError) -> bool:
    text = str(error).lower()
    names = ("libcuda", "libcu", "libnvrtc")
    return any(name in text for name in names) or (sys.platform == "win32" and "dll load failed" in text)


def _libraries() -> Iterator[Path]:
    """CUDA's libraries in the packages called ``nvidia``; on Windows the folders they are in."""
    folders = [folder for entry in sys.path for folder in sorted(Path(entry or ".", "nvidia").glob("*"))]
    if sys.platform == "win32":
        yield from (
            place for folder in folders for place in folder.glob("bin/**/") if any(place.glob("*.dll"))
        )
        return
    for name in _LIBRARIES:
        found = (file for folder in folders for file in sorted(folder.glob(f"lib/lib{name}.so.*")))
        first = next(found, None)
        if first is not None:
            yield first


def _open(library: Path) -> object:
    if sys.platform == "win32":
        return os.add_dll_directory(str(library.resolve()))
    try:
        return ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        # The import that follows says better what is missing.
        return None
