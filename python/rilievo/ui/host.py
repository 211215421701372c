"""What the panel asks of whoever it lives in. :class:`Host` is the answer of the standalone panel."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rilievo
from rilievo import env
from rilievo.options import STEREO_MODES, Options
from rilievo.outputs import Output
from rilievo.ui.jobs import PanelJob


@dataclass(frozen=True)
class PanelSettings:
    """What a person can set for the panel as a whole."""

    keep_models: bool = True
    show_3d: bool = True
    heatmap: bool = True
    all_stereo_modes: bool = True
    mesh_maxsize: int | None = None
    boost_rmax: int | None = None

    def options(self) -> dict[str, int]:
        """The options that are set here, and so not in the panel."""
        values = {"mesh_maxsize": self.mesh_maxsize, "boost_rmax": self.boost_rmax}
        return {name: value for name, value in values.items() if value is not None}


class PictureSaver(Protocol):
    """Writes the outputs of pictures; ``image`` is the picture, if more than a file."""

    def start(self, base: str, image: Any = None) -> str: ...

    def save(self, output: Output, stem: str, *, info: dict[str, Any] | None = None) -> Path: ...


class FolderSaver(rilievo.Saver):
    """Writes into a folder and needs to know nothing of the picture."""

    def start(self, base: str, image: Any = None) -> str:
        """Begins a picture."""
        return super().start(base)


# The stereo modes of the reference's panel; the others are shown on request.
USUAL_MODES = ("left-right", "right-left", "top-bottom", "bottom-top", "red-cyan-anaglyph")


class Host:
    """A person's own machine: results lie in one folder, nobody else needs the computer."""

    def __init__(self, folder: os.PathLike[str] | str = "outputs", *, may_name_folders: bool = True):
        self.folder = Path(folder).absolute()
        self._may_name_folders = may_name_folders

    def settings(self) -> PanelSettings:
        """The settings as they are now."""
        return PanelSettings()

    def stereo_modes(self) -> tuple[str, ...]:
        """The stereo modes to offer."""
        if self.settings().all_stereo_modes:
            return STEREO_MODES
        return tuple(mode for mode in STEREO_MODES if mode in USUAL_MODES)

    def may_name_folders(self) -> bool:
        """Whether a person at the panel may name folders of this machine, and have them opened."""
        return self._may_name_folders

    def refusal(self) -> str:
        """Why folders may not be named."""
        return "this panel is open to other machines"

    def output_folder(self) -> Path:
        """Where results go."""
        return self.folder

    def saver(self, folder: Path | None = None) -> PictureSaver:
        """A writer into this folder, by default the output folder."""
        return FolderSaver(folder or self.output_folder())

    def servable(self, path: Path) -> bool:
        """Whether Gradio hands out this file; others are copied to where it does."""
        return False

    @contextlib.contextmanager
    def turn(self, job: PanelJob, options: Options) -> Iterator[None]:
        """Waits until it is this job's turn, and gives back what it took."""
        job.begun = True
        yield

    def mirror(self, job: PanelJob) -> None:
        """Called now and then: passes progress to the host and its buttons to the job."""

    def model_folders_ready(self) -> None:
        """Called before models are looked for."""

    def unload(self) -> None:
        """Frees the loaded network."""
        rilievo.unload()

    def open_folder(self) -> None:
        """Shows the output folder in the desktop's file manager."""
        path = self.output_folder()
        path.mkdir(parents=True, exist_ok=True)
        if sys.platform == "win32":
            os.startfile(path)
        else:
            subprocess.Popen(["open" if sys.platform == "darwin" else "xdg-open", str(path)])


def scratch_folder() -> Path:
    """A new folder below Gradio's own temporary one, whose files it hands out."""
    root = env.GRADIO_TEMP_DIR.read() or os.path.join(tempfile.gettempdir(), "gradio")
    os.makedirs(root, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="rilievo-", dir=root))
