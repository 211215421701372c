"""The typed API, ``/depth/v2``: generate at once, or as a job with progress, cancel and results to fetch."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

import rilievo
from rilievo import models
from rilievo.api import responses, schema
from rilievo.api.errors import ApiError
from rilievo.api.jobs import Job, Result
from rilievo.api.routing import Router
from rilievo.api.service import Service
from rilievo.options import DEFAULTS

PREFIX = "/depth/v2"
_LONGEST_WAIT = 60.0
_HIDDEN = ("path", "file", "memory", "family", "sha256")


def add_routes(router: Router, service: Service) -> None:
    """Adds every route of the typed API."""
    V2(service).add_to(router)


class V2:
    """The endpoints."""

    def __init__(self, service: Service):
        self.service = service

    def add_to(self, router: Router) -> None:
        limits, paths = self.service.limits, bool(self.service.reader.folders)
        body = {
            "required": True,
            "content": {
                "application/json": {"schema": schema.request(limits, paths)},
                "multipart/form-data": {"schema": schema.form(limits, paths)},
            },
        }
        id_: schema.Schema = {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": "what POST /depth/v2/jobs gave",
        }
        plain: schema.Schema = {"type": "object"}
        refusals = ["bad_request", "too_large", "unsupported_media_type", "invalid", "queue_full"]
        router.add("GET", PREFIX, self.about, "Version, limits and links", plain)
        router.add("GET", f"{PREFIX}/options", self.options, "Every option", _array_of(plain))
        router.add(
            "GET", f"{PREFIX}/models", self.models, "Every network, and which are here", _array_of(plain)
        )
        router.add(
            "POST",
            f"{PREFIX}/generate",
            self.generate,
            "Pictures in, results out, in one request",
            schema.GENERATED,
            body=body,
            parameters=[
                {
                    "name": "response",
                    "in": "query",
                    "description": "json: results in base64; file: the result itself, several as a ZIP file",
                    "schema": {"type": "string", "enum": ["json", "file"], "default": "json"},
                }
            ],
            files=True,
            errors=[*refusals, "cancelled", "internal", "timeout"],
        )
        router.add(
            "POST",
            f"{PREFIX}/jobs",
            self.submit,
            "The same as a job: answers at once, results are fetched later",
            schema.JOB,
            status=202,
            body=body,
            errors=refusals,
        )
        router.add(
            "GET",
            f"{PREFIX}/jobs/{{id}}",
            self.job,
            "State, progress and results of a job",
            schema.JOB,
            parameters=[
                id_,
                {
                    "name": "wait",
                    "in": "query",
                    "description": "answer when the job has ended, or after so many seconds",
                    "schema": {"type": "number", "minimum": 0, "maximum": _LONGEST_WAIT, "default": 0},
                },
            ],
            errors=["not_found", "invalid"],
        )
        router.add(
            "DELETE",
            f"{PREFIX}/jobs/{{id}}",
            self.forget,
            "Cancels a job and removes its results",
            {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
            parameters=[id_],
            errors=["not_found"],
        )
        router.add(
            "GET",
            f"{PREFIX}/jobs/{{id}}/results/{{name}}",
            self.result,
            "One result's file",
            None,
            parameters=[
                id_,
                {
                    "name": "name",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string"},
                    "description": "the last part of a result's url",
                },
            ],
            files=True,
            errors=["not_found", "not_ready"],
        )

    async def about(self, request: Request) -> Response:
        return JSONResponse(
            {
                "name": "rilievo",
                "version": rilievo.__version__,
                "limits": vars(self.service.limits),
                "links": {
                    "options": f"{PREFIX}/options",
                    "models": f"{PREFIX}/models",
                    "generate": f"{PREFIX}/generate",
                    "jobs": f"{PREFIX}/jobs",
                    "openapi": f"{PREFIX}/openapi.json",
                },
            }
        )

    async def options(self, request: Request) -> Response:
        return JSONResponse(
            [
                {
                    "name": name,
                    "type": row.type,
                    "group": row.group,
                    "label": row.label,
                    "help": row.help,
                    "default": DEFAULTS[name],
                    "choices": list(row.choices) or None,
                    "low": row.low,
                    "high": row.high,
                    "step": row.step,
                }
                for name, row in self.service.reader.offered.items()
            ]
        )

    async def models(self, request: Request) -> Response:
        table = await run_in_threadpool(models.table)
        return JSONResponse(
            [{key: value for key, value in entry.items() if key not in _HIDDEN} for entry in table]
        )

    async def generate(self, request: Request) -> Response:
        way = request.query_params.get("response", "json")
        if way not in ("json", "file"):
            raise ApiError("invalid", f"response is {way!r}; it can be json or file", field="response")
        job = await self._submitted(request)
        async with self.service.finished(request, job):
            results = list(job.results)

            def done() -> None:
                self.service.jobs.discard(job)

            if way == "file" and len(results) == 1:
                return responses.as_file(results[0], done)
            if way == "file":
                return await run_in_threadpool(responses.as_archive, results, done)
            before = {"model": job.model, "seconds": round(job.seconds, 3)}
            return responses.as_json(before, "results", _embedded, results, done)

    async def submit(self, request: Request) -> Response:
        job = await self._submitted(request)
        return JSONResponse(self._state(job), 202, headers={"Location": f"{PREFIX}/jobs/{job.id}"})

    async def job(self, request: Request) -> Response:
        job = self.service.jobs.find(request.path_params["id"])
        await self.service.wait(job, _seconds(request.query_params.get("wait", "0")))
        return JSONResponse(self._state(job))

    async def forget(self, request: Request) -> Response:
        job = self.service.jobs.find(request.path_params["id"])
        await run_in_threadpool(self.service.jobs.discard, job)
        return JSONResponse({"id": job.id})

    async def result(self, request: Request) -> Response:
        job = self.service.jobs.find(request.path_params["id"])
        name = request.path_params["name"]
        # Only names of results are compared; no path is made of what a client sent.
        found = next((result for result in list(job.results) if result.name == name), None)
        if found is not None:
            return responses.as_file(found)
        if job.finished is None:
            raise ApiError(
                "not_ready", f"this job is {job.state}; ask for its state with ?wait=60, then again"
            )
        raise ApiError("not_found", f"this job has no result {name!r}; its state lists what there is")

    async def _submitted(self, request: Request) -> Job:
        return await self.service.submit(lambda job: self.service.reader.task(request, job))

    def _state(self, job: Job) -> dict[str, Any]:
        expires = None if job.finished is None else self.service.jobs.expires_in(job)
        return {
            "id": job.id,
            "state": job.state,
            "position": self.service.jobs.position(job),
            "progress": job.progress,
            "model": job.model,
            "seconds": round(job.seconds, 3),
            "expires_in": expires,
            "error": job.error.body if job.error else None,
            "results": [
                {**responses.described(result), "url": f"{PREFIX}/jobs/{job.id}/results/{result.name}"}
                for result in list(job.results)
            ],
        }


def _embedded(result: Result) -> tuple[str, str]:
    return json.dumps(responses.described(result))[:-1] + ', "data": "', '"}'


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise ApiError(
            "invalid", f"wait is {text!r}; it must be seconds from 0 to {_LONGEST_WAIT:g}", field="wait"
        )
    return seconds


def _array_of(items: schema.Schema) -> schema.Schema:
    return {"type": "array", "items": items}
