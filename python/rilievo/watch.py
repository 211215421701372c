"""Who looks after long work: progress heard, and the wish to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional, Protocol

Progress = Optional[Callable[[str, int, int], None]]


class Cancel(Protocol):
    """Anything that can be asked whether to stop, such as a ``threading.Event``."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Watch:
    """What long work reports to, as ``progress(stage, done, total)``, and what it stops for."""

    progress: Progress = None
    cancel: Cancel | None = None
