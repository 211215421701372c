"""``rilievo ui``: the panel on its own, in a browser of this machine."""

from __future__ import annotations

import os
import sys

import rilievo
from rilievo import env

_MISSING = (
    "the panel needs Gradio, which is not installed; run: "
    "{python} -m pip install 'rilievo[ui]'   (everything else works without it)"
)


def ui(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    output: os.PathLike[str] | str = "outputs",
    open_browser: bool = False,
) -> None:
    """Serves the panel until it is interrupted.

    ``host`` other than this machine's own address lets others in: then nobody
    may name folders of this machine in the panel.

    Raises :class:`rilievo.RilievoError` when Gradio is missing.
    """
    try:
        from rilievo.ui import gradio_compat, panel
        from rilievo.ui.host import Host
    except ImportError as error:
        if (error.name or "").split(".")[0] != "gradio":
            raise
        raise rilievo.RilievoError(_MISSING.format(python=sys.executable)) from None
    if not env.GRADIO_ANALYTICS_ENABLED.read():
        env.GRADIO_ANALYTICS_ENABLED.set("False")
    place = Host(output, may_name_folders=host in ("127.0.0.1", "localhost", "::1"))
    gradio_compat.launch(panel.build(place), host=host, port=port, open_browser=open_browser)
