"""``install.py``: what the host runs at every start."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

ROOT = Path(__file__).parents[2]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("rilievo_install", ROOT / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this repository, at some commit, of a version nobody has installed."""
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "rilievo"\nversion = "9.8.7-rc.1"\n')
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text("aaaa\n")
    return tmp_path


VERSION = "9.8.7rc1"
RUST = SimpleNamespace(returncode=0, stdout="rustc 1.90.0 (fake)")


class Pip:
    """Stands in for every child: answers pip with these exit codes, remembers what it was asked."""

    def __init__(self, *codes: int, imports: str = VERSION):
        self.codes = list(codes)
        self.imports = imports
        self.asked: list[list[str]] = []

    def __call__(self, command: list[str], seconds: float, environment: Any = None) -> Any:
        assert seconds > 0
        if command[0] == "rustc":
            return RUST
        if command[1] == "-c":
            return SimpleNamespace(
                returncode=0 if self.imports else 1, stdout=f"{self.imports or 'ImportError'}\n"
            )
        self.asked.append(command)
        # No package by a name alone.
        assert "--no-deps" in command
        assert "--no-index" in command or "--require-hashes" in command
        return SimpleNamespace(returncode=self.codes.pop(0), stdout="line\nERROR: it did not work")


def with_rust(install: Any, monkeypatch: pytest.MonkeyPatch, there: bool = True) -> None:
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/bin/{name}" if there else None)


def note(clone: Path) -> Path:
    return clone / ".build" / "install-failed.txt"


def test_the_version_is_that_of_the_clone(clone: Path) -> None:
    assert load().wanted_version(clone) == VERSION
    import rilievo

    assert load().wanted_version(ROOT) == rilievo.__version__


