"""``rilievo serve``: the HTTP routes."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from typing import Any

from rilievo import env
from rilievo.api import Limits, credentials
from rilievo.cli import exit_codes, models_folder

_NEEDED = {"fastapi", "starlette", "uvicorn", "multipart", "python_multipart", "pydantic"}


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "serve",
        help="answer over HTTP",
        description="Answer over HTTP: the routes /depth/... (see docs/api.md).",
    )
    parser.set_defaults(command=_serve)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=7870, help="port to listen on; 0: any free one (default: 7870)"
    )
    parser.add_argument(
        "--api-auth",
        metavar="USER:PASSWORD",
        help="who may use it, several separated by commas; @FILE reads them from a file "
        "(default: the variable RILIEVO_API_AUTH)",
    )
    parser.add_argument(
        "--allow-anonymous",
        action="store_true",
        help="listen to other machines without a password",
    )
    parser.add_argument(
        "--cors-origin",
        metavar="URL",
        action="append",
        default=[],
        help="let pages from this origin use the API; may be repeated",
    )
    parser.add_argument(
        "--allow-folder",
        metavar="DIR",
        action="append",
        default=[],
        help="let clients name files in this folder of the server; may be repeated",
    )
    models_folder.add_argument(parser, "--models")
    parser.add_argument("--offline", action="store_true", help="never touch the network")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="requests computed at once (default: 1)"
    )
    parser.add_argument(
        "--log-level", default="info", choices=("debug", "info", "warning", "error"), help="default: info"
    )
    limits = parser.add_argument_group("limits")
    for limit in dataclasses.fields(Limits):
        unit = limit.metadata["unit"]
        limits.add_argument(
            "--" + limit.name.replace("_", "-"),
            type=int,
            metavar="N",
            help=f"{limit.metadata['help']} (default: {limit.default // unit})",
        )


def _serve(chosen: argparse.Namespace) -> int:
    """Serves until interrupted."""
    logging.basicConfig(
        level=chosen.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        from rilievo.api.server import Settings, serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise ValueError(
            f"`rilievo serve` needs {error.name}; install it with: pip install 'rilievo[serve]'"
        ) from None
    if chosen.offline:
        env.RILIEVO_OFFLINE.set("--offline")
    models_folder.use(chosen)
    if chosen.workers < 1:
        raise ValueError(f"--workers is {chosen.workers}; it must be above 0")
    if not 0 <= chosen.port < 65536:
        raise ValueError(f"--port is {chosen.port}; it must be from 0 (any free one) to 65535")
    serve(
        Settings(
            host=chosen.host,
            port=chosen.port,
            auth=_users(chosen.api_auth),
            open_to_all=chosen.allow_anonymous,
            origins=tuple(chosen.cors_origin),
            folders=tuple(_folder(folder) for folder in chosen.allow_folder),
            workers=chosen.workers,
            limits=_limits(chosen),
        )
    )
    return exit_codes.DONE


def _users(given: str | None) -> dict[str, str]:
    text = given if given is not None else env.RILIEVO_API_AUTH.read()
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as file:
            text = file.read()
    users = credentials(text)
    if given is not None and not users:
        raise ValueError("--api-auth names nobody; it must be USER:PASSWORD, or @FILE with some in it")
    return users


def _folder(text: str) -> str:
    folder = os.path.abspath(os.path.expanduser(text))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder}: --allow-folder must be a folder that exists")
    return folder


def _limits(chosen: argparse.Namespace) -> Limits:
    given = {
        limit.name: getattr(chosen, limit.name) * limit.metadata["unit"]
        for limit in dataclasses.fields(Limits)
        if getattr(chosen, limit.name) is not None
    }
    return Limits(**given)
