"""The queue: jobs wait for a worker, compute, and are kept for a while.

Everything large lies on disk, in one folder a job, and is counted; what is
over the limit is not taken. Names of jobs cannot be guessed, so who knows one
may see it.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rilievo.api.errors import ApiError, explain
from rilievo.api.limits import Limits
from rilievo.outputs import Output

log = logging.getLogger("rilievo.api")

State = Literal["open", "queued", "running", "done", "failed", "cancelled"]
Around = Callable[[], contextlib.AbstractContextManager[Any]]

_SWEEP_SECONDS = 20.0


@dataclass(frozen=True)
class Result:
    """One finished output of a job, and the file it lies in."""

    index: int
    kind: str
    format: str
    path: Path
    bytes: int
    shape: dict[str, int]

    @property
    def name(self) -> str:
        return self.path.name


class Stop:
    """What ``generate`` asks whether to stop: a flag, or a time that has come."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.deadline: float | None = None

    def set(self) -> None:
        self._event.set()

    @property
    def overdue(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def is_set(self) -> bool:
        return self._event.is_set() or self.overdue

    @property
    def asked(self) -> bool:
        return self._event.is_set()


class Job:
    """A request on its way: its files, its state, and what came of it."""

    def __init__(self, queue: Jobs, folder: Path):
        self.id = secrets.token_urlsafe(18)
        self.folder = folder
        self.state: State = "open"
        self.stop = Stop()
        self.work: Callable[[Job], None] | None = None
        self.names: dict[Path, str] = {}
        self.model: str | None = None
        self.results: list[Result] = []
        self.error: ApiError | None = None
        self.progress: dict[str, Any] | None = None
        self.created = time.monotonic()
        self.started: float | None = None
        self.finished: float | None = None
        self.ended: Future[None] = Future()
        self.uploaded = 0
        self.kept = 0
        self.forgotten = False
        self._queue = queue
        self.uploads.mkdir()

    @property
    def uploads(self) -> Path:
        """Where what the client sent lies until the job has ended."""
        return self.folder / "uploads"

    @property
    def bytes(self) -> int:
        """What it takes on disk."""
        return self.uploaded + self.kept

    def upload(self, size: int) -> None:
        """Counts bytes that arrived; an :class:`ApiError` if there is no room for them."""
        self._queue.make_room(self, size)
        self.uploaded += size

    def report(self, picture: int, pictures: int) -> Callable[[str, int, int], None]:
        """A progress callback for one picture of several."""

        def step(stage: str, done: int, total: int) -> None:
            self.progress = {
                "picture": picture,
                "pictures": pictures,
                "stage": stage,
                "done": done,
                "total": total,
            }

        return step

    def keep(self, output: Output, format: str, text: dict[str, str]) -> None:
        """Writes an output into the job's folder."""
        path = self.folder / f"{output.index}-{output.kind}.{format}"
        output.save(path, format, text=text)
        size = path.stat().st_size
        self._queue.make_room(self, size)
        self.kept += size
        self.results.append(Result(output.index, output.kind, format, path, size, output.content.describe()))

    @property
    def seconds(self) -> float:
        """How long it has computed."""
        if self.started is None:
            return 0.0
        return (self.finished or time.monotonic()) - self.started


class Jobs:
    """All jobs of one server.

    ``around`` makes a context manager that every computation runs in, such as
    a host's lock.
    """

    def __init__(self, limits: Limits, *, workers: int = 1, around: Around = contextlib.nullcontext):
        self.limits = limits
        self._around = around
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._typical = 1.0
        self._closed = False
        self._root: Path | None = None

    def open(self) -> Job:
        """A new job with a folder of its own; :meth:`start` or :meth:`discard` it."""
        with self._changed:
            if self._closed:
                raise ApiError("closing", "the server is shutting down")
            self._sweep()
            pending = sum(job.state in ("open", "queued") for job in self._jobs.values())
            if pending >= self.limits.max_queue:
                raise ApiError(
                    "queue_full",
                    f"{pending} requests are waiting already; try again later",
                    retry_after=self._wait_for(pending),
                )
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="rilievo-api-"))
                weakref.finalize(self, shutil.rmtree, self._root, True)
            job = Job(self, Path(tempfile.mkdtemp(dir=self._root)))
            self._jobs[job.id] = job
            return job

    def start(self, job: Job, work: Callable[[Job], None]) -> None:
        """Puts a job into the queue."""
        with self._changed:
            if self._closed:
                raise ApiError("closing", "the server is shutting down")
            job.work = work
            job.state = "queued"
            self._waiting.append(job)
            if len(self._threads) < self._workers:
                thread = threading.Thread(target=self._serve, name="rilievo-api", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def find(self, id: str) -> Job:
        """A job by its name; an :class:`ApiError` if there is none."""
        with self._changed:
            self._sweep()
            job = self._jobs.get(id)
        if job is None or job.state == "open":
            raise ApiError("not_found", "there is no such job: it never was, or its results have expired")
        return job

    def position(self, job: Job) -> int | None:
        """How many jobs are before this one in the queue."""
        with self._changed:
            return next((place for place, other in enumerate(self._waiting) if other is job), None)

    def expires_in(self, job: Job) -> float:
        """Seconds until a finished job is forgotten."""
        age = time.monotonic() - (job.finished or time.monotonic())
        return round(max(0.0, self.limits.keep_seconds - age), 1)

    def cancel(self, job: Job) -> None:
        """Stops a job that waits or runs; a running one ends within moments."""
        with self._changed:
            job.stop.set()
            if job in self._waiting:
                self._waiting.remove(job)
                self._end(job, "cancelled", ApiError("cancelled", "the job was cancelled"))

    def discard(self, job: Job) -> None:
        """Forgets a job and removes its files, stopping it first."""
        self.cancel(job)
        with self._changed:
            job.forgotten = True
            if job.state != "running":
                self._remove(job)

    def make_room(self, job: Job, size: int) -> None:
        """Sees to it that a job may keep so many bytes more; finished jobs make room, oldest first."""
        with self._changed:
            stored = sum(other.bytes for other in self._jobs.values())
            over = stored + size - self.limits.max_stored
            for other in [other for other in self._jobs.values() if other.finished is not None]:
                if over <= 0:
                    break
                over -= other.bytes
                self._remove(other)
            if over > 0:
                raise ApiError(
                    "storage_full",
                    "the server has no room for more uploads and results now; try again later",
                    retry_after=self._wait_for(len(self._waiting)),
                )

    def close(self, timeout: float = 10.0) -> None:
        """Cancels everything, waits for the workers and removes all files."""
        with self._changed:
            self._closed = True
            for job in list(self._jobs.values()):
                job.stop.set()
            for job in list(self._waiting):
                self._end(job, "cancelled", ApiError("closing", "the server is shutting down"))
            self._waiting.clear()
            self._changed.notify_all()
            threads = list(self._threads)
        until = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            self._jobs.clear()
            if self._root is not None:
                shutil.rmtree(self._root, ignore_errors=True)
                self._root = None

    # --- the workers ---------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait(_SWEEP_SECONDS)
                    self._sweep()
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.state = "running"
            self._run(job)

    def _run(self, job: Job) -> None:
        state: State = "done"
        error: ApiError | None = None
        try:
            with self._around():
                job.started = time.monotonic()
                job.stop.deadline = job.started + self.limits.max_seconds
                assert job.work is not None
                job.work(job)
        except BaseException as raised:
            error = explain(raised, job.names)
            state = "failed"
            if error.code == "cancelled" and not job.stop.asked and job.stop.overdue:
                error = ApiError(
                    "timeout",
                    f"it took longer than the {self.limits.max_seconds} s that are allowed; "
                    "ask for less at once, a smaller picture or a smaller net size",
                )
            elif error.code == "cancelled":
                state = "cancelled"
                if self._closed:
                    error = ApiError("closing", "the server is shutting down")
        with self._changed:
            self._end(job, state, error)

    # --- with the lock held --------------------------------------------------------------------------

    def _end(self, job: Job, state: State, error: ApiError | None) -> None:
        job.state = state
        job.error = error
        job.work = None
        job.finished = time.monotonic()
        shutil.rmtree(job.uploads, ignore_errors=True)
        job.uploaded = 0
        if job.forgotten:
            self._remove(job)
        if state == "done":
            self._typical += 0.2 * (job.seconds - self._typical)
            log.info("job done: %d results in %.2f s", len(job.results), job.seconds)
        elif error is not None:
            log.info("job %s: %s", state, error.detail)
        if not job.ended.done():
            job.ended.set_result(None)

    def _sweep(self) -> None:
        now = time.monotonic()
        for job in list(self._jobs.values()):
            if job.finished is not None and now - job.finished > self.limits.keep_seconds:
                self._remove(job)

    def _remove(self, job: Job) -> None:
        if self._jobs.pop(job.id, None) is not None:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _wait_for(self, jobs: int) -> int:
        return max(1, min(600, round(jobs * self._typical / self._workers)))
