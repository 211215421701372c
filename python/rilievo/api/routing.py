"""Routes with their OpenAPI description, the same under every FastAPI from 0.94 on.

Bodies and answers are described by plain JSON schemas instead of pydantic
models: hosts pin pydantic 1 or 2, and one code base serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from rilievo.api import responses, schema
from rilievo.api.errors import CODES, ApiError
from rilievo.api.service import Endpoint, endpoint
from rilievo.outputs import MEDIA_TYPES


class Router:
    """Adds routes to an application."""

    def __init__(self, app: FastAPI, *, dependencies: Sequence[Any] = ()):
        self.app = app
        self._dependencies = list(dependencies)
        self._version: str = app.openapi_version if hasattr(app, "openapi_version") else "3.1.0"

    def add(
        self,
        method: str,
        path: str,
        answer: Endpoint,
        summary: str,
        answers: schema.Schema | None,
        *,
        status: int = 200,
        body: schema.Schema | None = None,
        parameters: Sequence[schema.Schema] = (),
        files: bool = False,
        errors: Sequence[str] = (),
        failed: Callable[[ApiError], Response] = responses.failed,
        in_schema: bool = True,
    ) -> None:
        """Adds a route; ``answers`` describes its JSON, ``files`` says that it sends files as well."""
        content: dict[str, Any] = {}
        if answers is not None:
            content["application/json"] = {"schema": answers}
        if files:
            binary = {"schema": {"type": "string", "format": "binary"}}
            content.update(dict.fromkeys([*MEDIA_TYPES.values(), "application/zip"], binary))
        described: dict[int | str, dict[str, Any]] = {status: {"description": "Success", "content": content}}
        for code in errors:
            described[CODES[code]] = _error(failed)
        if self._dependencies:
            described[401] = _error(None)
        extra: dict[str, Any] = {"parameters": list(parameters)} if parameters else {}
        if body is not None:
            extra["requestBody"] = body
        self.app.add_api_route(
            path,
            endpoint(answer, failed),
            methods=[method],
            summary=summary,
            description=None,
            tags=["rilievo"],
            status_code=status,
            response_class=Response,
            response_model=None,
            responses=schema.for_version(described, self._version),
            openapi_extra=schema.for_version(extra, self._version),
            operation_id=f"rilievo_{method.lower()}_{path.strip('/').replace('/', '_').replace('{', '').replace('}', '')}",
            dependencies=self._dependencies,
            include_in_schema=in_schema,
        )


def _error(failed: Callable[[ApiError], Response] | None) -> dict[str, Any]:
    plain = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
    chosen = schema.ERROR if failed is responses.failed else plain
    return {"description": "Refused, with the reason", "content": {"application/json": {"schema": chosen}}}
