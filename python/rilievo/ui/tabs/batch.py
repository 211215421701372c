"""Several uploaded pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rilievo.ui import gradio_compat as compat
from rilievo.ui.host import Host
from rilievo.ui.run import Batch, Item

TITLE = "Batch Process"
ID = "batch"


def build(host: Host) -> list[Any]:
    """The pictures."""
    return [compat.files("Pictures", elem_id="depthmap_batch_files", file_types=["image", ".exr", ".hdr"])]


def work(host: Host, values: Sequence[Any]) -> Batch:
    """The pictures, each under the name its file had."""
    files = values[0] or []
    if not files:
        raise ValueError("there are no pictures yet; drop some into Pictures, then press Generate")
    named = [compat.path_and_name(file) for file in files]
    return Batch([Item(path, base=Path(name).stem) for path, name in named])
