"""Widgets from the rows of the option table, and options from what they were set to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rilievo.options import DEFAULTS, Row, rows

Widget = tuple[Any, dict[str, Any]]

# An option that may be left to rilievo (its default is None) is, when its widget says so.
AUTO = "auto"
ON_OFF = (AUTO, "on", "off")


def group(name: str, *, without: Iterable[str] = ()) -> list[str]:
    """The options of a group, in table order, but for the switches of outputs: a node is its own switch."""
    left_out = set(without)
    return [
        option
        for option, row in rows().items()
        if row.group == name and option not in left_out and not option.startswith("gen_")
    ]


def widgets(options: Iterable[str], *, strip: str = "") -> dict[str, Widget]:
    """A widget for each option, called by its name without the prefix ``strip``."""
    table = rows()
    return {
        name.removeprefix(strip) if strip else name: _widget(table[name], DEFAULTS[name]) for name in options
    }


def values(options: Iterable[str], given: dict[str, Any], *, strip: str = "") -> dict[str, Any]:
    """The options that the widgets were set to, ready for :class:`rilievo.Options`."""
    table = rows()
    found = {}
    for name in options:
        key = name.removeprefix(strip) if strip else name
        if key in given:
            found[name] = _value(table[name], DEFAULTS[name], given[key])
    return found


def _widget(row: Row, default: Any) -> Widget:
    text = f"{row.label}: {row.help}"
    more: dict[str, Any] = {"tooltip": text[0].upper() + text[1:]}
    if row.type == "flag":
        if default is None:
            return list(ON_OFF), {"default": AUTO, **more}
        return "BOOLEAN", {"default": default, **more}
    if row.type == "choice":
        return list(row.choices), {"default": default, **more}
    if row.type in ("whole", "number"):
        return _slider(row, default, more)
    if row.type == "several":
        return list(row.choices), {"default": default[0] if default else row.choices[0], **more}
    return "STRING", {"default": default or "", **more}


def _slider(row: Row, default: Any, more: dict[str, Any]) -> Widget:
    kind = "INT" if row.type == "whole" else "FLOAT"
    low, high = row.low if row.low is not None else 0, row.high if row.high is not None else 10000
    step = row.step or (1 if kind == "INT" else 0.01)
    if default is None:
        default = low = 0 if low > 0 else -1
        more["tooltip"] += f" ({default:g} here)"
    number = int if kind == "INT" else float
    more.update(default=number(default), min=number(low), max=number(high), step=number(step))
    if kind == "FLOAT":
        more["round"] = 0.001
    return kind, more


def _value(row: Row, default: Any, given: Any) -> Any:
    if row.type == "flag" and default is None:
        return {AUTO: None, "on": True, "off": False}[given]
    if row.type in ("text", "path") and default is None:
        return given or None
    if row.type in ("whole", "number") and default is None:
        low = row.low if row.low is not None else 0
        return None if (given <= 0 if low > 0 else given < 0) else given
    return given
