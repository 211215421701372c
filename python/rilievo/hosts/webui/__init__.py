"""Stable Diffusion WebUI (AUTOMATIC1111) and Forge: what ``scripts/depthmap.py`` hands to the host.

Imported while the host loads its scripts, so nothing heavy is imported here:
Gradio is there already, and the panel is built when its tab is. The API's
modules of the host are touched in :func:`app_started` only: importing them any
earlier makes the settings of every extension vanish from the host's own API.
"""

from __future__ import annotations

import logging
from typing import Any

from rilievo.hosts.webui.extras import DepthExtras
from rilievo.hosts.webui.generation import DepthForm, DepthScript
from rilievo.hosts.webui.helpers import DepthHelpers
from rilievo.hosts.webui.settings import settings_page

__all__ = ["DepthExtras", "DepthForm", "DepthHelpers", "DepthScript", "app_started", "settings_page", "tabs"]

log = logging.getLogger("rilievo")


def tabs() -> list[tuple[Any, str, str]]:
    """The Depth tab (the host's ``on_ui_tabs``)."""
    from rilievo.hosts.webui.host import WebUIHost
    from rilievo.ui import panel

    return [(panel.build(WebUIHost(), title="Depth"), "Depth", "depthmap_interface")]


def app_started(_blocks: Any, app: Any) -> None:
    """The HTTP routes, where the operator asked for an API (the host's ``on_app_started``)."""
    from modules import shared

    if not (shared.cmd_opts.api or shared.cmd_opts.nowebui):
        return
    try:
        from rilievo import api
    except ImportError as error:
        log.warning("no /depth routes: %s", error)
        return
    from rilievo.hosts.webui.host import api_turn, use_models_folder

    for service in _services:
        service.close()
    use_models_folder()
    auth = api.credentials(shared.cmd_opts.api_auth) if shared.cmd_opts.api_auth else None
    _services[:] = [api.mount(app, auth=auth, around=api_turn)]


# The one of the present user interface; "Reload UI" makes a new one.
_services: list[Any] = []
