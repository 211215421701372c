"""``--models-dir``, which several commands have."""

from __future__ import annotations

import argparse
import os
from typing import Any

import rilievo


def add_argument(parser: argparse.ArgumentParser, *flags: str, **more: Any) -> None:
    """Adds the argument, and more names for it."""
    parser.add_argument("--models-dir", *flags, metavar="DIR", help="look for models here first", **more)


def use(chosen: argparse.Namespace, make: bool = False) -> None:
    """Looks for models in the folder that was given, if one was; ``make`` it if it is not there."""
    if chosen.models_dir:
        if make:
            os.makedirs(chosen.models_dir, exist_ok=True)
        rilievo.models.look_in(chosen.models_dir)
