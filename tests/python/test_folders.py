"""Folders of pictures, and the depth maps that lie in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rilievo import folders


def test_pictures_are_sorted_and_nothing_else_is_one(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", ".hidden.png", "notes.txt", "c"):
        (tmp_path / name).touch()
    (tmp_path / "d.png").mkdir()
    assert [path.name for path in folders.pictures_in(tmp_path)] == ["a.jpg", "b.PNG"]
    with pytest.raises(NotADirectoryError, match="no such folder"):
        folders.pictures_in(tmp_path / "nowhere")


@pytest.mark.parametrize("there", ["cup-0000.png", "cup.png", "cup.jpg"])
def test_a_map_is_found_under_every_name(tmp_path: Path, there: str) -> None:
    picture = Path("photos/cup.jpg")
    assert folders.existing_map(tmp_path, picture) is None
    (tmp_path / there).touch()
    assert folders.existing_map(tmp_path, picture) == tmp_path / there


def test_the_first_name_wins(tmp_path: Path) -> None:
    for name in ("cup.jpg", "cup.png", "cup-0000.png", "cup-0001.png"):
        (tmp_path / name).touch()
    assert folders.existing_map(tmp_path, Path("cup.jpg")) == tmp_path / "cup-0000.png"
