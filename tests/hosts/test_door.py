"""``scripts/depthmap.py``: what the host loads, with and without the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "fake"
LOAD = """
import importlib.util, json, sys, time
{before}
import gradio  # the host has it long before
import numpy, PIL.Image
root = {root!r}
sys.path.insert(0, root)  # as the host does while it loads a script
started = time.process_time()
spec = importlib.util.spec_from_file_location("depthmap.py", root + "/scripts/depthmap.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
seconds = time.process_time() - started
sys.path.remove(root)
from modules import script_callbacks, scripts, scripts_postprocessing
found = [name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, (scripts.Script, scripts_postprocessing.ScriptPostprocessing))]
tabs = [(title, elem_id, len(blocks.blocks), [getattr(b, "value", "") for b in blocks.blocks.values() if type(b).__name__ == "HTML"]) for tab in script_callbacks.tabs for blocks, title, elem_id in tab()]
buttons = [b.value for tab in script_callbacks.tabs for blocks, _, _ in tab() for b in blocks.blocks.values() if type(b).__name__ == "Button"]
retried = getattr(module, "_retry", str)()
loose = sorted(set(sys.modules) & {{"src", "lib", "models", "install", "python"}})
print(json.dumps(dict(seconds=seconds, scripts=found, tabs=tabs, loose=loose, buttons=buttons, retried=retried, started=len(script_callbacks.started))))
"""


def load(before: str = "", **environment: str) -> dict[str, Any]:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD.format(before=before, root=str(ROOT))],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(FAKE), os.environ.get("PYTHONPATH", "")]),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return {**json.loads(result.stdout.splitlines()[-1]), "said": result.stderr}


def test_the_host_finds_the_tab_and_the_scripts(tmp_path: Path) -> None:
    found = load(FAKE_MODELS=str(tmp_path))
    assert found["scripts"] == ["DepthExtras", "DepthForm", "DepthHelpers", "DepthScript"]
    ((title, elem_id, blocks, _),) = found["tabs"]
    assert (title, elem_id) == ("Depth", "depthmap_interface")
    assert blocks > 50
    assert found["started"] == 1
    assert found["loose"] == [], "names that other extensions use as well"
    assert found["said"] == ""
    assert found["seconds"] < 0.2, "the host waits for every extension at its start"


MISSING = """
sys.modules["rilievo"] = None
import runpy
runpy.run_path = lambda path: {"retry": lambda: (False, f"<{path}>")}
"""


def test_a_missing_package_still_gives_a_tab_that_says_what_to_do() -> None:
    found = load(MISSING)
    assert found["scripts"] == []
    ((title, elem_id, _, texts),) = found["tabs"]
    assert (title, elem_id) == ("Depth", "depthmap_interface")
    text = " ".join(str(part) for part in texts)
    assert "missing or broken" in text
    assert "install.py" in text
    assert "the Depth tab says what to do" in found["said"]


def test_the_tab_of_a_missing_package_can_install_it_again() -> None:
    found = load(MISSING)
    assert len(found["buttons"]) == 1
    assert f"&lt;{ROOT}/install.py&gt;" in found["retried"]
    assert found["loose"] == []
    closed = "from modules import shared; shared.cmd_opts.disable_extension_access = True"
    assert load(f"{MISSING}\n{closed}")["buttons"] == []
