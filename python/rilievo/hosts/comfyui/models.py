"""Networks in ComfyUI's model folders, and the names the node shows for them."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from typing import Any

import rilievo
from rilievo.hosts.comfyui import host
from rilievo.options import Options

# The key for extra_model_paths.yaml; downloads go to its first folder.
FOLDER = "rilievo"
# What other node packs call their folders with the same files, wherever those lie.
OTHERS = ("depthanything", "depth_anything", "depth_anything_v2", "midas", "leres")


@dataclass(frozen=True)
class DepthModel:
    """A network that was chosen, but is not loaded before it is used."""

    id: str
    device: str = "auto"
    precision: str = "auto"
    keep_loaded: bool = True

    def options(self, **values: Any) -> Options:
        """Options that mean this network."""
        return Options(model_type=self.id, compute_device=self.device, precision=self.precision, **values)


def register_folder() -> None:
    """Makes ``models/rilievo`` a folder of the host's, unless there is no host."""
    paths = host.module("folder_paths")
    if paths is not None:
        paths.add_model_folder_path(FOLDER, os.path.join(paths.models_dir, FOLDER))


def use_folders() -> None:
    """Looks for networks where ComfyUI and its other node packs keep them."""
    paths = host.module("folder_paths")
    if paths is None:
        return
    own = paths.get_folder_paths(FOLDER)
    os.makedirs(own[0], exist_ok=True)
    folders = [*own, paths.models_dir]
    for key in OTHERS:
        folders += paths.folder_names_and_paths.get(key, ([], None))[0]
    for nodes in paths.folder_names_and_paths.get("custom_nodes", ([], None))[0]:
        pattern = os.path.join(glob.escape(nodes), "comfyui_controlnet_aux", "ckpts", "*", "*", "")
        folders += glob.glob(pattern)
    # Each is put before those that are there, so the first one comes last.
    for folder in reversed(folders):
        if os.path.isdir(folder):
            rilievo.models.look_in(folder)


def labels() -> list[str]:
    """What the node offers: ``auto`` first, then every network; missing ones say how much is to be downloaded."""
    use_folders()
    return ["auto", *(_label(row) for row in rilievo.models.table())]


def _label(row: dict[str, Any]) -> str:
    return str(row["id"]) if row["installed"] else f"{row['id']} (download, {row['megabytes']} MB)"


def id_of(label: str) -> str:
    """The network that a label means, whether it has been downloaded since or not."""
    return label.split(" ", maxsplit=1)[0]


def row_of(label: str) -> dict[str, Any] | None:
    """The table row of a label; ``None`` for ``auto``.

    Raises :class:`ValueError` for a network that is not known.
    """
    wanted = id_of(label)
    if wanted == "auto":
        return None
    table = rilievo.models.table()
    found: dict[str, Any] | None = next((row for row in table if row["id"] == wanted), None)
    if found is None:
        known = ", ".join(row["id"] for row in table)
        raise ValueError(f"there is no model {wanted!r}; known are {known}")
    return found
