"""Answers: errors as JSON, results as files, as one archive, or inside JSON.

Large answers are sent from disk piece by piece, so that memory does not grow
with their number.
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse

from rilievo.api.errors import ApiError
from rilievo.api.jobs import Result
from rilievo.outputs import MEDIA_TYPES

# A multiple of three, so that pieces of base64 can be put together.
_PIECE = 3 * 64 * 1024


def failed(error: ApiError) -> Response:
    """An error of the typed API."""
    return JSONResponse(error.body, error.status, headers=error.headers)


def described(result: Result) -> dict[str, Any]:
    """A result without its data."""
    return {
        "index": result.index,
        "kind": result.kind,
        "format": result.format,
        "media_type": MEDIA_TYPES[result.format],
        "bytes": result.bytes,
        "shape": result.shape,
    }


def opened(path: Path) -> IO[bytes]:
    """A result's file; an :class:`ApiError` if it has expired meanwhile."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise ApiError("not_found", "the results of this job have expired") from None


def as_file(result: Result, done: Callable[[], None] | None = None) -> Response:
    """One result as it is."""
    return _sent(opened(result.path), result.bytes, MEDIA_TYPES[result.format], result.name, done)


def as_archive(results: Sequence[Result], done: Callable[[], None] | None = None) -> Response:
    """Several results as a ZIP file. Pictures are packed already, so nothing is compressed again."""
    file = SpooledTemporaryFile(1024 * 1024)  # noqa: SIM115 - closed when it has been sent
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for result in results:
            with opened(result.path) as source, archive.open(result.name, "w") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
    size = file.tell()
    file.seek(0)
    return _sent(file, size, "application/zip", "rilievo.zip", done)


def as_json(
    before: dict[str, Any],
    name: str,
    entry: Callable[[Result], tuple[str, str]],
    results: Sequence[Result],
    done: Callable[[], None] | None = None,
) -> Response:
    """``before`` and a list ``name`` of all results, each in base64 between the two parts that ``entry`` gives."""
    files = [opened(result.path) for result in results]

    def pieces() -> Iterator[bytes]:
        try:
            yield (json.dumps(before)[:-1] + (", " if before else "") + f'"{name}": [').encode()
            for place, (result, file) in enumerate(zip(results, files)):
                start, end = entry(result)
                yield ((", " if place else "") + start).encode()
                while piece := file.read(_PIECE):
                    yield base64.b64encode(piece)
                yield end.encode()
            yield b"]}"
        finally:
            for file in files:
                file.close()

    return StreamingResponse(pieces(), media_type="application/json", background=_background(done))


def _sent(
    file: IO[bytes], size: int, media_type: str, name: str, done: Callable[[], None] | None
) -> Response:
    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(_PIECE):
                yield piece

    headers = {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces(), media_type=media_type, headers=headers, background=_background(done))


def _background(done: Callable[[], None] | None) -> BackgroundTask | None:
    return None if done is None else BackgroundTask(done)
