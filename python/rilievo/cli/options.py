"""The flags of ``rilievo run`` that are options: one for every row of the option table."""

from __future__ import annotations

import argparse
from typing import Any

from rilievo.options import DEFAULTS, Row, rows


def add_options(parser: argparse.ArgumentParser) -> None:
    """One flag for every row of the option table."""
    groups: dict[str, Any] = {}
    for name, row in rows().items():
        group = groups.get(row.group) or groups.setdefault(row.group, parser.add_argument_group(row.group))
        flags = ["--" + name.replace("_", "-")] + ([row.alias] if row.alias else [])
        text = _help(row, DEFAULTS[name])
        if row.type == "flag":
            group.add_argument(
                *flags, dest=name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            group.add_argument(*flags, dest=name, metavar=_metavar(row), default=argparse.SUPPRESS, help=text)


def _metavar(row: Row) -> str:
    return {
        "whole": "N",
        "number": "X",
        "several": "A,B",
        "choice": "NAME",
        "text": "NAME",
        "path": "FILE",
        "color": "RRGGBB",
    }[row.type]


def _help(row: Row, default: Any) -> str:
    text = row.help
    if row.choices:
        text += f" ({', '.join(row.choices)})"
    if row.limit:
        text += f"; {row.limit.wanted}"
    if default not in (None, False, "") and row.type != "flag":
        text += f" (default: {', '.join(default) if isinstance(default, list) else default})"
    return text.replace("%", "%%")
