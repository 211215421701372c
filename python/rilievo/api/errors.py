"""What a client is told when something went wrong: a status, a code, a sentence.

A message may name files of the server's; a client must not see where they
lie, so every sentence passes through :func:`public`.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rilievo import errors, models

log = logging.getLogger("rilievo.api")

# Every code, and the statuses it comes with.
CODES: dict[str, int] = {
    "bad_request": 400,
    "unauthorized": 401,
    "not_found": 404,
    "not_ready": 409,
    "cancelled": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "unreadable_picture": 422,
    "model_missing": 422,
    "internal": 500,
    "queue_full": 503,
    "storage_full": 503,
    "closing": 503,
    "timeout": 504,
}


class ApiError(Exception):
    """An answer that is no success.

    ``field`` names the part of the request that is wrong; ``retry_after`` is
    in seconds.
    """

    def __init__(self, code: str, detail: str, *, field: str | None = None, retry_after: int | None = None):
        super().__init__(detail)
        self.code = code
        self.status = CODES[code]
        self.detail = detail
        self.field = field
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {"detail": self.detail, "code": self.code, "field": self.field}

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def explain(error: BaseException, names: Mapping[Path, str] | None = None) -> ApiError:
    """The answer to any exception; ``names`` says what a client calls its own files.

    What nobody foresaw goes to the log under a number that the client is told.
    """
    names = names or {}
    if isinstance(error, ApiError):
        return error
    problem = errors.explain(error, here=" on the server")
    if problem.category == "cancelled":
        return ApiError("cancelled", "the job was cancelled")
    if problem.category == "out_of_memory":
        return ApiError("too_large", problem.sentence)
    if problem.category in ("failed", "invalid"):
        about = next((name for path, name in names.items() if str(path) in problem.sentence), None)
        code = "unreadable_picture" if about and problem.category == "failed" else "invalid"
        return ApiError(code, public(problem.sentence, names), field=about)
    number = secrets.token_hex(4)
    log.error("request failed, number %s", number, exc_info=error)
    return ApiError("internal", f"something went wrong on the server; its log has it under number {number}")


def public(text: str, names: Mapping[Path, str] | None = None) -> str:
    """A sentence without any path of the server's.

    A client's own files get the client's names for them, of others the last
    part remains.
    """
    for path, name in (names or {}).items():
        text = text.replace(str(path), name)
    for folder in sorted(_folders(), key=len, reverse=True):
        text = text.replace(folder, "[server]")
    return _ABSOLUTE.sub(lambda found: "[server]/" + re.split(r"[\\/]", found.group())[-1], text)


# /two/parts or more, C:\anything, \\host\share
_ABSOLUTE = re.compile(
    r"""(?<![\w:/.\]\\])(?:/[^\s'",;:()/]+(?:/[^\s'",;:()/]+)+|(?:[A-Za-z]:|\\)\\[^\s'",;()]+)"""
)


def _folders() -> Iterable[str]:
    known = [*models.folders(), tempfile.gettempdir(), os.getcwd(), str(Path.home()), sys.prefix]
    return {folder for folder in map(os.path.abspath, known) if len(folder) > 3}
