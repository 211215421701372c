"""The WebUI's side of the contract, played by ``fake/modules``.

Run by the interpreters of the environments with the hosts' own versions of
Gradio, numpy and Pillow: see ``make test-hosts``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FAKE = Path(__file__).parent / "fake"
sys.path.insert(0, str(FAKE))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A host as it is right after its start: its modules by name."""
    import rilievo
    from modules import (
        call_queue,
        devices,
        images,
        paths_internal,
        processing,
        scripts_postprocessing,
        sd_models,
        shared,
        util,
    )
    from rilievo.hosts.webui import memory

    shared.opts = shared.fresh_options()
    shared.state = shared.State()
    shared.opts.outdir_extras_samples = str(tmp_path / "extras")
    shared.cmd_opts.hide_ui_dir_config = False
    shared.cmd_opts.api_auth = None
    images.saved.clear()
    images.forge = False
    devices.calls.clear()
    util.opened.clear()
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "RILIEVO_MODELS"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(paths_internal, "models_path", str(tmp_path / "models"))
    monkeypatch.setattr(rilievo.models, "_extra", [])
    yield SimpleNamespace(
        call_queue=call_queue,
        devices=devices,
        images=images,
        memory=memory,
        paths_internal=paths_internal,
        processing=processing,
        scripts_postprocessing=scripts_postprocessing,
        sd_models=sd_models,
        shared=shared,
        util=util,
    )
    rilievo.unload()


@pytest.fixture
def forge(host: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same, with the traps of Forge."""
    host.images.forge = True
    monkeypatch.setattr(host.memory, "is_forge", lambda: True)
    return host
