"""``rilievo serve`` as a process: who is let in, how it ends, what it does under many requests at once."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rilievo.cli import main

pytest.importorskip("uvicorn")

GENERATE = "/depth/v2/generate"


def picture(width: int = 64, height: int = 48) -> bytes:
    y, x = np.mgrid[:height, :width]
    file = io.BytesIO()
    Image.fromarray(np.stack([x * 5 % 256, y * 7 % 256, (x + y) % 256], -1).astype(np.uint8)).save(
        file, "PNG"
    )
    return file.getvalue()


class Server:
    """A running server, and plain HTTP to it."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: Path):
        self.process = process
        self.port = port
        self.folder = folder

    def ask(
        self, path: str, data: bytes | None = None, *, timeout: float = 600, **headers: str
    ) -> tuple[int, bytes]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, names)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def send(self, path: str, image: bytes, **fields: str) -> tuple[int, bytes]:
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        body = b"".join([*parts, head, image, b"\r\n--x--\r\n"])
        return self.ask(path, body, Content_Type="multipart/form-data; boundary=x")

    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kept(self) -> list[Path]:
        """Files of jobs."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


@contextlib.contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "rilievo", "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": folder, **environment},
        )
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"http://[^ ]+:(\d+)/", line)
            assert found, line
            server = Server(process, int(found.group(1)), Path(folder))
            until = time.monotonic() + 30
            while time.monotonic() < until:
                with contextlib.suppress(OSError):
                    server.ask("/depth/version")
                    break
                time.sleep(0.05)
            yield server
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_it_answers(server):
    status, answer = server.send(f"{GENERATE}?response=file", picture(), outputs="depth")
    assert status == 200
    assert Image.open(io.BytesIO(answer)).size == (64, 48)
    assert server.ask("/docs")[0] == 200


def test_other_machines_are_let_in_only_with_a_password_or_on_purpose(capsys):
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "--api-auth" in capsys.readouterr().err
    assert main(["serve", "--host", "::"]) == 2
    assert "--allow-anonymous" in capsys.readouterr().err
    with serving("--host", "0.0.0.0", RILIEVO_API_AUTH="ann:secret") as server:
        assert server.ask("/depth/version")[0] == 401
        assert server.ask("/docs")[0] == 404
        assert server.ask("/depth/version", Authorization="Basic YW5uOnNlY3JldA==")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--api-auth", "ann"], "USER:PASSWORD"),
        (["--api-auth", ","], "names nobody"),
        (["--api-auth", "@nowhere"], "nowhere"),
        (["--port", "70000"], "70000"),
        (["--workers", "0"], "--workers"),
        (["--max-queue", "0"], "max_queue"),
        (["--allow-folder", "nowhere"], "nowhere"),
        (["--models-dir", "nowhere"], "nowhere"),
        (["--host", "192.0.2.1", "--allow-anonymous"], "192.0.2.1"),
    ],
)
def test_a_wrong_argument_is_one_sentence(arguments, part, capsys):
    assert main(["serve", *arguments]) == 2
    assert part in capsys.readouterr().err


def test_a_taken_port_is_one_sentence(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert f"port {port} is taken" in capsys.readouterr().err


def test_what_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "rilievo.api.server", raising=False)
    assert main(["serve"]) == 2
    assert "pip install 'rilievo[serve]'" in capsys.readouterr().err


def test_pages_from_elsewhere_are_refused(server):
    assert server.ask("/depth/version", Origin="https://evil.example")[0] == 403
    assert server.ask("/depth/version", Origin="null")[0] == 403
    assert server.ask("/depth/version", Host="evil.example")[0] == 403
    assert server.ask("/depth/version", Host=f"localhost:{server.port}")[0] == 200
    assert server.ask("/depth/version", Origin=f"http://127.0.0.1:{server.port}")[0] == 200
    with serving("--cors-origin", "https://good.example") as other:
        assert other.ask("/depth/version", Origin="https://good.example")[0] == 200
        assert other.ask("/depth/version", Origin="https://evil.example")[0] == 403


@pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")
def test_it_ends_gracefully_in_the_middle_of_a_job():
    with serving() as server:
        # A network at that size takes a while.
        status, _ = server.send("/depth/v2/jobs", picture(2000, 1500), net_size_match="true")
        assert status == 202
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(server.send, GENERATE, picture())
            time.sleep(1)
            started = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            status, answer = waiting.result(30)
            assert (status, json.loads(answer)["code"]) == (503, "closing")
            assert server.process.wait(30) == 0
            assert time.monotonic() - started < 10
        assert server.kept() == []


def flood(server: Server, requests: int) -> list[tuple[int, bytes]]:
    image = picture()

    def one(place: int) -> tuple[int, bytes]:
        # Every third keeps its results on the server, to be fetched.
        if place % 3:
            return server.send(f"{GENERATE}?response=file", image, outputs="depth")
        status, answer = server.send("/depth/v2/jobs", image, outputs="depth")
        assert status == 202
        job = f"/depth/v2/jobs/{json.loads(answer)['id']}"
        while (state := json.loads(server.ask(f"{job}?wait=30")[1]))["state"] in ("queued", "running"):
            pass
        fetched = server.ask(state["results"][0]["url"])
        server.ask(job)
        return fetched

    with concurrent.futures.ThreadPoolExecutor(requests) as pool:
        return list(pool.map(one, range(requests)))


def check_flood(requests: int, rounds: int, growth: int) -> dict[str, Any]:
    with serving("--keep-seconds", "2", RAYON_NUM_THREADS="1") as server:
        (expected,) = {answer for _, answer in flood(server, 4)}
        memory = []
        started = time.perf_counter()
        for _ in range(rounds):
            answers = flood(server, requests)
            assert [status for status, _ in answers] == [200] * requests
            assert {answer for _, answer in answers} == {expected}
            memory.append(server.memory())
        seconds = time.perf_counter() - started
        time.sleep(2.5)
        server.ask("/depth/v2/jobs/none")
        assert server.kept() == []
        assert memory[-1] - memory[0] < growth, memory
        return {"seconds": seconds, "memory": [round(value / 1e6, 1) for value in memory]}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_many_requests_at_once_none_lost_and_memory_flat():
    check_flood(requests=24, rounds=2, growth=20_000_000)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_two_hundred_requests_at_once_none_lost_and_memory_flat():
    print(check_flood(requests=200, rounds=4, growth=20_000_000))
