"""ARCHITECTURE.md says on which floor a module stands; no module imports from its own floor or a higher one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "rilievo"


def floors() -> dict[str, int]:
    rows = re.findall(r"^\| (\d) \| (`.+?`) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
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
