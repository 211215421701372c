"""The panel, served by each version of Gradio, and a Chromium to look at it.

``make .build/gradio`` makes the environments; without them, or without Chromium,
these tests are skipped, except in CI, where both must be there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A loaded machine takes its time; nothing here depends on speed.
PATIENCE = 120
sync_api = (
    pytest.importorskip("playwright.sync_api")
    if not os.environ.get("CI")
    else __import__("playwright.sync_api", fromlist=["sync_playwright"])
)


def python_of(version: str) -> Path:
    """The interpreter of the environment with this major version of Gradio."""
    folder = ROOT / ".build" / f"gradio-{version}"
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@dataclass
class Server:
    """A panel that is being served."""

    url: str
    output: Path
    version: str


def free_port() -> int:
    """A port nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(folder: Path) -> dict[str, str]:
    """An environment without models, network and this machine's habits."""
    away = ("http_proxy", "https_proxy", "all_proxy", "gradio_temp_dir", "rilievo_models")
    kept = {name: value for name, value in os.environ.items() if name.lower() not in away}
    return {
        **kept,
        "XDG_DATA_HOME": str(folder / "data"),
        "LOCALAPPDATA": str(folder / "data"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "PYTHONWARNINGS": "ignore",
    }


@contextlib.contextmanager
def serve(version: str, folder: Path, **more: str) -> Iterator[Server]:
    """``rilievo ui`` under one version of Gradio."""
    port = free_port()
    output = folder / "outputs"
    command = [str(python_of(version)), "-m", "rilievo", "ui", "--port", str(port), "-o", str(output)]
    log = folder / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env={**environment(folder), **more}, stdout=file, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        url = f"http://127.0.0.1:{port}/"
        _wait_for(url, process, log)
        yield Server(url, output, version)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            opener.open(url, timeout=5).close()
            return
        time.sleep(0.2)
    pytest.fail(f"the panel did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests."""
    if not CHROMIUM:
        missing = "there is no `chromium` on PATH; install it, then `make test-hosts`"
        (pytest.exit if os.environ.get("CI") else pytest.skip)(missing)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session", params=["3", "4", "5"], ids=["gradio-3.41.2", "gradio-4.40", "gradio-5"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The panel under each version of Gradio."""
    if not python_of(request.param).exists() and not os.environ.get("CI"):
        pytest.skip(f"no environment with Gradio {request.param}; make one with `make .build/gradio`")
    with serve(request.param, tmp_path_factory.mktemp(f"gradio-{request.param}")) as found:
        yield found


@pytest.fixture
def page(chromium: Any, server: Server) -> Iterator[Any]:
    """A fresh page of the panel, with a picture taken of it if the test asks for one."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1100}, accept_downloads=True)
    context.set_default_timeout(PATIENCE * 1000)
    # The style sheet names fonts of the web; without a network each would be waited for.
    context.route(
        "**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort()
    )
    opened = context.new_page()
    opened.goto(server.url)
    opened.wait_for_selector("#depthmap_generate")
    yield opened
    folder = os.environ.get("RILIEVO_SCREENSHOTS")
    if folder:
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0].replace("[", "-").rstrip("]")
        opened.screenshot(path=str(Path(folder, f"{name}.png")), full_page=True)
    context.close()
