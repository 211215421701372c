"""Every environment variable that Python code here reads or sets; ``src/env.rs`` has those of the native half.

``docs/environment.md`` shows both to people.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """A variable of the environment and what it is for."""

    name: str
    meaning: str

    def read(self) -> str:
        """Its value now; empty if it is not set."""
        return os.environ.get(self.name, "")

    def set(self, value: str) -> None:
        """Sets it for this process, the native half included."""
        os.environ[self.name] = value


RILIEVO_MODELS = Variable(
    "RILIEVO_MODELS",
    "folders to look for models in before all others, separated like `PATH`; downloads go to the first",
)
RILIEVO_OFFLINE = Variable("RILIEVO_OFFLINE", "nothing is fetched, as with `--offline`")
RILIEVO_MAX_PIXELS = Variable(
    "RILIEVO_MAX_PIXELS", "pixels of the largest picture that is decoded (default: 250 million)"
)
RILIEVO_API_AUTH = Variable(
    "RILIEVO_API_AUTH", "who may use `rilievo serve`, as `--api-auth` says it: `USER:PASSWORD`, or `@FILE`"
)
XDG_DATA_HOME = Variable(
    "XDG_DATA_HOME", "where the models folder, `rilievo/models`, lies (default: `~/.local/share`)"
)
LOCALAPPDATA = Variable("LOCALAPPDATA", "where the models folder lies on Windows")
XDG_CACHE_HOME = Variable(
    "XDG_CACHE_HOME", "where other programs keep what they fetched (default: `~/.cache`)"
)
TORCH_HOME = Variable(
    "TORCH_HOME", "PyTorch's folder, looked for models in (default: `torch` in `XDG_CACHE_HOME`)"
)
U2NET_HOME = Variable("U2NET_HOME", "rembg's folder, looked for models in (default: `~/.u2net`)")
GRADIO_TEMP_DIR = Variable("GRADIO_TEMP_DIR", "where the panel puts files that a browser is to fetch")
GRADIO_ANALYTICS_ENABLED = Variable(
    "GRADIO_ANALYTICS_ENABLED", "`False`: Gradio reports nothing home (default with `rilievo ui`: `False`)"
)
