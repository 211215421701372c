"""Who may use the API: HTTP Basic, as the WebUI's ``--api-auth`` does it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from fastapi import Depends, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

_basic = HTTPBasic(auto_error=False)


def guard(users: Mapping[str, str]) -> Callable[..., None]:
    """A dependency that lets only these users (name -> password) through."""

    # A default value, not Optional[...]: this must be understood by Python 3.9 and both pydantics.
    def check(given: HTTPBasicCredentials = Depends(_basic)) -> None:  # noqa: B008
        if given is None or not _known(users, given.username, given.password):
            raise HTTPException(
                status_code=401,
                detail="this server wants a user name and a password (HTTP Basic); they are missing or wrong",
                headers={"WWW-Authenticate": "Basic"},
            )

    return check


def _known(users: Mapping[str, str], name: str, password: str) -> bool:
    # Every pair is compared, so that the time taken does not tell which names exist.
    matches = [
        secrets.compare_digest(name.encode(), known.encode())
        & secrets.compare_digest(password.encode(), secret.encode())
        for known, secret in users.items()
    ]
    return any(matches)
