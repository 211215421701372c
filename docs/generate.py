"""Writes what is made from the table of options: `make generate`. With --check it only compares.

- python/rilievo/options/_generated.py: the fields of `rilievo.Options`, and what single functions take, for
  editors and type checkers;
- docs/options.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rilievo import options

ROOT = Path(__file__).resolve().parent.parent

TYPES = {
    "flag": "bool",
    "whole": "int",
    "number": "float",
    "text": "str",
    "choice": "str",
    "several": "list[str]",
    "color": "str",
    "path": "str",
}
# What functions take besides, which options as text do not need.
KEYWORD_TYPES = {
    "color": "str | tuple[int, int, int]",
    "intrinsics": "str | tuple[float, float, float, float] | None",
    "pre_blur": "int | None",
    "sobel": "int | None",
    "post_blur": "int | None",
    "edge_rtol": "float | None",
    "voxel": "float | None",
}
TITLES = {
    "network": "The network",
    "depth": "Depth maps",
    "stereo": "Stereo pictures",
    "normal": "Normal maps",
    "heatmap": "Heat maps",
    "mesh": "Meshes and point clouds",
    "dof": "Depth of field",
    "fog": "Fog",
    "mask": "Depth masks",
    "parallax": "Parallax animations",
}


def typed(row: dict[str, Any]) -> str:
    return TYPES[row["type"]] + (" | None" if row["optional"] else "")


def literal(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)


def meaning(help: str, limit: options.Limit | None, choices: Any) -> str:
    """What an option is for, and what it takes."""
    taken = limit.wanted if limit else ", ".join(choices)
    return f"{help}; {taken}" if taken else help


def python_module() -> Iterator[str]:
    yield '"""Made by `make generate` from the options declared in Rust; not to be edited."""\n'
    yield "from __future__ import annotations\n"
    yield "from dataclasses import dataclass, field"
    yield "from typing import TypedDict\n\n"
    yield "@dataclass"
    yield "class Fields:"
    yield '    """The options by name, with their defaults."""\n'
    table = {row["option"]: row for row in reversed(options.native_rows())}
    for name, shown in options.rows().items():
        row = table[name]
        default = literal(row["default"])
        if row["type"] == "several":
            default = f"field(default_factory=lambda: {default})"
        yield f"    {name}: {typed(row)} = {default}"
        text = meaning(shown.help, shown.limit, shown.choices)
        yield f'    """{text}"""'
    yield "\n\nclass NetworkKeywords(TypedDict, total=False):"
    yield '    """The options of the network, but for its name."""\n'
    for name, shown in options.rows().items():
        if shown.group == "network" and name != "model_type":
            yield f"    {name}: {typed(table[name])}"
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in options.native_rows():
        groups.setdefault(row["group"], []).append(row)
    del groups["host"]
    for group, members in groups.items():
        title = "".join(part.capitalize() for part in group.split("_"))
        yield f"\n\nclass {title}Keywords(TypedDict, total=False):"
        yield f'    """The options of the group ``{group}``."""\n'
        for row in members:
            yield f"    {row['name']}: {KEYWORD_TYPES.get(row['name'], typed(row))}"


def table_of_options() -> Iterator[str]:
    yield "# Options\n"
    yield "<!-- Made by `make generate` from the options declared in Rust; not to be edited. -->\n"
    yield (
        "Every option of `rilievo.Options`, of the HTTP routes and, with `--` before it and dashes for underscores, "
        "of `rilievo run`.\n"
    )
    table = options.rows()
    for group in dict.fromkeys(row.group for row in table.values()):
        yield f"\n## {TITLES[group]}\n"
        yield "| option | what it does | takes | default |"
        yield "|---|---|---|---|"
        for name, row in table.items():
            if row.group != group:
                continue
            taken = row.limit.wanted if row.limit else ", ".join(row.choices) or TAKEN[row.type]
            default = options.DEFAULTS[name]
            shown = ", ".join(default) if isinstance(default, list) else default
            alias = f" (`{row.alias}`)" if row.alias else ""
            cells = [
                f"`{name}`{alias}",
                row.help,
                taken,
                "" if shown is None else f"`{str(shown).lower() if row.type == 'flag' else shown}`",
            ]
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


TAKEN = {
    "flag": "true or false",
    "whole": "a whole number",
    "number": "a number",
    "text": "text",
    "color": "a colour such as #c8d0d8",
    "path": "a file",
}


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path, lines in [
        ("python/rilievo/options/_generated.py", python_module()),
        ("docs/options.md", table_of_options()),
    ]:
        text = "\n".join(lines) + "\n"
        file = ROOT / path
        if check and (not file.exists() or file.read_text("utf-8") != text):
            stale.append(path)
        elif not check:
            file.write_text(text, "utf-8")
    for path in stale:
        print(f"{path} is not what the options say; run `make generate`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
