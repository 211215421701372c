"""The programs in ``docs/snippets`` run as they stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SNIPPETS = sorted((Path(__file__).parents[2] / "docs" / "snippets").glob("*.py"))
PHOTO = Path(__file__).parents[2] / "docs" / "photos" / "table_coffee.jpg"
MADE = {
    "estimate": {"depth.png", "depth.exr"},
    "generate": {"results/photo-0000.png", "results/photo-0000-normalmap.png", "results/photo-0000-dof.png"},
    "stereo": {"left-right.png", "red-cyan-anaglyph.png"},
    "mesh": {"photo.glb", "photo.ply"},
    "folder": {"results/a-0000.png", "results/a-0000-normalmap.jpg", "results/c-0000.png"},
    "progress": set(),
    "own_depth": {"depth.png", "fog.png", "photo.glb"},
}
SAID = {"folder": "b.jpg: ", "progress": "stopped", "mesh": "vertices", "estimate": "96x64, inverse"}


def test_every_snippet_is_known() -> None:
    names = {snippet.stem for snippet in SNIPPETS}
    assert names == MADE.keys()
    guide = (SNIPPETS[0].parent / "README.md").read_text()
    assert all(f"[{name}.py]({name}.py)" in guide for name in names)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.stem)
def test_a_snippet_runs(snippet: Path, tmp_path: Path) -> None:
    photo = Image.open(PHOTO).convert("RGB").resize((96, 64))
    photo.save(tmp_path / "photo.jpg")
    photo.convert("L").save(tmp_path / "own.png")
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "c.png"):
        photo.save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "b.jpg").write_text("no picture")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(snippet)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert all((tmp_path / name).stat().st_size for name in MADE[snippet.stem])
    assert SAID.get(snippet.stem, "") in done.stdout
