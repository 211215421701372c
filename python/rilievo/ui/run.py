"""From the pressed button to results: a worker thread computes, the panel is told how far it is."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rilievo
from rilievo.errors import EXPECTED, explain
from rilievo.options import Options
from rilievo.outputs import Output, Solid
from rilievo.recipes import KINDS
from rilievo.ui.host import FolderSaver, Host, PictureSaver, scratch_folder
from rilievo.ui.jobs import PanelJob
from rilievo.ui.lighten import lighter

log = logging.getLogger("rilievo")

# How often the panel is told, in seconds, and how many pictures a gallery can bear.
TICK = 0.2
MOST_SHOWN = 120


@dataclass
class Item:
    """One picture to do: the file names of its results begin with ``base``."""

    image: Any
    base: str = "depthmap"
    depth_map: Any = None
    # The depth map was found on disk: writing it again would only double it.
    reused: bool = False

    @property
    def name(self) -> str:
        """What a person knows the picture by."""
        return os.path.basename(self.image) if isinstance(self.image, (str, os.PathLike)) else self.base


@dataclass
class Batch:
    """What a tab wants done. ``folder``: results go there, not where the host says."""

    items: list[Item]
    folder: Path | None = None


@dataclass
class Results:
    """What has come out so far."""

    previews: list[tuple[Any, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    mesh: str | None = None
    outputs: int = 0
    done: int = 0
    skipped: int = 0
    reused: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    model: str = ""
    folder: str = ""
    stopped: bool = False
    finished: bool = False


def run(host: Host, batch: Batch, options: Options, job: PanelJob, *, save: bool) -> Iterator[Results]:
    """Does the work; yields the results so far about five times a second, and at the end.

    An error that concerns one picture is among its failures; one that
    concerns all is raised.
    """
    results = Results()
    raised: list[BaseException] = []
    started = time.perf_counter()

    def work() -> None:
        try:
            with host.turn(job, options):
                if not job.stopped:
                    _Work(host, batch, options, job, results).all(save)
        except BaseException as error:
            raised.append(error)

    job.pictures = len(batch.items)
    worker = threading.Thread(target=work, name="rilievo", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(TICK)
            host.mirror(job)
            if job.stopped and not job.begun:
                # It only waits for others: when its turn comes, it will see that it is not wanted.
                break
            if worker.is_alive():
                yield results
    except GeneratorExit:
        # The page was closed: nobody waits for the rest.
        job.stop()
        raise
    results.seconds = time.perf_counter() - started
    results.stopped = job.stopped
    results.finished = True
    if raised:
        raise raised[0]
    yield results


@dataclass
class _Work:
    """What the worker thread does."""

    host: Host
    batch: Batch
    options: Options
    job: PanelJob
    results: Results

    def all(self, save: bool) -> None:
        """Every picture; one that fails does not keep the others from being done."""
        host, batch, results = self.host, self.batch, self.results
        host.model_folders_ready()
        if any(item.depth_map is None for item in batch.items):
            chosen = rilievo.models.choice(self.options)
            results.model = f"{chosen.id}, {chosen.boost}" if chosen.boost else chosen.id
        if save and host.may_name_folders():
            results.folder = str(batch.folder or host.output_folder())
        saver = host.saver(batch.folder) if save else FolderSaver(scratch_folder())
        try:
            for number, item in enumerate(batch.items):
                if self.job.stopped:
                    break
                self.job.next_picture(number)
                try:
                    self.one(item, saver)
                    results.done += 1
                except rilievo.Cancelled:
                    results.skipped += not self.job.stopped
                except EXPECTED as error:
                    if len(batch.items) == 1:
                        raise
                    results.failures.append((item.name, explain(error).sentence))
        finally:
            if not host.settings().keep_models:
                host.unload()

    def one(self, item: Item, saver: PictureSaver) -> None:
        """One picture."""
        options, results, job = self.options, self.results, self.job
        if item.reused:
            results.reused += 1
            if not (options.output_depth_invert or options.output_depth_combine):
                options = options.replace(do_output_depth=False)
        options = options.replace(**self.host.settings().options())
        maps = None if item.depth_map is None else [item.depth_map]
        info = {"source": item.name, "options": options.changed()}
        stem = None
        job.report("loading", 0, 0)
        clock = time.perf_counter()
        for output in rilievo.generate(
            [item.image], options, depth_maps=maps, progress=job.report, cancel=job
        ):
            clock = _add_time(results, KINDS[output.kind].name, clock)
            job.report("saving", 1, 1)
            stem = stem or saver.start(item.base, item.image)
            path = saver.save(output, stem, info=info)
            clock = _add_time(results, "saving", clock)
            self.show(item, output, path)

    def show(self, item: Item, output: Output, path: Path) -> None:
        """Adds an output to what the panel shows."""
        results = self.results
        results.outputs += 1
        if len(results.files) < MOST_SHOWN:
            results.files.append(handed_out(self.host, path))
        if isinstance(output.content, Solid) and output.content.is_surface:
            # Always GLB, which every viewer shows in colour, whatever format the file has.
            view = scratch_folder() / f"{path.stem}.glb"
            lighter(output.content.mesh).save(view, texture="jpeg")
            results.mesh = str(view)
        elif output.is_picture and len(results.previews) < MOST_SHOWN:
            several = len(self.batch.items) > 1
            results.previews.append(
                (output.preview, f"{item.name}: {output.kind}" if several else output.kind)
            )


def _add_time(results: Results, what: str, since: float) -> float:
    now = time.perf_counter()
    results.times[what] = results.times.get(what, 0.0) + now - since
    return now


def handed_out(host: Host, path: Path) -> str:
    """A file where Gradio serves it from: itself, or a copy below Gradio's temporary folder."""
    if host.servable(path):
        return str(path)
    copy = scratch_folder() / path.name
    try:
        os.link(path, copy)
    except OSError:
        shutil.copyfile(path, copy)
    return str(copy)


def download(host: Host, name: str, job: PanelJob) -> Iterator[str | None]:
    """Fetches a network; yields ``None`` now and then, and its path at the end."""
    found: list[str] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            found.append(rilievo.models.download(name, progress=job.report, cancel=job))
        except BaseException as error:
            raised.append(error)

    host.model_folders_ready()
    worker = threading.Thread(target=work, name="rilievo-download", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(TICK)
            if worker.is_alive():
                yield None
    except GeneratorExit:
        job.stop()
        raise
    if raised:
        raise raised[0]
    yield found[0]
