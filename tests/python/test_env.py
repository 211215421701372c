"""The environment is read in one place of each half, and people are told all of it."""

from __future__ import annotations

import re
from pathlib import Path

from rilievo import env

ROOT = Path(__file__).parents[2]


def in_python() -> dict[str, str]:
    found = [value for value in vars(env).values() if isinstance(value, env.Variable)]
    return {variable.name: variable.meaning for variable in found}


def in_rust() -> dict[str, str]:
    text = (ROOT / "src" / "env.rs").read_text()
    found = re.findall(r'^/// (.+)\.\npub const (\w+): &str = "(\w+)";$', text, re.MULTILINE)
    assert len(found) == text.count("pub const ")
    assert all(constant == name for _, constant, name in found)
    return {name: meaning[0].lower() + meaning[1:] for meaning, _, name in found}


def test_the_guide_says_what_the_code_reads():
    text = (ROOT / "docs" / "environment.md").read_text()
    ours, _ = text.split("Libraries inside")
    documented = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", ours, re.MULTILINE))
    assert documented == {**in_python(), **in_rust()}
    assert all(in_python()[name] == in_rust()[name] for name in in_python().keys() & in_rust().keys())


def test_nothing_else_reads_the_environment():
    python = [path for path in (ROOT / "python").rglob("*.py") if path.name != "env.py"]
    rust = [path for path in (ROOT / "src").rglob("*.rs") if path.name != "env.rs"]
    assert python
    assert rust
    readers = re.compile(r"os\.environ|getenv|\benv::vars?\b|\benv::var_os\b")
    assert [str(path) for path in python + rust if readers.search(path.read_text())] == []
