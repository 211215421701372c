"""One server: its limits, its queue, its reader, and how a request waits for its job."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from fastapi import Request
from starlette.responses import Response

from rilievo.api import work
from rilievo.api.errors import ApiError, explain
from rilievo.api.jobs import Around, Job, Jobs
from rilievo.api.limits import Limits
from rilievo.api.requests import Reader
from rilievo.api.work import Task

_LOOK_SECONDS = 0.5

Endpoint = Callable[[Request], Awaitable[Response]]


class Service:
    """What all routes of one server share."""

    def __init__(
        self,
        limits: Limits,
        folders: Sequence[os.PathLike[str] | str] = (),
        *,
        workers: int = 1,
        around: Around = contextlib.nullcontext,
    ):
        self.limits = limits
        self.reader = Reader(limits, folders)
        self.jobs = Jobs(limits, workers=workers, around=around)

    async def submit(self, read: Callable[[Job], Awaitable[Task]]) -> Job:
        """Reads a request into a new job and puts it into the queue."""
        job = self.jobs.open()
        try:
            task = await read(job)
            self.jobs.start(job, functools.partial(self._work, task))
        except BaseException:
            self.jobs.discard(job)
            raise
        return job

    def close(self) -> None:
        """Cancels what runs, waits for it and removes all files."""
        self.jobs.close()

    def _work(self, task: Task, job: Job) -> None:
        work.run(task, job, self.limits)

    @contextlib.asynccontextmanager
    async def finished(self, request: Request, job: Job) -> AsyncIterator[Job]:
        """Waits for a job whose results go into this answer; forgets it if the client leaves or it failed."""
        try:
            while not await self.wait(job, _LOOK_SECONDS):
                if await request.is_disconnected():
                    raise ApiError("cancelled", "the client left")
            if job.error is not None:
                raise job.error
            yield job
        except BaseException:
            self.jobs.discard(job)
            raise

    @staticmethod
    async def wait(job: Job, seconds: float) -> bool:
        """Whether the job ended within so many seconds."""
        await asyncio.wait([asyncio.wrap_future(job.ended)], timeout=seconds)
        return job.ended.done()


def endpoint(answer: Endpoint, failed: Callable[[ApiError], Response]) -> Endpoint:
    """An endpoint whose every exception becomes a JSON answer."""

    @functools.wraps(answer)
    async def safe(request: Request) -> Response:
        try:
            return await answer(request)
        except Exception as error:
            return failed(explain(error))

    return safe
