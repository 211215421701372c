"""The API alone: an application of its own, and uvicorn to run it."""

from __future__ import annotations

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
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import rilievo
from rilievo.api import mount
from rilievo.api.limits import Limits
from rilievo.api.service import Service

log = logging.getLogger("rilievo.api")

_LOCAL_NAMES = ["localhost", "127.0.0.1", "[::1]"]


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
    app.add_middleware(_SameOrigin, allowed=frozenset(settings.origins))
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Content-Disposition", "Location", "Retry-After"],
        )
    if is_local(settings.host):
        # A name that an attacker points at 127.0.0.1 is another name.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*_LOCAL_NAMES, settings.host])
    return app, service


class _SameOrigin:
    """Refuses what a browser sends on behalf of a page from elsewhere.

    CORS alone keeps such a page from reading answers, not from making the
    server work.
    """

    def __init__(self, app: ASGIApp, allowed: frozenset[str]):
        self.app = app
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._welcome(dict(scope["headers"])):
            refusal = JSONResponse(
                {
                    "detail": "this page is from another origin than the server; "
                    "the operator can allow it with --cors-origin"
                },
                403,
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _welcome(self, headers: dict[bytes, bytes]) -> bool:
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or origin in self.allowed or "*" in self.allowed:
            return True
        return urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")


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
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    log.info("rilievo %s: http://%s:%d/depth/v2", rilievo.__version__, shown, settings.port)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        # Waiting requests, and some that only ask.
        limit_concurrency=settings.limits.max_queue + 256,
    )
    try:
        _Server(config, service).run()
    finally:
        service.close()
