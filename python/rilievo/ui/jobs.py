"""What runs at the moment, and the buttons that stop it."""

from __future__ import annotations

import threading
import time
import uuid

# A stage that takes less is over before anybody has read how long it still takes.
LONG = 3.0


class PanelJob:
    """One press of Generate (or Download): where it is, and whether to go on."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.stage = ""
        self.done = 0
        self.total = 0
        self.picture = 0
        self.pictures = 0
        # Whether its turn has come; before, it waits for others.
        self.begun = False
        self._since = 0.0
        self._stop = threading.Event()
        self._skip = threading.Event()

    def report(self, stage: str, done: int, total: int) -> None:
        """The progress callback of the work. What follows a colon is a part of the same stage."""
        if stage.partition(":")[0] != self.stage.partition(":")[0] or done < self.done:
            self._since = time.monotonic()
        self.stage, self.done, self.total = stage, done, total

    def seconds_left(self) -> float | None:
        """How long the stage of this picture still takes, if that can be told."""
        passed = time.monotonic() - self._since
        if passed < LONG or not 0 < self.done < self.total:
            return None
        return passed * (self.total - self.done) / self.done

    def stop(self) -> None:
        """Ends the whole job; what is finished is kept."""
        self._stop.set()

    def skip(self) -> None:
        """Ends the picture in work and goes on with the next."""
        self._skip.set()

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop.is_set()

    def next_picture(self, number: int) -> None:
        """Begins a picture: a skip asked for the one before does not count for it."""
        self.picture = number
        self._skip.clear()

    def is_set(self) -> bool:
        """Whether the picture in work should be given up: the job is its own cancel flag."""
        return self._stop.is_set() or self._skip.is_set()

    def fraction(self) -> float:
        """How much of everything is done, 0 to 1."""
        within = self.done / self.total if self.total else 0.0
        return min(1.0, (self.picture + min(1.0, within)) / max(1, self.pictures))


_running: dict[str, PanelJob] = {}


def start() -> PanelJob:
    """A new job that the buttons can find."""
    job = PanelJob()
    _running[job.id] = job
    return job


def end(job: PanelJob) -> None:
    """The job is over."""
    _running.pop(job.id, None)


def find(job_id: str | None) -> PanelJob | None:
    """The running job of this id."""
    return _running.get(job_id or "")
