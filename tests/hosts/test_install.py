"""``install.py``: what the host runs at every start."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


class Pip:
    """Stands in for pip: answers with these exit codes, remembers what it was asked."""

    def __init__(self, *codes: int):
        self.codes = list(codes)
        self.asked: list[list[str]] = []

    def __call__(self, command: list[str]) -> Any:
        self.asked.append(command)
        return SimpleNamespace(returncode=self.codes.pop(0), stdout="line\nERROR: No matching distribution")


def test_the_version_is_that_of_the_clone(clone: Path) -> None:
    assert load().wanted_version(clone) == "9.8.7rc1"
    import rilievo

    assert load().wanted_version(ROOT) == rilievo.__version__


def test_a_published_wheel_is_taken_and_nothing_else_is_touched(clone: Path) -> None:
    pip = Pip(0)
    assert load().main(str(clone), pip) == 0
    (asked,) = pip.asked
    assert asked[-1] == "rilievo==9.8.7rc1"
    assert "--no-deps" in asked
    assert asked[asked.index("--only-binary") + 1] == ":all:"
    assert not (clone / ".build" / "install-failed.txt").exists()


def test_without_a_wheel_it_is_built_where_rust_is(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install = load()
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/bin/{name}")
    pip = Pip(1, 0)
    assert install.main(str(clone), pip) == 0
    assert pip.asked[1][-1] == str(clone)
    assert "--no-deps" in pip.asked[1]
    assert json.loads((clone / ".build" / "wheel.json").read_text()) == {
        "version": "9.8.7rc1",
        "commit": "aaaa",
    }
    # A new commit of the same version is built anew, and nobody asks the registry first.
    (clone / ".git" / "refs" / "heads" / "main").write_text("bbbb\n")
    pip = Pip(0)
    assert install.main(str(clone), pip) == 0
    assert pip.asked[0][-1] == str(clone)


def test_a_failure_says_why_and_what_to_do(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install = load()
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    assert install.main(str(clone), Pip(1)) == 1
    note = (clone / ".build" / "install-failed.txt").read_text()
    assert "no Rust compiler" in note
    assert "ERROR: No matching distribution" in note
    assert f'"{sys.executable}" -m pip install --no-deps rilievo==9.8.7rc1' in note
    assert "What to do" in capsys.readouterr().out
    # Once it works, the note goes.
    assert install.main(str(clone), Pip(0)) == 0
    assert not (clone / ".build" / "install-failed.txt").exists()


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
