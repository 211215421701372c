"""What nodes need of ComfyUI: its progress bar, its interrupt, its folders, its memory.

Everything is imported when it is used, and is missing quietly where rilievo is
imported without ComfyUI.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rilievo import _native
from rilievo.clips import FRAME

# Progress within a frame, in steps of the host's bar.
STEPS = 100
# The part of a frame's time that these stages take, from where to where; what is not here takes all of it.
SHARES = {"prepare": (0.0, 0.05), "network": (0.05, 0.85), "upsample": (0.85, 1.0)}
PREVIEW_SIDE = 512


def module(name: str) -> Any:
    """A module of the host, or ``None`` where there is no host."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Interrupt:
    """The host's interrupt button, as rilievo's ``cancel``."""

    def __init__(self) -> None:
        self._management = module("comfy.model_management")

    def is_set(self) -> bool:
        return bool(self._management and self._management.processing_interrupted())

    def check(self) -> None:
        """Leaves the node the way the host expects it, if the button was pressed."""
        if self._management:
            self._management.throw_exception_if_processing_interrupted()


class NodeRun:
    """One run of a node: the progress of a number of frames, and the way out.

    ``step`` is rilievo's progress callback; ``cancel`` what it asks whether to
    stop.
    """

    def __init__(self, frames: int):
        self.cancel = Interrupt()
        self._done = 0
        self._reached = 0
        self._total = max(frames, 1) * STEPS
        utils = module("comfy.utils")
        self._bar = utils.ProgressBar(self._total) if utils else None

    def step(self, stage: str, done: int, total: int) -> None:
        if stage == FRAME:
            self.finished()
            return
        start, end = SHARES.get(stage, (0.0, 1.0))
        part = round(STEPS * (start + (end - start) * (done / total if total else 0.0)))
        # The bar never goes back, and a frame is whole only when it is finished.
        reached = min(self._done * STEPS + min(part, STEPS - 1), self._total)
        if reached > self._reached:
            self._show(reached, None)

    def finished(self, picture: Any = None) -> None:
        """A frame is done; ``picture`` (uint8) is shown as its preview."""
        self._done += 1
        self._show(min(self._done * STEPS, self._total), picture)
        self.cancel.check()

    def preview(self, picture: Any) -> None:
        """Shows a picture (uint8) without going on."""
        self._show(self._reached, picture)

    def _show(self, reached: int, picture: Any) -> None:
        self._reached = reached
        if self._bar is not None:
            self._bar.update_absolute(reached, self._total, _preview(picture))


@contextmanager
def node_run(frames: int) -> Iterator[NodeRun]:
    """A :class:`NodeRun` whose interruption becomes the host's own exception."""
    run = NodeRun(frames)
    run.cancel.check()
    try:
        yield run
    except _native.Cancelled:
        run.cancel.check()
        raise


def _preview(picture: Any) -> Any:
    if picture is None:
        return None
    from PIL import Image

    return ("JPEG", Image.fromarray(picture), PREVIEW_SIDE)


def input_files(extensions: tuple[str, ...]) -> list[str]:
    """The files of these kinds in the host's input folder, sorted."""
    paths = module("folder_paths")
    if paths is None:
        return []
    folder = paths.get_input_directory()
    return sorted(
        name
        for name in os.listdir(folder)
        if name.lower().endswith(extensions) and os.path.isfile(os.path.join(folder, name))
    )


def input_path(name: str) -> str:
    """Where a file named by a widget lies."""
    return str(module("folder_paths").get_annotated_filepath(name))


class OutputFolder:
    """Numbered file names in the host's output folder."""

    def __init__(self, prefix: str, width: int = 0, height: int = 0):
        paths = module("folder_paths")
        self._folder, self._name, self._number, self.subfolder, _ = paths.get_save_image_path(
            prefix, paths.get_output_directory(), width, height
        )

    def next(self, extension: str) -> tuple[str, str]:
        """The next file's whole path, and its path in the output folder with forward slashes."""
        name = f"{self._name}_{self._number:05}_.{extension}"
        self._number += 1
        relative = "/".join(part for part in (*self.subfolder.split(os.sep), name) if part)
        return os.path.join(self._folder, name), relative

    def shown(self, relative: str) -> dict[str, str]:
        """The entry of a file in what a node shows."""
        return {"filename": relative.rsplit("/", 1)[-1], "subfolder": self.subfolder, "type": "output"}


def metadata(prompt: Any, extra: Any) -> dict[str, str]:
    """The workflow as the host writes it into pictures, unless the host was told not to."""
    arguments = module("comfy.cli_args")
    if arguments is not None and arguments.args.disable_metadata:
        return {}
    entries = {} if prompt is None else {"prompt": prompt}
    entries.update(extra or {})
    return {key: json.dumps(value) for key, value in entries.items()}


def make_room(megabytes: int, device: str) -> None:
    """Asks the host to move its own models out of the way of a network on the same GPU."""
    management = module("comfy.model_management")
    if management is None or device == "cpu":
        return
    theirs = management.get_torch_device()
    if getattr(theirs, "type", "cpu") != "cpu":
        management.free_memory(megabytes << 20, theirs)


def is_short_of_memory() -> bool:
    """Whether the host was started to spare GPU memory, and so nothing should stay loaded."""
    management = module("comfy.model_management")
    state = getattr(management, "vram_state", None)
    return getattr(state, "name", "") in ("LOW_VRAM", "NO_VRAM")
