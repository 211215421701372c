"""The command line: ``rilievo run``, ``rilievo models`` and ``rilievo serve``.

Exit codes: 0 all done; 1 some pictures failed (the others are written); 2 the
command itself was wrong; 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import glob
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import rilievo
from rilievo.api import command
from rilievo.folders import pictures_in
from rilievo.options import DEFAULTS, Options, Row, rows

FAILED, WRONG, INTERRUPTED = 1, 2, 130
_BAR_FORMAT = "{desc} |{bar:24}| {percentage:3.0f}% ({remaining} left)"


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
        return INTERRUPTED
    except BrokenPipeError:
        # Somebody read the first lines and left (`rilievo models | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, rilievo.RilievoError) as error:
        print(f"rilievo: {_explain(error)}", file=sys.stderr)
        return WRONG


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG, f"rilievo: {message}; `{self.prog} --help` lists what there is\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rilievo", description="Depth from one picture.")
    parser.add_argument("--version", action="version", version=f"rilievo {rilievo.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)

    run = commands.add_parser(
        "run",
        help="turn pictures into depth maps, normal maps, stereo pairs, meshes",
        description="Turn pictures into depth maps and what follows from them.",
    )
    run.set_defaults(command=_run)
    run.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a file, a folder, or a pattern such as 'photos/*.jpg'"
    )
    run.add_argument("-o", "--output", default="out", metavar="DIR", help="where results go (default: out)")
    run.add_argument(
        "--depth-map", metavar="FILE", help="use this depth map instead of a network (one picture only)"
    )
    run.add_argument(
        "--format", default="png", choices=("png", "jpg", "webp"), help="format of 8-bit pictures"
    )
    run.add_argument("--models-dir", metavar="DIR", help="look for models here first")
    run.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    run.add_argument("-q", "--quiet", action="store_true", help="no progress, only the paths")
    _add_options(run)

    panel = commands.add_parser(
        "ui",
        help="the panel in a browser (needs the extra: pip install 'rilievo[ui]')",
        description="Serve the panel, for a browser on this machine.",
    )
    panel.add_argument(
        "-o", "--output", default="outputs", metavar="DIR", help="where results go (default: outputs)"
    )
    panel.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="default: this machine only")
    panel.add_argument("--port", type=int, metavar="N", help="default: the first free one from 7860")
    panel.add_argument("--models-dir", metavar="DIR", help="look for models here first")
    panel.add_argument("--browser", action="store_true", help="open the browser")
    panel.set_defaults(command=_ui)

    devices = commands.add_parser(
        "devices",
        help="where networks can run on this machine",
        description="Where networks can run on this machine, and why not elsewhere.",
    )
    devices.add_argument("--json", action="store_true", help="print JSON")
    devices.set_defaults(command=_devices)

    models = commands.add_parser(
        "models",
        help="what networks there are; download, verify, import them",
        description="What networks there are, and which are on this machine.",
    )
    _models_arguments(models)
    models.set_defaults(command=_models, json=False, models_dir=None)
    actions = models.add_subparsers(title="actions", metavar="ACTION", parser_class=_Parser)
    for name, action, text in (
        ("list", _models, "list every network (what `rilievo models` does)"),
        ("download", _download, "fetch networks; goes on where an earlier download stopped"),
        ("verify", _verify, "hold files against their known checksums"),
        ("where", _where, "print where a network's file lies"),
        ("import", _import, "copy a checkpoint you have into the models folder"),
    ):
        parser_of_action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        parser_of_action.set_defaults(command=action)
        _models_arguments(parser_of_action)
        if action is not _models:
            count = {_download: "+", _verify: "+", _import: "?"}.get(action)
            note = "see `rilievo models`" + ("; left out, the file says it" if count == "?" else "")
            parser_of_action.add_argument("name", nargs=count, metavar="NAME", help=note)
        if action is _import:
            parser_of_action.add_argument("file", metavar="FILE", help="the checkpoint")
        if action is _download:
            parser_of_action.add_argument("--offline", action="store_true", help="never touch the network")
            parser_of_action.add_argument("-q", "--quiet", action="store_true", help="no progress")

    serve = commands.add_parser(
        "serve",
        help="answer over HTTP",
        description="Answer over HTTP: the routes /depth/... (see docs/api.md).",
    )
    command.add_arguments(serve)
    serve.set_defaults(command=command.run)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
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
    text = row.help or row.label
    if row.choices:
        text += f" ({', '.join(row.choices)})"
    if default not in (None, False, "") and row.type != "flag":
        text += f" (default: {', '.join(default) if isinstance(default, list) else default})"
    return text.replace("%", "%%")


def _run(chosen: argparse.Namespace) -> int:
    given = vars(chosen)
    options = Options(**{name: given[name] for name in rows() if name in given})
    _use_folder(chosen)
    paths, failures = _inputs(chosen.images)
    if chosen.depth_map and len(paths) != 1:
        raise ValueError(f"--depth-map belongs to one picture, but {len(paths)} were given")
    if any(
        path.parent.resolve() == Path(chosen.output).resolve()
        for path in paths
        if _from_folder(path, chosen.images)
    ):
        raise ValueError(f"{chosen.output} is the input folder as well; choose another output folder with -o")

    saver = rilievo.Saver(chosen.output, picture_format=chosen.format)
    report = _Report(chosen, total=len(paths))
    if paths and not chosen.depth_map:
        report.model(rilievo.models.choice(options))
    for path in paths:
        started = time.perf_counter()
        try:
            for written in _one(path, options, saver, chosen.depth_map, report):
                report.written(path, *written)
            report.finished(path, time.perf_counter() - started)
        except (ValueError, OSError, MemoryError, rilievo.RilievoError) as error:
            failures.append((str(path), _explain(error)))
            report.failed(*failures[-1])
            if _is_fatal(error):
                break
    report.close(failures)
    return FAILED if failures else 0


def _one(
    path: Path, options: Options, saver: rilievo.Saver, depth_map: str | None, report: _Report
) -> Iterator[tuple[str, Path]]:
    stem = None
    outputs = rilievo.generate(
        path, options, depth_maps=[depth_map] if depth_map else None, progress=report.progress(path)
    )
    for output in outputs:
        stem = stem or saver.start(path.stem)
        yield output.kind, saver.save(output, stem, info={"source": path.name, "options": options.changed()})


_REMEDIES = {
    errno.ENOSPC: "make room, or choose another folder with -o",
    errno.EDQUOT: "make room, or choose another folder with -o",
    errno.EFBIG: "choose another folder with -o",
    errno.EROFS: "choose another folder with -o",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
}


def _explain(error: BaseException) -> str:
    """The error as one sentence with a remedy."""
    if isinstance(error, MemoryError):
        return "there is not enough memory; try a smaller picture or net size"
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        remedy = _REMEDIES.get(error.errno)
        return f"{error.filename}: {error.strerror}" + (f"; {remedy}" if remedy else "")
    return str(error)


def _is_fatal(error: Exception) -> bool:
    """A full disk or a read-only folder will fail every further picture as well."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EROFS, errno.EDQUOT}


