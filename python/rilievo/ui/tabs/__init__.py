"""The input tabs of the panel, one file each; a new one is a file and a line in ``ALL``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rilievo.ui.host import Host
from rilievo.ui.run import Batch
from rilievo.ui.tabs import batch, folder, single


class Tab(Protocol):
    """What a tab's module offers."""

    TITLE: str
    ID: str

    def build(self, host: Host) -> list[Any]:
        """Makes the tab's components in the current block and returns those that are inputs."""

    def work(self, host: Host, values: Sequence[Any]) -> Batch:
        """What is to be done, from the values of these inputs.

        Raises :class:`ValueError` or :class:`OSError` with a sentence when
        something is missing.
        """


ALL: tuple[Tab, ...] = (single, batch, folder)
