"""``rilievo run``: pictures to depth maps and what follows from them."""

from __future__ import annotations

import argparse
import glob
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rilievo
from rilievo.cli import exit_codes, models_folder
from rilievo.cli.options import add_options
from rilievo.cli.report import Report
from rilievo.errors import EXPECTED, explain
from rilievo.folders import pictures_in
from rilievo.options import Options, rows

# How another folder is chosen here.
ANOTHER_FOLDER = "another folder with -o"


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "run",
        help="turn pictures into depth maps, normal maps, stereo pairs, meshes",
        description="Turn pictures into depth maps and what follows from them.",
    )
    parser.set_defaults(command=_run)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a file, a folder, or a pattern such as 'photos/*.jpg'"
    )
    parser.add_argument(
        "-o", "--output", default="out", metavar="DIR", help="where results go (default: out)"
    )
    parser.add_argument(
        "--depth-map", metavar="FILE", help="use this depth map instead of a network (one picture only)"
    )
    parser.add_argument(
        "--format", default="png", choices=("png", "jpg", "webp"), help="format of 8-bit pictures"
    )
    models_folder.add_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, only the paths")
    add_options(parser)


def _run(chosen: argparse.Namespace) -> int:
    given = vars(chosen)
    options = Options(**{name: given[name] for name in rows() if name in given})
    models_folder.use(chosen)
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
    report = Report(chosen, total=len(paths))
    if paths and not chosen.depth_map:
        report.model(rilievo.models.choice(options))
    for path in paths:
        started = time.perf_counter()
        try:
            for written in _one(path, options, saver, chosen.depth_map, report):
                report.written(path, *written)
            report.finished(path, time.perf_counter() - started)
        except EXPECTED as error:
            problem = explain(error, folder=ANOTHER_FOLDER)
            failures.append((str(path), problem.sentence))
            report.failed(*failures[-1])
            if problem.hopeless:
                break
    report.close(failures)
    return exit_codes.FAILED if failures else exit_codes.DONE


def _one(
    path: Path, options: Options, saver: rilievo.Saver, depth_map: str | None, report: Report
) -> Iterator[tuple[str, Path]]:
    stem = None
    outputs = rilievo.generate(
        path, options, depth_maps=[depth_map] if depth_map else None, progress=report.progress(path)
    )
    for output in outputs:
        stem = stem or saver.start(path.stem)
        yield output.kind, saver.save(output, stem, info={"source": path.name, "options": options.changed()})


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
