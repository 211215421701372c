"""Where other programs keep the networks' files, so that nobody downloads twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rilievo import env

# Below the folder of a WebUI or of ComfyUI. The subfolders that the reference
# extension uses in a WebUI's ``models`` are known to the catalog.
_BELOW = (
    "models",
    "models/depthanything",
    "models/ControlNetPreprocessor/*",
    "extensions/sd-webui-controlnet/annotator/downloads/*",
    "custom_nodes/comfyui_controlnet_aux/ckpts",
)
# What ComfyUI's extra_model_paths.yaml calls folders that can hold these files.
_KINDS = ("depth", "midas", "leres", "zoe", "controlnet_aux", "annotator")


def places_in(folder: str) -> list[str]:
    """``folder`` and the places in it, or beside it, that can hold networks.

    ``folder`` may be a plain folder, a program's own folder or its ``models``.
    """
    places = [folder]
    root = Path(folder)
    if root.name.lower() == "models":
        root = root.parent
    if (root / "models").is_dir():
        places += _below(root)
        extra = root / "extra_model_paths.yaml"
        if extra.is_file():
            places += _extra_places(extra)
    return list(dict.fromkeys(places))


def caches() -> Iterator[Path]:
    """What PyTorch's hub and rembg have fetched, where they have fetched anything."""
    home = Path.home()
    cache = env.XDG_CACHE_HOME.read() or home / ".cache"
    torch = env.TORCH_HOME.read() or Path(cache, "torch")
    rembg = env.U2NET_HOME.read() or home / ".u2net"
    for place in (Path(torch, "hub", "checkpoints"), Path(rembg)):
        if place.is_dir():
            yield place


def _below(root: Path) -> list[str]:
    return [str(place) for pattern in _BELOW for place in sorted(root.glob(pattern)) if place.is_dir()]


def _extra_places(file: Path) -> list[str]:
    """The folders that ComfyUI's ``extra_model_paths.yaml`` names for these files."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    places: list[str] = []
    base = file.parent
    for section, key, value in _entries(text):
        path = Path(os.path.expandvars(os.path.expanduser(value)))
        if key == "base_path":
            base = file.parent / path
            if base.is_dir():
                places += [str(base), *_below(base)]
        elif any(kind in key.lower() for kind in _KINDS):
            place = (base if section else file.parent) / path
            if place.is_dir():
                places.append(str(place))
    return places


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of every path. The file is simple YAML: sections of ``key: path``,
    several paths indented below ``key: |``."""
    section = key = ""
    depth = 0
    for line in text.splitlines():
        content = line.split(" #")[0].rstrip()
        stripped = content.strip()
        if not stripped or stripped.startswith("#"):
            continue
        indent = len(content) - len(content.lstrip())
        name, colon, value = stripped.partition(":")
        if key and indent > depth:
            yield section, key, stripped.removeprefix("- ").strip("'\"")
            continue
        key = ""
        if not colon:
            continue
        value = value.strip().strip("'\"")
        if indent == 0 and not value:
            section = name
        elif value in {"", "|", "|-", ">"}:
            key, depth = name, indent
        else:
            yield section, name, value
