"""What went wrong, for people: a sentence that names the value and the remedy, and what kind of problem it is.

Hosts add only their own words: what they call the machine, how another folder is chosen.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

from rilievo._native import Cancelled, RilievoError

Category = Literal["cancelled", "out_of_memory", "system", "failed", "invalid", "bug"]

# What explains itself. Anything else is a bug, to be logged with its traceback.
EXPECTED = (ValueError, OSError, MemoryError, RilievoError)

_ROOM, _PLACE, _PERMISSIONS = "make room, or choose {folder}", "choose {folder}", "check its permissions"
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _PLACE,
    errno.EROFS: _PLACE,
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
}
_HOPELESS = {errno.ENOSPC, errno.EROFS, errno.EDQUOT}


@dataclass(frozen=True)
class Problem:
    """An exception as a person should hear of it.

    ``hopeless``: every further picture will fail as well (a full disk, a read-only folder).
    """

    category: Category
    sentence: str
    hopeless: bool = False

    @property
    def expected(self) -> bool:
        """Whether the sentence says all there is to say; of others the log should have the traceback."""
        return self.category != "bug"


def explain(error: BaseException, *, here: str = "", folder: str = "another folder") -> Problem:
    """What any exception means. ``here`` says whose memory is full (`` on the server``); ``folder`` how
    another one is chosen."""
    if isinstance(error, MemoryError):
        return Problem(
            "out_of_memory", f"there is not enough memory{here}; try a smaller picture or net size"
        )
    text = str(error) or type(error).__name__
    if isinstance(error, OSError):
        if error.errno is not None and error.filename is not None:
            remedy = _REMEDIES.get(error.errno, "")
            text = f"{error.filename}: {error.strerror}{remedy and '; '}{remedy.format(folder=folder)}"
        return Problem("system", text, hopeless=error.errno in _HOPELESS)
    return Problem(_category(error), text)


def _category(error: BaseException) -> Category:
    if isinstance(error, Cancelled):
        return "cancelled"
    if isinstance(error, RilievoError):
        return "failed"
    return "invalid" if isinstance(error, ValueError) else "bug"
