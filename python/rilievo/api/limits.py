"""What one client may ask of a server, and how much the server keeps."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

MEGABYTE = 1024 * 1024


def _limit(default: int, text: str, *, unit: int = 1) -> int:
    value: int = dataclasses.field(default=default, metadata={"help": text, "unit": unit})
    return value


@dataclass(frozen=True)
class Limits:
    """The limits of a server; every one is above 0.

    Raises :class:`ValueError` naming the one that is not.
    """

    max_pixels: int = _limit(50_000_000, "pixels of one picture")
    max_net_pixels: int = _limit(
        4_194_304, "pixels of a network's input (net size, or the picture's if matched)"
    )
    max_pictures: int = _limit(16, "pictures in one request")
    max_body: int = _limit(64 * MEGABYTE, "megabytes of one request", unit=MEGABYTE)
    max_queue: int = _limit(256, "requests that may wait")
    max_seconds: int = _limit(600, "seconds one request may compute")
    max_upload_seconds: int = _limit(60, "seconds a request's body may take to arrive")
    max_stored: int = _limit(2048 * MEGABYTE, "megabytes of uploads and results kept on disk", unit=MEGABYTE)
    keep_seconds: int = _limit(600, "seconds the results of a finished job are kept")

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number above 0")
