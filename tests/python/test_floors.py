"""ARCHITECTURE.md says on which floor a module stands; no module imports from its own floor or a higher one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "rilievo"


def floors() -> dict[str, int]:
    python_half = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## The Python half")[2]
    rows = re.findall(r"^\| (\d+) \| (`.+?`) \|", python_half, re.MULTILINE)
    return {room: int(floor) for floor, names in rows for room in re.findall(r"`(\w+)`", names)}


def room(module: str) -> str:
    """``rilievo.api.jobs`` is in the room ``api``."""
    return module.split(".")[1] if "." in module else module


def imported(path: Path) -> Iterator[str]:
    """The rooms that a file imports from, those of annotations left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (room(name.name) for name in node.names if name.name.split(".")[0] == "rilievo")
        elif isinstance(node, ast.ImportFrom) and node.module == "rilievo":
            rooms = {entry.stem for entry in PACKAGE.iterdir()} | {"_native"}
            yield from (name.name if name.name in rooms else "rilievo" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rilievo."):
            yield room(node.module)


def test_modules_import_from_lower_floors_only() -> None:
    known = floors()
    rooms = set()
    for path in PACKAGE.rglob("*.py"):
        inside = path.relative_to(PACKAGE)
        here = "rilievo" if inside.parts == ("__init__.py",) else inside.parts[0].removesuffix(".py")
        rooms.add(here)
        assert here in known, f"{inside} stands on no floor of ARCHITECTURE.md"
        for other in set(imported(path)) - {here}:
            assert known[other] < known[here], f"{inside} imports from {other}, which is no lower floor"
    assert rooms | {"_native"} == known.keys(), (
        "the table of ARCHITECTURE.md knows a module that is not there"
    )


def test_rooms_of_the_core_import_from_no_higher_floor() -> None:
    source = ROOT / "src"
    table = re.findall(r"^//! \| (\d) \| (.+?) \|$", (source / "lib.rs").read_text("utf-8"), re.MULTILINE)
    known = {room: int(floor) for floor, names in table for room in re.findall(r"`(\w+)`", names)}
    rooms = set(re.findall(r"^(?:pub )?mod (\w+);", (source / "lib.rs").read_text("utf-8"), re.MULTILINE))
    assert rooms == known.keys()
    for path in source.rglob("*.rs"):
        inside = path.relative_to(source)
        here = inside.parts[0].removesuffix(".rs")
        if here == "lib":
            continue
        # Documentation may look up; so may tests.
        text = path.read_text("utf-8").partition("#[cfg(test)]\nmod tests")[0]
        code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))
        used = set(re.findall(r"\bcrate::(\w+)", code))
        for group in re.findall(r"\buse crate::\{([^;]*)\};", code):
            used |= set(re.findall(r"(?:^|,)\s*(\w+)", re.sub(r"\{[^}]*\}", "", group)))
        for other in used & rooms - {here}:
            assert known[other] <= known[here], f"{inside} imports from {other}, which is a higher floor"