def _inputs(patterns: Sequence[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """The pictures meant by files, folders and patterns, and what was not there."""
    paths: list[Path] = []
    failures: list[tuple[str, str]] = []
    for pattern in patterns:
        if os.path.isdir(pattern):
            found = pictures_in(pattern)
            if not found:
                failures.append((pattern, "there is no picture in this folder"))
            paths += found
        elif os.path.exists(pattern):
            paths.append(Path(pattern))
        else:
            found = sorted(Path(name) for name in glob.glob(pattern, recursive=True) if os.path.isfile(name))
            if not found:
                failures.append(
                    (pattern, "no such file or folder; check the spelling, or give the full path")
                )
            paths += found
    return list(dict.fromkeys(paths)), failures


def _from_folder(path: Path, patterns: Sequence[str]) -> bool:
    return any(os.path.isdir(pattern) and path.parent == Path(pattern) for pattern in patterns)


class _Report:
    """What the person, or the script, gets to see."""

    def __init__(self, chosen: argparse.Namespace, total: int):
        self.json = chosen.json
        self.bars = not (chosen.json or chosen.quiet)
        self.total = total
        self.done = 0
        self.outputs: list[dict[str, str]] = []
        self.started = time.perf_counter()
        self.model_id: str | None = None
        self._bar: _Bar | None = None

    def model(self, choice: rilievo.models.Choice) -> None:
        self.model_id = choice.id
        if self.bars:
            print(choice.line, file=sys.stderr)

    def progress(self, path: Path) -> Any:
        if not self.bars:
            return None
        self._bar = _Bar(f"[{self.done + 1}/{self.total}] {path.name}" if self.total > 1 else path.name)
        return self._bar.step

    def written(self, path: Path, kind: str, result: Path) -> None:
        self.outputs.append({"input": str(path), "kind": kind, "path": str(result)})
        if not self.json:
            self._end_bar()
            print(f"{kind:<16} {result}", flush=True)

    def finished(self, path: Path, seconds: float) -> None:
        self.done += 1
        self._end_bar()
        if self.bars:
            print(f"{path.name} done in {seconds:.2f} s", file=sys.stderr)

    def failed(self, path: str, reason: str) -> None:
        self._end_bar()
        if not self.json:
            print(f"rilievo: {_sentence(path, reason)}", file=sys.stderr)

    def close(self, failures: list[tuple[str, str]]) -> None:
        self._end_bar()
        if self.json:
            document = {
                "model": self.model_id,
                "outputs": self.outputs,
                "failures": [{"input": path, "error": reason} for path, reason in failures],
                "seconds": round(time.perf_counter() - self.started, 3),
            }
            print(json.dumps(document, indent=2))
        elif failures and self.done + len(failures) > 1:
            print(f"{self.done} of {self.done + len(failures)} done; failed:", file=sys.stderr)
            for path, reason in failures:
                print(f"  {_sentence(path, reason)}", file=sys.stderr)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Bar:
    """A progress bar on standard error that starts anew with every stage; none at all without a label.

    What follows a colon in a stage's name is a part of the same stage.
    """

    def __init__(self, label: str | None, unit: str = "it"):
        self.label = label
        self.unit = unit
        self._bar: Any = None
        self._stage: tuple[str, int] | None = None

    def step(self, stage: str, done: int, total: int) -> None:
        if self.label is None:
            return
        name, text = (stage.partition(":")[0], total), f"{self.label}: {stage}"
        if self._stage != name:
            from tqdm import tqdm

            self.close()
            self._stage = name
            size = {"unit": "B", "unit_scale": True} if self.unit == "B" else {"bar_format": _BAR_FORMAT}
            # The time left from the mean pace so far: steps of a stage are about alike.
            self._bar = tqdm(total=total or None, desc=text, leave=False, delay=0.3, smoothing=0, **size)
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            self._stage = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sentence(path: str, reason: str) -> str:
    return reason if path in reason else f"{path}: {reason}"


def _ui(chosen: argparse.Namespace) -> int:
    from rilievo.hosts import standalone

    _use_folder(chosen)
    standalone.ui(host=chosen.host, port=chosen.port, output=chosen.output, open_browser=chosen.browser)
    return 0


def _models_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models-dir", metavar="DIR", default=argparse.SUPPRESS, help="look for models here first"
    )
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


# What networks are for, in the order they are listed, and the heading of each part of the list.
_ROLES = {
    "depth": "depth",
    "merge": "boost",
    "inpaint": "3D photo",
    "background": "background removal",
}


def _models(chosen: argparse.Namespace) -> int:
    _use_folder(chosen)
    table = rilievo.models.table()
    if chosen.json:
        print(json.dumps(table, indent=2))
        return 0
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
    return 0


def _devices(chosen: argparse.Namespace) -> int:
    found = rilievo.devices()
    if chosen.json:
        print(json.dumps([{"device": name, "error": reason} for name, reason in found.items()], indent=2))
        return 0
    for name, reason in found.items():
        print(f"{name:<10}{reason or 'ready'}")
    return 0


def _download(chosen: argparse.Namespace) -> int:
    _use_folder(chosen, make=True)
    if chosen.offline:
        os.environ["RILIEVO_OFFLINE"] = "--offline"
    for name in chosen.name:
        with _Bar(None if chosen.quiet or chosen.json else name, unit="B") as bar:
            path = rilievo.models.download(name, progress=bar.step)
        _say(chosen, {"model": name, "path": path}, path)
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    _use_folder(chosen)
    for name in chosen.name:
        found = rilievo.models.verify(name)
        note = (
            f"{name}: checksum right"
            if found
            else f"{name}: whole and fitting; no checksum is known to compare with"
        )
        _say(chosen, {"model": name, "sha256": found}, note)
    return 0


def _where(chosen: argparse.Namespace) -> int:
    _use_folder(chosen)
    choice = rilievo.models.choice(Options(model_type=chosen.name))
    _say(
        chosen,
        {"model": choice.id, "path": choice.path},
        choice.path or f"{choice.id} travels inside rilievo",
    )
    return 0


def _import(chosen: argparse.Namespace) -> int:
    _use_folder(chosen, make=True)
    with _Bar(None if chosen.json else os.path.basename(chosen.file), unit="B") as bar:
        id_, path = rilievo.models.adopt(chosen.name, chosen.file, progress=bar.step)
    _say(chosen, {"model": id_, "path": path}, f"{id_}: {path}")
    return 0


def _use_folder(chosen: argparse.Namespace, make: bool = False) -> None:
    if chosen.models_dir:
        if make:
            os.makedirs(chosen.models_dir, exist_ok=True)
        rilievo.models.look_in(chosen.models_dir)


def _say(chosen: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    print(json.dumps(document) if chosen.json else text)


if __name__ == "__main__":
    sys.exit(main())
