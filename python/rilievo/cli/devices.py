"""``rilievo devices``: where networks can run."""

from __future__ import annotations

import argparse
import json
from typing import Any

import rilievo
from rilievo.cli import exit_codes


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "devices",
        help="where networks can run on this machine",
        description="Where networks can run on this machine, and why not elsewhere.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_list)


def _list(chosen: argparse.Namespace) -> int:
    found = rilievo.devices()
    if chosen.json:
        print(json.dumps([{"device": name, "error": reason} for name, reason in found.items()], indent=2))
        return exit_codes.DONE
    for name, reason in found.items():
        print(f"{name:<10}{reason or 'ready'}")
    return exit_codes.DONE
