"""HTTP: the reference's routes under ``/depth`` and a typed API under ``/depth/v2``.

:func:`mount` adds them to a FastAPI application that is there already (a
host's); ``rilievo serve`` runs them alone. Needs FastAPI 0.94 or newer, with
either pydantic; ``pip install 'rilievo[serve]'`` brings one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

from rilievo.api.limits import Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rilievo.api.service import Service

__all__ = ["Limits", "credentials", "mount"]


def mount(
    app: FastAPI,
    *,
    auth: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    folders: Sequence[os.PathLike[str] | str] = (),
    workers: int = 1,
    around: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
) -> Service:
    """Adds all routes to ``app``; call ``.close()`` on the result when the application goes.

    ``auth`` maps user names to passwords; with it every route wants HTTP
    Basic. ``folders`` are those on this machine from which clients may name
    files (none by default). ``workers`` compute at the same time. ``around``
    makes a context manager every computation runs in, such as a host's lock.
    """
    from rilievo.api.routes import add_all

    return add_all(app, auth=auth, limits=limits or Limits(), folders=folders, workers=workers, around=around)


def credentials(text: str) -> dict[str, str]:
    """``user:password[,user:password...]``, as ``--api-auth`` takes it.

    Raises :class:`ValueError` for a part without a colon.
    """
    users: dict[str, str] = {}
    for part in text.replace("\n", ",").split(","):
        user, colon, password = part.strip().partition(":")
        if not part.strip():
            continue
        if not (user and colon and password):
            raise ValueError("credentials must be USER:PASSWORD, several separated by commas")
        users[user] = password
    return users
