"""The routes of the reference extension, for clients written for it.

Same requests, same answers; where it failed without a word, these say what
was wrong (in ``detail``, as it did).
"""

from __future__ import annotations

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

import rilievo
from rilievo.api import responses, schema
from rilievo.api.errors import ApiError
from rilievo.api.jobs import Job, Result
from rilievo.api.requests import check_model
from rilievo.api.routing import Router
from rilievo.api.service import Service
from rilievo.api.work import Task
from rilievo.recipes import RECIPES

# The release of the reference that these routes follow.
FOLLOWS = "v0.4.8"
_NOT_RETURNED = {
    recipe.switch: f"{recipe.titles} are not given back by this route; /depth/v2/generate does"
    for recipe in RECIPES.values()
    if not recipe.is_picture
}


def add_routes(router: Router, service: Service) -> None:
    """Adds ``version``, ``get_options`` and ``generate``."""
    Legacy(service).add_to(router)


class Legacy:
    """The endpoints."""

    def __init__(self, service: Service):
        self.service = service

    def add_to(self, router: Router) -> None:
        text = {"type": "string"}
        texts = {"type": "array", "items": text}
        pictures = {"type": "array", "items": schema.picture(paths=False), "minItems": 1}
        router.add(
            "GET", "/depth/version", self.version, "The API version", _object(version=text), failed=failed
        )
        router.add(
            "GET",
            "/depth/get_options",
            self.options,
            "Names of options",
            _object(options=texts),
            failed=failed,
        )
        router.add(
            "POST",
            "/depth/generate",
            self.generate,
            "Pictures in base64 in, pictures in base64 out",
            _object(images=texts, info=text),
            failed=failed,
            body={
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "depth_input_images": pictures,
                                "options": schema.nullable({"type": "object"}),
                            },
                            "required": ["depth_input_images"],
                        }
                    }
                },
            },
            errors=[
                "bad_request",
                "cancelled",
                "too_large",
                "unsupported_media_type",
                "invalid",
                "internal",
                "queue_full",
                "timeout",
            ],
        )

        router.add(
            "POST",
            "/depth/generate/video",
            self.video,
            "Not there",
            _object(info=text),
            failed=failed,
            in_schema=False,
        )

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": FOLLOWS, "rilievo": rilievo.__version__})

    async def options(self, request: Request) -> Response:
        return JSONResponse({"options": sorted(self.service.reader.offered)})

    async def generate(self, request: Request) -> Response:
        notes: list[str] = []

        async def read(job: Job) -> Task:
            document = await self.service.reader.document(request, job)
            return await run_in_threadpool(self._task, document, job, notes)

        job = await self.service.submit(read)
        async with self.service.finished(request, job):
            before = {"info": "Success", **({"notes": notes} if notes else {})}
            return responses.as_json(
                before, "images", _embedded, list(job.results), lambda: self.service.jobs.discard(job)
            )

    async def video(self, request: Request) -> Response:
        raise ApiError(
            "not_found",
            "rilievo cannot make a video of an inpainted mesh; /depth/v2/generate gives a loop of a moving camera "
            "as the output parallax, and a mesh as simple_mesh",
        )

    def _task(self, document: dict[str, object], job: Job, notes: list[str]) -> Task:
        images, given = document.get("depth_input_images"), document.get("options")
        given = {} if given is None else given
        if not isinstance(images, list) or not images:
            raise ApiError(
                "invalid", "No images supplied: depth_input_images must be a list of pictures in base64"
            )
        if not isinstance(given, dict):
            raise ApiError("invalid", "options must be an object of names and values")
        self.service.reader.count(images)
        values = {str(name).lower(): value for name, value in given.items()}
        known = {name: value for name, value in values.items() if name in self.service.reader.offered}
        ignored = sorted(set(values) - set(known))
        if ignored:
            notes.append(f"there are no options {', '.join(ignored)} here; they were ignored")
        for name, note in _NOT_RETURNED.items():
            if known.pop(name, False):
                notes.append(note)
        paths = self.service.reader.pictures(images, "depth_input_images", job)
        task = Task([path for path in paths if path is not None], self.service.reader.options(known, job))
        check_model(task.options, job)
        return task


def failed(error: ApiError) -> Response:
    """An error as the reference gave it."""
    return JSONResponse({"detail": error.detail}, error.status, headers=error.headers)


def _embedded(result: Result) -> tuple[str, str]:
    return '"', '"'


def _object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}
