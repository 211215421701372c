"""The Depth tab's host: one queue, one progress, one set of folders and settings, all the WebUI's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import rilievo
from rilievo.hosts.webui import memory, settings
from rilievo.hosts.webui.saving import HostSaver
from rilievo.options import Options
from rilievo.ui.host import Host, PanelSettings, PictureSaver
from rilievo.ui.jobs import PanelJob


class WebUIHost(Host):
    """AUTOMATIC1111's WebUI or Forge."""

    def __init__(self) -> None:
        super().__init__()

    def settings(self) -> PanelSettings:
        """The settings page."""
        return settings.read()

    def may_name_folders(self) -> bool:
        """Not with ``--hide-ui-dir-config``."""
        from modules import shared

        return not shared.cmd_opts.hide_ui_dir_config

    def refusal(self) -> str:
        """Why folders may not be named."""
        return "the WebUI was started with --hide-ui-dir-config"

    def output_folder(self) -> Path:
        """Where the Extras tab writes."""
        from modules.shared import opts

        return Path(opts.outdir_samples or opts.outdir_extras_samples).absolute()

    def saver(self, folder: Path | None = None) -> PictureSaver:
        """Writes as the Extras tab does."""
        return HostSaver(folder or self.output_folder())

    def model_folders_ready(self) -> None:
        """Models lie where the reference kept them: below the WebUI's models folder."""
        use_models_folder()

    @contextlib.contextmanager
    def turn(self, job: PanelJob, options: Options) -> Iterator[None]:
        """Waits in the WebUI's queue, and makes room on its graphics card."""
        from modules import call_queue, shared

        job.report("waiting for the WebUI's other work", 0, 0)
        with call_queue.queue_lock:
            if job.stopped:
                yield
                return
            shared.state.begin(job="depth")
            job.begun = True
            try:
                with memory.room(options):
                    yield
            finally:
                job.begun = False
                shared.state.end()
                shared.state.skipped = shared.state.interrupted = shared.state.stopping_generation = False

    def mirror(self, job: PanelJob) -> None:
        """The WebUI's own progress shows ours, and its Interrupt and Skip work here too."""
        from modules import shared

        if job.begun:
            report(job.stage, job.done, job.total, job.picture, job.pictures)
            if shared.state.interrupted or shared.state.stopping_generation:
                job.stop()
            elif shared.state.skipped:
                shared.state.skipped = False
                job.skip()

    def open_folder(self) -> None:
        """The host's own way to open a folder."""
        from modules import util

        if self.may_name_folders():
            os.makedirs(self.output_folder(), exist_ok=True)
            util.open_folder(str(self.output_folder()))


@contextlib.contextmanager
def api_turn() -> Iterator[None]:
    """What every computation of the HTTP routes runs in: the WebUI's queue, with room on the graphics card."""
    from modules import call_queue, shared

    with call_queue.queue_lock:
        shared.state.begin(job="depth-api")
        try:
            with memory.room(Options()):
                yield
        finally:
            shared.state.end()
            if not settings.read().keep_models:
                rilievo.unload()


def report(stage: str, done: int, total: int, picture: int = 0, pictures: int = 1) -> None:
    """Tells the WebUI how far it is."""
    from modules import shared

    shared.state.textinfo = f"depth: {stage}"
    shared.state.job_count = max(1, pictures)
    shared.state.job_no = picture
    shared.state.sampling_steps = total
    shared.state.sampling_step = done


def use_models_folder() -> None:
    """Looks for models below the WebUI's models folder first."""
    from modules import paths_internal

    folder = paths_internal.models_path
    os.makedirs(folder, exist_ok=True)
    rilievo.models.look_in(folder)


class Interrupts:
    """The cancel flag of scripts: the WebUI's Interrupt and Skip buttons."""

    def is_set(self) -> bool:
        """Whether somebody pressed one of them."""
        from modules import shared

        return bool(shared.state.interrupted or shared.state.skipped)
