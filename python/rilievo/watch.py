"""What a long call reports to, and what it asks whether to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional, Protocol

# Called with a stage, what is done of it, and all there is to do (0 if nobody knows).
Progress = Optional[Callable[[str, int, int], None]]


class Cancel(Protocol):
    """Anything that can be asked whether to stop, such as a ``threading.Event``."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Watch:
    """Who watches a long call: ``progress`` is told how far it is, ``cancel`` asked whether to stop."""

    progress: Progress = None
    cancel: Cancel | None = None
