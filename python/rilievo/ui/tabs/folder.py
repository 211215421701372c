"""A folder of this machine."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rilievo import folders
from rilievo.ui.host import Host
from rilievo.ui.run import Batch, Item

TITLE = "Batch from Directory"
ID = "folder"


def build(host: Host) -> list[Any]:
    """Where the pictures lie, and where results go."""
    if not host.may_name_folders():
        gr.HTML(
            f"<p>Folders of the server cannot be used here: {html.escape(host.refusal())}.</p>",
            elem_id="depthmap_folder_refused",
        )
    shown = host.may_name_folders()
    return [
        gr.Textbox(
            label="Input directory",
            placeholder="a folder on the machine that runs this",
            elem_id="depthmap_batch_input_dir",
            visible=shown,
        ),
        gr.Textbox(
            label="Output directory",
            placeholder="leave empty for the usual output folder",
            elem_id="depthmap_batch_output_dir",
            visible=shown,
        ),
        gr.Checkbox(
            label="Skip generation and use (edited/custom) depth maps in output directory when a file exists",
            value=True,
            elem_id="depthmap_batch_reuse",
            visible=shown,
        ),
    ]


def work(host: Host, values: Sequence[Any]) -> Batch:
    """Every picture of the folder, with the depth map an earlier run left for it."""
    source, target, reuse = values
    if not host.may_name_folders():
        raise ValueError(f"folders of the server cannot be used here: {host.refusal()}")
    source, target = str(source or "").strip(), str(target or "").strip()
    if not source:
        raise ValueError("there is no input directory; name the folder your pictures lie in")
    pictures = folders.pictures_in(source)
    if not pictures:
        raise ValueError(f"{source}: there is no picture in this folder")
    folder = Path(target) if target else host.output_folder()
    if os.path.realpath(folder) == os.path.realpath(source):
        raise ValueError(f"{source} is the output directory as well; choose another output directory")
    items = []
    for path in pictures:
        known = folders.existing_map(folder, path) if reuse else None
        items.append(
            Item(str(path), base=path.stem, depth_map=str(known) if known else None, reused=bool(known))
        )
    return Batch(items, Path(target) if target else None)