def test_without_a_wheel_it_is_built_where_rust_is(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install = load()
    with_rust(install, monkeypatch)
    pip = Pip(0, 0)
    assert install.main(str(clone), pip) == 0
    tools, built = pip.asked
    assert str(clone / "build.lock") in tools
    assert built[-1] == str(clone)
    assert "--no-build-isolation" in built
    assert json.loads((clone / ".build" / "wheel.json").read_text()) == {
        "version": VERSION,
        "commit": "aaaa",
    }
    # Short, and it says what is happening.
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert "building from source" in said[0]
    assert "installed in" in said[1]
    # A new commit of the same version is built anew.
    (clone / ".git" / "refs" / "heads" / "main").write_text("bbbb\n")
    pip = Pip(0, 0)
    assert install.main(str(clone), pip) == 0
    assert pip.asked[1][-1] == str(clone)


def test_a_failure_says_why_and_what_to_do(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install = load()
    with_rust(install, monkeypatch, there=False)
    assert install.main(str(clone), Pip()) == 1
    text = note(clone).read_text()
    assert "no Rust compiler" in text
    assert "wheels.lock has no wheel" in text
    assert "https://rustup.rs" in text
    retry = f'"{sys.executable}" "{clone / "install.py"}" --retry'
    assert retry in text
    assert retry in capsys.readouterr().out
    # Once it works, the note goes.
    with_rust(install, monkeypatch)
    assert install.main(str(clone), Pip(0, 0)) == 0
    assert not note(clone).exists()


def test_a_failed_build_is_not_repeated_before_something_changes(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = load()
    with_rust(install, monkeypatch)
    assert install.main(str(clone), Pip(0, 1)) == 1
    assert "ERROR: it did not work" in note(clone).read_text()
    # The next starts ask nobody, and say the same.
    for _ in range(2):
        pip = Pip()
        assert install.main(str(clone), pip) == 1
        assert pip.asked == []
        assert "ERROR: it did not work" in note(clone).read_text()
        assert "--retry" in note(clone).read_text()
    # Another commit, another compiler, or somebody who asks for it.
    (clone / ".git" / "refs" / "heads" / "main").write_text("bbbb\n")
    assert install.main(str(clone), Pip(1)) == 1
    monkeypatch.setattr(RUST, "stdout", "rustc 1.91.0 (fake)")
    pip = Pip(1)
    assert install.main(str(clone), pip) == 1
    assert len(pip.asked) == 1
    worked, text = install.retry(str(clone), Pip(0, 1))
    assert not worked
    assert "ERROR: it did not work" in text
    worked, text = install.retry(str(clone), Pip(0, 0))
    assert worked
    assert "restart" in text
    assert not (clone / ".build" / "build-failed.json").exists()


@pytest.mark.parametrize("imports", ["", "9.8.6"])
def test_what_pip_calls_a_success_is_imported(
    clone: Path, monkeypatch: pytest.MonkeyPatch, imports: str
) -> None:
    install = load()
    with_rust(install, monkeypatch)
    assert install.main(str(clone), Pip(0, 0, imports=imports)) == 1
    assert "a new Python cannot use the package" in note(clone).read_text()
    assert not (clone / ".build" / "wheel.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="looks for the grandchild")
def test_a_child_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = load()
    monkeypatch.setattr(install, "ROOT", str(tmp_path))
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    started = time.monotonic()
    done = install._run([sys.executable, "-c", script], 3)
    assert time.monotonic() - started < 30
    assert done.returncode == install.TIMED_OUT
    status = Path(f"/proc/{int(done.stdout)}/status")
    assert not status.exists() or "Z (zombie)" in status.read_text()


class Files(http.server.BaseHTTPRequestHandler):
    """Serves what it is given by path: bytes, or an address to lead to."""

    files: ClassVar[dict[str, bytes | str]] = {}

    def do_GET(self) -> None:
        found = self.files.get(self.path)
        if found is None:
            self.send_error(404)
        elif isinstance(found, str):
            self.send_response(302)
            self.send_header("Location", found)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Files.files = {}
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def wheel_of(version: str) -> bytes:
    """A wheel that pip installs."""
    info = f"rilievo-{version}.dist-info"
    files = {
        "rilievo/__init__.py": f"__version__ = {version!r}\n",
        "rilievo/_native.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: rilievo\nVersion: {version}\nRequires-Dist: nobody-has-this\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return out.getvalue()


def lock(clone: Path, data: bytes, address: str, file: str = f"rilievo-{VERSION}-py3-none-any.whl") -> None:
    line = f"{file} {len(data)} {hashlib.sha256(data).hexdigest()} {address}\n"
    (clone / "wheels.lock").write_text("# comment\n" + line)


def test_a_wheel_of_the_lock_is_taken_by_its_hash(
    clone: Path, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install = load()
    data = wheel_of(VERSION)
    Files.files = {"/there": f"{server}/w.whl", "/w.whl": data}
    lock(clone, data, f"{server}/there")
    pip = Pip(0)
    assert install.main(str(clone), pip) == 0
    (asked,) = pip.asked
    assert Path(asked[-1]).read_bytes() == data
    assert "fetching the wheel" in capsys.readouterr().out
    assert not (clone / ".build" / "wheel.json").exists()


def test_a_wheel_is_really_installed_and_loaded(
    clone: Path, server: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip and the new Python are real; only the place it installs to is not this interpreter's."""
    install = load()
    monkeypatch.setattr(install, "ROOT", str(clone))
    target = tmp_path_factory.mktemp("site")
    monkeypatch.setenv("PIP_TARGET", str(target))
    monkeypatch.setenv("PYTHONPATH", str(target))
    data = wheel_of(VERSION)
    Files.files = {"/w.whl": data}
    lock(clone, data, f"{server}/w.whl")
    assert install.main(str(clone)) == 0, note(clone).read_text()
    assert (target / "rilievo" / "_native.py").exists()
    # A wheel whose hash is right but that does not hold what it should is no success.
    monkeypatch.setenv("PIP_TARGET", str(tmp_path_factory.mktemp("elsewhere")))
    monkeypatch.setenv("PYTHONPATH", str(clone))
    with_rust(install, monkeypatch, there=False)
    assert install.main(str(clone)) == 1
    assert "rilievo" in note(clone).read_text()


def test_a_wheel_that_is_not_the_one_of_the_lock_is_never_installed(
    clone: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = load()
    with_rust(install, monkeypatch, there=False)
    data = wheel_of(VERSION)
    changed = data[:-1] + b"x"
    for served, reason in [
        ({"/w.whl": changed}, "SHA-256"),
        ({"/w.whl": data + b"x"}, "larger"),
        ({"/w.whl": data[:-1]}, "bytes arrived"),
        ({}, "404"),
        ({"/w.whl": "file:///etc/passwd"}, "not allowed"),
        ({"/w.whl": "http://198.51.100.1/w.whl"}, "no https address"),
        ({"/w.whl": "/w.whl"}, "could not be fetched"),
    ]:
        Files.files = dict(served)
        lock(clone, data, f"{server}/w.whl")
        pip = Pip()
        assert install.main(str(clone), pip, again=True) == 1
        assert pip.asked == []
        assert reason in note(clone).read_text()
        assert list((clone / ".build" / "wheels").iterdir()) == []


def test_only_a_wheel_for_this_python_and_version_is_taken(clone: Path) -> None:
    install = load()
    data = b"x"
    address = "https://example.org/w.whl"
    for file in [
        "rilievo-9.8.6-py3-none-any.whl",
        f"rilievo-{VERSION}-cp27-cp27m-win32.whl",
        f"other-{VERSION}-py3-none-any.whl",
    ]:
        lock(clone, data, address, file)
        assert install.locked_wheel(str(clone)) is None
    lock(clone, data, address, f"rilievo-{VERSION}-py2.py3-none-any.whl")
    assert install.locked_wheel(str(clone))["bytes"] == 1
    for bad in [
        "one two three",
        f"../rilievo-{VERSION}-py3-none-any.whl 1 {'0' * 64} {address}",
        f"rilievo-{VERSION}-py3-none-any.whl 1 {'0' * 63} {address}",
        f"rilievo-{VERSION}-py3-none-any.whl 1 {'0' * 64} http://example.org/w.whl",
    ]:
        (clone / "wheels.lock").write_text(f"{bad}\n")
        with pytest.raises(install.Failed, match=r"wheels\.lock, line 1"):
            install.locked_wheel(str(clone))


def test_the_locks_of_this_clone_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    load().locked_wheel(str(ROOT))
    lines = (ROOT / "build.lock").read_text()
    assert "maturin==" in lines
    assert lines.count("--hash=sha256:") > 10


def test_a_commit_is_read_from_packed_refs_as_well(clone: Path) -> None:
    (clone / ".git" / "refs" / "heads" / "main").unlink()
    (clone / ".git" / "packed-refs").write_text("# pack-refs\ncccc refs/heads/main\n")
    assert load().commit(str(clone)) == "cccc"
    (clone / ".git" / "HEAD").write_text("dddd\n")
    assert load().commit(str(clone)) == "dddd"


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="counts the child's own CPU time")
def test_nothing_to_do_takes_no_time(tmp_path: Path) -> None:
    """At most 0.3 s of computing, whatever else the machine does, and no word printed."""
    install = load()
    if not install.is_current(str(ROOT)):
        pytest.skip("the wheel of this clone is not installed in this interpreter")
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen([sys.executable, str(ROOT / "install.py")], stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    assert status == 0
    assert (tmp_path / "said").read_text() == ""
    assert usage.ru_utime + usage.ru_stime < 0.3
