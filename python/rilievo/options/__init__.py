"""Options: what a run can be told, and what it accepts.

Field names and defaults are those of the reference extension's generation
options, in lower case; keys are taken in any case. What an option is stands in
Rust, how it is shown in :mod:`rilievo.options._rows`; every surface (command
line, panels, HTTP, nodes, documentation) is made from the two.

Where rilievo departs from the reference's defaults: ``model_type`` is
``"auto"`` (the best network on the machine), ``net_width`` and ``net_height``
are ``None`` (the network's own size), ``compute_device`` is ``"auto"``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rilievo import _native
from rilievo.options._generated import Fields
from rilievo.options._rows import ROWS, Shown

STEREO_FILLS: tuple[str, ...] = tuple(_native.stereo_fills())
STEREO_MODES: tuple[str, ...] = tuple(name for name, _ in _native.stereo_modes())
PARALLAX_PRESETS: tuple[str, ...] = tuple(_native.parallax_presets())


@dataclass(frozen=True)
class Limit:
    """Which numbers an option takes; ``wanted`` says it in words, ``zero`` what 0 means besides."""

    wanted: str
    least: float | None
    most: float | None
    above: float | None
    below: float | None
    odd: bool
    zero: str | None


@dataclass(frozen=True)
class Row(Shown):
    """All that a surface needs to know of an option.

    ``type`` is flag, whole, number, text, choice, several, color (``#rrggbb``) or path: a file of the machine
    rilievo runs on, which a surface that serves strangers does not offer. ``name`` is what the option is
    called among those of ``native``, its group in :func:`Options.group`.
    """

    type: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()
    limit: Limit | None = None
    native: str = ""
    name: str = ""


@dataclass
class Options(Fields):
    """Everything :func:`rilievo.generate` can be told beside the pictures.

    Raises :class:`ValueError` naming the option, the value and what is
    accepted.
    """

    def __post_init__(self) -> None:
        vars(self).update(_native.check_options(vars(self)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, strict: bool = True) -> Options:
        """Options from names in any case.

        ``strict=False`` drops unknown names, as the reference's API did;
        otherwise they are a :class:`ValueError`.
        """
        known: dict[str, Any] = {}
        for key, value in values.items():
            name = str(getattr(key, "name", key)).lower()
            if name in DEFAULTS:
                known[name] = value
            elif strict:
                raise ValueError(f"there is no option {name!r}; known are {', '.join(sorted(DEFAULTS))}")
        return cls(**known)

    def replace(self, **values: Any) -> Options:
        """A copy with some values changed; names in any case."""
        return self.from_mapping({**dataclasses.asdict(self), **{k.lower(): v for k, v in values.items()}})

    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value != DEFAULTS[name]}

    def group(self, name: str) -> dict[str, Any]:
        """The options of a function of the core, by the names they have there.

        Groups are ``estimate``, ``boost``, ``clip``, ``stereo``, ``normal_map``, ``camera``, ``heat_map``,
        ``simple_mesh``, ``point_cloud``, ``depth_of_field``, ``fog``, ``depth_mask`` and ``parallax``.
        """
        return {short: getattr(self, option) for short, option in _GROUPS[name].items()}

    @property
    def intrinsics(self) -> tuple[float, float, float, float] | None:
        """The camera as (fx, fy, cx, cy) in pixels, or ``None`` if only its field of view is known."""
        if self.camera_intrinsics is None:
            return None
        fx, fy, cx, cy = map(float, self.camera_intrinsics.split(","))
        return (fx, fy, cx, cy)

    @property
    def net_size(self) -> tuple[int, int] | None:
        """Width and height for the network, or ``None`` for its own."""
        if self.net_width is None and self.net_height is None:
            return None
        side = self.net_width or self.net_height or 0
        return (self.net_width or side, self.net_height or side)


def rows() -> dict[str, Row]:
    """Every option's row, by name, in table order."""
    return dict(_ROWS)


@functools.cache
def native_rows() -> list[dict[str, Any]]:
    """What Rust says of every option of every group, ``option`` being its name in :class:`Options`, if it is there."""
    return _native.option_table()


def limit(row: Mapping[str, Any]) -> Limit | None:
    """The range in one of :func:`native_rows`."""
    if row["wanted"] is None:
        return None
    return Limit(**{field.name: row[field.name] for field in dataclasses.fields(Limit)})


def _joined(name: str, row: Mapping[str, Any]) -> Row:
    return Row(
        **vars(ROWS[name]),
        type=row["type"],
        help=row["help"],
        choices=tuple(row["choices"]),
        limit=limit(row),
        native=row["group"],
        name=row["name"],
    )


_GROUPS: dict[str, dict[str, str]] = {}
_TABLE: dict[str, dict[str, Any]] = {}
for _row in native_rows():
    _group = _GROUPS.setdefault(_row["group"], {})
    if _row["option"] in ROWS:
        _group[_row["name"]] = _row["option"]
        _TABLE.setdefault(_row["option"], _row)
_ROWS = {_name: _joined(_name, _TABLE[_name]) for _name in ROWS}

DEFAULTS: dict[str, Any] = {name: _TABLE[name]["default"] for name in ROWS}
