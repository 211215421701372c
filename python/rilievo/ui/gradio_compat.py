"""The only file that knows Gradio 3 from 4 and 5.

Held to Gradio 3.41.2 (AUTOMATIC1111's WebUI 1.10.1) and 4.40 (Forge, which
patches Gradio besides), and to 5 for ``rilievo ui``. Everything else in the
panel uses only what all of them share.
"""

from __future__ import annotations

import inspect
import os
from typing import Any

import gradio as gr

MAJOR = int(gr.__version__.split(".")[0])


def _accepts(function: Any, name: str) -> bool:
    return name in inspect.signature(function).parameters


def picture(label: str, *, elem_id: str | None = None, height: int | None = None) -> Any:
    """A picture a person gives: a PIL image in whatever mode the file had, 16 bits kept."""
    more: dict[str, Any] = {"source": "upload"} if MAJOR < 4 else {"sources": ["upload", "clipboard"]}
    if MAJOR < 4:
        more["tool"] = None
    # The default image_mode would squeeze 16-bit depth maps into 0..255 and drop opacity.
    return gr.Image(label=label, type="pil", image_mode=None, elem_id=elem_id, height=height, **more)


def files(label: str, *, elem_id: str | None = None, file_types: list[str] | None = None) -> Any:
    """Several files a person gives; read them with :func:`path_and_name`."""
    kind = "file" if MAJOR < 4 else "filepath"
    return gr.File(label=label, file_count="multiple", type=kind, file_types=file_types, elem_id=elem_id)


def path_and_name(file: Any) -> tuple[str, str]:
    """Where an uploaded file lies, and what the person called it."""
    path = str(getattr(file, "name", file))
    return path, os.path.basename(getattr(file, "orig_name", None) or path)


def downloads(label: str, *, elem_id: str | None = None, visible: bool = True) -> Any:
    """Files a person can fetch."""
    return gr.File(label=label, file_count="multiple", interactive=False, elem_id=elem_id, visible=visible)


def gallery(label: str, *, elem_id: str | None = None) -> Any:
    """A gallery that loses no bit of 8-bit pictures."""
    # Gradio 4 makes WebP of everything unless told otherwise; 3 always makes PNG.
    more: dict[str, Any] = {"format": "png"} if _accepts(gr.Gallery.__init__, "format") else {}
    return gr.Gallery(
        label=label, elem_id=elem_id, columns=3, height=520, object_fit="contain", preview=True, **more
    )


def viewer(label: str, *, elem_id: str | None = None, visible: bool = False) -> Any:
    """An interactive view of a mesh file."""
    return gr.Model3D(label=label, elem_id=elem_id, visible=visible, clear_color=[0.1, 0.1, 0.12, 1.0])


def on_event(event: Any, function: Any, inputs: Any = None, outputs: Any = None, **more: Any) -> Any:
    """Ties a function to an event, kept out of the host's public API."""
    if "js" in more and MAJOR < 4:
        more["_js"] = more.pop("js")
    limit = more.pop("concurrency_limit", None)
    if limit is not None and MAJOR >= 4:
        more["concurrency_limit"] = limit
    return event(function, inputs, outputs, api_name=False, **more)


def launch(blocks: Any, *, host: str, port: int | None, open_browser: bool) -> None:
    """Serves a panel until it is interrupted."""
    queue: dict[str, Any] = {"concurrency_count": 4} if MAJOR < 4 else {"default_concurrency_limit": 4}
    blocks.queue(api_open=False, **queue)
    blocks.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        show_api=False,
        quiet=True,
    )
