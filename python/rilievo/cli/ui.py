"""``rilievo ui``: the panel in a browser."""

from __future__ import annotations

import argparse
from typing import Any

from rilievo.cli import exit_codes, models_folder


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "ui",
        help="the panel in a browser (needs the extra: pip install 'rilievo[ui]')",
        description="Serve the panel, for a browser on this machine.",
    )
    parser.add_argument(
        "-o", "--output", default="outputs", metavar="DIR", help="where results go (default: outputs)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="default: this machine only")
    parser.add_argument("--port", type=int, metavar="N", help="default: the first free one from 7860")
    models_folder.add_argument(parser)
    parser.add_argument("--browser", action="store_true", help="open the browser")
    parser.set_defaults(command=_serve_panel)


def _serve_panel(chosen: argparse.Namespace) -> int:
    from rilievo.hosts import standalone

    models_folder.use(chosen)
    standalone.ui(host=chosen.host, port=chosen.port, output=chosen.output, open_browser=chosen.browser)
    return exit_codes.DONE
