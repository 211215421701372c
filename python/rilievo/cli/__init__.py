"""The command line: ``rilievo run``, ``rilievo models``, ``rilievo serve`` and others, a file each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import rilievo
from rilievo.cli import devices, exit_codes, models, run, serve, ui
from rilievo.errors import EXPECTED, explain


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        code = int(chosen.command(chosen))
        # Here and not at exit, where a reader who left could not be told from a full disk.
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        # Somebody read the first lines and left (`rilievo models | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.DONE
    except EXPECTED as error:
        print(f"rilievo: {explain(error, folder=run.ANOTHER_FOLDER).sentence}", file=sys.stderr)
        return exit_codes.WRONG


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(exit_codes.WRONG, f"rilievo: {message}; `{self.prog} --help` lists what there is\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rilievo", description="Depth from one picture.")
    parser.add_argument("--version", action="version", version=f"rilievo {rilievo.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in (run, ui, devices, models, serve):
        command.add(commands)
    return parser
