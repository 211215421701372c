"""One picture, with its own depth map if a person has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from rilievo.ui import gradio_compat as compat
from rilievo.ui.host import Host
from rilievo.ui.run import Batch, Item

TITLE = "Single Image"
ID = "single"


def build(host: Host) -> list[Any]:
    """The picture, and the depth map that can take the network's place."""
    image = compat.picture("Source", elem_id="depthmap_input_image", height=360)
    custom = gr.Checkbox(label="Use custom depth map", value=False, elem_id="depthmap_use_custom")
    with gr.Group(visible=False) as box:
        depth = compat.picture(
            "Custom depth map (8 or 16 bits, near = bright)", elem_id="depthmap_custom", height=280
        )
    compat.on_event(
        custom.change, lambda on: gr.update(visible=on), [custom], [box], show_progress=False, queue=False
    )
    return [image, custom, depth]


def work(host: Host, values: Sequence[Any]) -> Batch:
    """The one picture."""
    image, custom, depth = values
    if image is None:
        raise ValueError("there is no picture yet; drop one into Source, then press Generate")
    if custom and depth is None:
        raise ValueError("there is no custom depth map; drop one in, or switch 'Use custom depth map' off")
    return Batch([Item(image, depth_map=depth if custom else None)])
