"""Keywords of single functions, as the table of options describes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from rilievo.options import limit, native_rows

Function = TypeVar("Function", bound=Callable[..., Any])


def takes(*parts: str, without: tuple[str, ...] = (), **own: Any) -> Callable[[Function], Function]:
    """Shows in a function's signature and documentation the options it takes as keywords.

    ``parts`` are groups, or single options of one as ``group.option``; ``own`` are defaults that are the
    function's own.
    """
    rows = [
        row
        for part in parts
        for row in native_rows()
        if part in (row["group"], f"{row['group']}.{row['name']}") and row["name"] not in without
    ]

    def shown(function: Function) -> Function:
        signature = inspect.signature(function)
        named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = {parameter.name for parameter in named}
        options = [
            inspect.Parameter(
                row["name"], inspect.Parameter.KEYWORD_ONLY, default=own.get(row["name"], row["default"])
            )
            for row in rows
            if row["name"] not in known
        ]
        function.__signature__ = signature.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
        lines = [f"- ``{row['name']}``: {_meaning(row)}" for row in rows]
        function.__doc__ = "\n".join([inspect.getdoc(function) or "", "", *lines])
        return function

    return shown


def _meaning(row: dict[str, Any]) -> str:
    found = limit(row)
    taken = found.wanted if found else ", ".join(row["choices"])
    return f"{row['help']}; {taken}" if taken else str(row["help"])
