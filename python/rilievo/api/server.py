"""The API alone: an application of its own, and uvicorn to run it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import rilievo
from rilievo.api import mount
from rilievo.api.limits import Limits
from rilievo.api.service import Service

log = logging.getLogger("rilievo.api")

_LOCAL_NAMES = ["localhost", "127.0.0.1", "::1"]


@dataclass(frozen=True)
class Settings:
    """How a server is reached and by whom."""

    host: str = "127.0.0.1"
    port: int = 7870
    auth: Mapping[str, str] = field(default_factory=dict)
    open_to_all: bool = False
    origins: Sequence[str] = ()
    folders: Sequence[str] = ()
    workers: int = 1
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not is_local(self.host) and not self.auth and not self.open_to_all:
            raise ValueError(
                f"{self.host} can be reached from other machines, and no user is set; "
                "give --api-auth USER:PASSWORD, or --allow-anonymous if everyone may use it"
            )


def is_local(host: str) -> bool:
    """Whether only this machine reaches a server bound to ``host``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def application(settings: Settings) -> tuple[FastAPI, Service]:
    """The application, guarded against pages of other origins, and what is behind it."""
    # The pages of documentation know no password.
    pages = None if settings.auth else "/docs"
    document = None if settings.auth else "/openapi.json"
    app = FastAPI(
        title="rilievo", version=rilievo.__version__, docs_url=pages, redoc_url=None, openapi_url=document
    )
    service = mount(
        app,
        auth=settings.auth,
        limits=settings.limits,
        folders=settings.folders,
        workers=settings.workers,
    )
    # The last one added is asked first.
    names = frozenset([*_LOCAL_NAMES, settings.host]) if is_local(settings.host) else None
    app.add_middleware(_Guard, origins=frozenset(settings.origins), names=names)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Content-Disposition", "Location", "Retry-After"],
        )
    return app, service


class _Guard:
    """Refuses what a browser sends on behalf of a page from elsewhere.

    CORS alone keeps such a page from reading answers, not from making the
    server work. ``names`` are those this server goes by: a name that somebody
    else points at this machine is another.
    """

    def __init__(self, app: ASGIApp, origins: frozenset[str], names: frozenset[str] | None):
        self.app = app
        self.origins = origins
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = self._reason(scope) if scope["type"] == "http" else None
        if reason is None:
            await self.app(scope, receive, send)
        else:
            await JSONResponse({"detail": reason}, 403)(scope, receive, send)

    def _reason(self, scope: Scope) -> str | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self.names is not None and _host_name(host) not in self.names:
            return f"this server does not go by the name {host!r}; use localhost"
        origin = headers.get(b"origin")
        if origin is None or origin in self.origins or "*" in self.origins or _place(origin) == host:
            return None
        return (
            f"this page is from {origin}, not from this server; the operator can allow it with --cors-origin"
        )


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class _Server(uvicorn.Server):
    """Ends jobs before it waits for the requests that wait for them."""

    def __init__(self, config: uvicorn.Config, service: Service):
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await run_in_threadpool(self._service.close)
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Runs until interrupted; what computes then is cancelled, and nothing remains on disk."""
    app, service = application(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        # Waiting requests, and some that only ask.
        limit_concurrency=settings.limits.max_queue + 256,
    )
    listening = _listen(settings)
    port = listening.getsockname()[1]
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    log.info("rilievo %s: http://%s:%d/depth/v2", rilievo.__version__, shown, port)
    try:
        # An interrupt has been answered by a graceful end when it arrives here.
        with contextlib.suppress(KeyboardInterrupt):
            _Server(config, service).run(sockets=[listening])
    finally:
        service.close()
        listening.close()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ValueError(f"port {settings.port} is taken; choose another with --port") from None
        raise ValueError(
            f"cannot listen on {settings.host}, port {settings.port} ({error.strerror}); "
            "choose another with --host and --port"
        ) from None
