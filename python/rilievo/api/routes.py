"""Puts the parts together on one application."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

import rilievo
from rilievo.api import auth as access
from rilievo.api import legacy, v2
from rilievo.api.jobs import Around
from rilievo.api.limits import Limits
from rilievo.api.routing import Router
from rilievo.api.service import Service


def add_all(
    app: FastAPI,
    *,
    auth: Mapping[str, str] | None,
    limits: Limits,
    folders: Sequence[os.PathLike[str] | str],
    workers: int,
    around: Around,
) -> Service:
    """Every route of both APIs, and a description of them alone."""
    dependencies = [Depends(access.guard(auth))] if auth else []
    service = Service(limits, folders, workers=workers, around=around)
    router = Router(app, dependencies=dependencies)
    legacy.add_routes(router, service)
    v2.add_routes(router, service)
    ours = [route for route in app.routes if isinstance(route, APIRoute) and "rilievo" in route.tags]
    described: dict[str, Any] = {}

    async def openapi(request: Request) -> Response:
        if not described:
            described.update(get_openapi(title="rilievo", version=rilievo.__version__, routes=ours))
        return JSONResponse(described)

    app.add_api_route(
        f"{v2.PREFIX}/openapi.json",
        openapi,
        methods=["GET"],
        include_in_schema=False,
        dependencies=dependencies,
    )
    return service
