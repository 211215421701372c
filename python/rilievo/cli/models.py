"""``rilievo models``: what networks there are; download, verify, find, import them."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

import rilievo
from rilievo import env
from rilievo.cli import exit_codes, models_folder
from rilievo.cli.report import Bar, say
from rilievo.options import Options


def add(commands: Any) -> None:
    """Adds the command and its actions."""
    parser = commands.add_parser(
        "models",
        help="what networks there are; download, verify, import them",
        description="What networks there are, and which are on this machine.",
    )
    _arguments(parser)
    parser.set_defaults(command=_list, json=False, models_dir=None)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", parser_class=type(parser))
    for name, action, text in (
        ("list", _list, "list every network (what `rilievo models` does)"),
        ("download", _download, "fetch networks; goes on where an earlier download stopped"),
        ("verify", _verify, "hold files against their known checksums"),
        ("where", _where, "print where a network's file lies"),
        ("import", _import, "copy a checkpoint you have into the models folder"),
    ):
        action_parser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action_parser.set_defaults(command=action)
        _arguments(action_parser)
        if action is not _list:
            count = {_download: "+", _verify: "+", _import: "?"}.get(action)
            note = "see `rilievo models`" + ("; left out, the file says it" if count == "?" else "")
            action_parser.add_argument("name", nargs=count, metavar="NAME", help=note)
        if action is _import:
            action_parser.add_argument("file", metavar="FILE", help="the checkpoint")
        if action is _download:
            action_parser.add_argument("--offline", action="store_true", help="never touch the network")
            action_parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def _arguments(parser: argparse.ArgumentParser) -> None:
    models_folder.add_argument(parser, default=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


# What networks are for, in the order they are listed, and the heading of each part of the list.
_ROLES = {
    "depth": "depth",
    "merge": "boost",
    "inpaint": "3D photo",
    "background": "background removal",
}


def _list(chosen: argparse.Namespace) -> int:
    models_folder.use(chosen)
    table = rilievo.models.table()
    if chosen.json:
        print(json.dumps(table, indent=2))
        return exit_codes.DONE
    width = max(len(row["id"]) for row in table)
    for role, title in _ROLES.items():
        print(f"{'':2}{title:<{width}}{'size':>10}  {'licence':<32}{'when to choose it'}")
        for row in (row for row in table if row["role"] == role):
            mark = "*" if row["default"] else "+" if row["installed"] else " "
            size = f"{row['megabytes']} MB" if row["megabytes"] else "built in"
            licence = row["licence"] if row["commercial"] else f"{row['licence']}, no commercial use"
            if row["licence"] == "unknown":
                licence = "unknown"
            print(f"{mark} {row['id']:<{width}}{size:>10}  {licence:<32}{row['advice']}")
        print()
    print("* what auto takes now   + on this machine   `rilievo models download NAME` fetches one")
    for sentence in rilievo.models.unusable():
        print(f"! {sentence}")
    print("Files are looked for in:", *(f"  {folder}" for folder in rilievo.models.folders()), sep="\n")
    return exit_codes.DONE


def _download(chosen: argparse.Namespace) -> int:
    models_folder.use(chosen, make=True)
    if chosen.offline:
        env.RILIEVO_OFFLINE.set("--offline")
    for name in chosen.name:
        with Bar(None if chosen.quiet or chosen.json else name, unit="B") as bar:
            path = rilievo.models.download(name, progress=bar.step)
        say(chosen, {"model": name, "path": path}, path)
    return exit_codes.DONE


def _verify(chosen: argparse.Namespace) -> int:
    models_folder.use(chosen)
    for name in chosen.name:
        found = rilievo.models.verify(name)
        note = (
            f"{name}: checksum right"
            if found
            else f"{name}: whole and fitting; no checksum is known to compare with"
        )
        say(chosen, {"model": name, "sha256": found}, note)
    return exit_codes.DONE


def _where(chosen: argparse.Namespace) -> int:
    models_folder.use(chosen)
    choice = rilievo.models.choice(Options(model_type=chosen.name))
    say(
        chosen,
        {"model": choice.id, "path": choice.path},
        choice.path or f"{choice.id} travels inside rilievo",
    )
    return exit_codes.DONE


def _import(chosen: argparse.Namespace) -> int:
    models_folder.use(chosen, make=True)
    with Bar(None if chosen.json else os.path.basename(chosen.file), unit="B") as bar:
        id_, path = rilievo.models.adopt(chosen.name, chosen.file, progress=bar.step)
    say(chosen, {"model": id_, "path": path}, f"{id_}: {path}")
    return exit_codes.DONE
