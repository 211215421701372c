"""Requests in: JSON with base64, or a form with files, becomes a :class:`Task`.

A body is counted while it arrives and lies on disk, not in memory. Clients
never name files of the server's, except in folders that the operator allowed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

import rilievo
from rilievo import models, pictures
from rilievo.api.errors import ApiError, explain
from rilievo.api.jobs import Job
from rilievo.api.limits import Limits
from rilievo.api.schema import offered
from rilievo.api.work import Task, check_net_size
from rilievo.options import Options, Row
from rilievo.recipes import KINDS, asking_for, switches

_IN_MEMORY = 1024 * 1024
# Parsing a document takes several times its size of memory: few at a time.
_parsing = threading.BoundedSemaphore(2)
_DATA_URI = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,", re.IGNORECASE)


class Reader:
    """Turns requests into tasks, within the limits of one server."""

    def __init__(self, limits: Limits, folders: Sequence[os.PathLike[str] | str] = ()):
        self.limits = limits
        self.folders = [Path(folder).resolve(strict=True) for folder in folders]
        self.offered = offered(bool(self.folders))

    async def task(self, request: Request, job: Job) -> Task:
        """What a request of the typed API asks for."""
        sent = _content_type(request)
        if sent == "application/json":
            document = await self.document(request, job)
            return await run_in_threadpool(self._from_json, document, job)
        if sent == "multipart/form-data":
            return await self._from_form(request, job)
        raise ApiError(
            "unsupported_media_type",
            f"a body of type {sent or 'unknown'!r} cannot be read; send application/json or multipart/form-data",
        )

    async def document(self, request: Request, job: Job) -> dict[str, Any]:
        """The body as a JSON object."""
        if _content_type(request) != "application/json":
            raise ApiError("unsupported_media_type", "the body must be JSON: Content-Type: application/json")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            async for chunk in self._arriving(request, job):
                file.write(chunk)
            return await run_in_threadpool(_parse, file)

    def pictures(
        self, items: Sequence[Any], field: str, job: Job, *, optional: bool = False
    ) -> list[Path | None]:
        """The pictures of a JSON document, as files; ``optional`` ones may be null."""
        with _parsing:
            return [
                None if optional and item is None else self._picture(item, f"{field}[{place}]", job)
                for place, item in enumerate(items)
            ]

    def _picture(self, item: Any, field: str, job: Job) -> Path:
        if isinstance(item, dict) and set(item) == {"path"} and self.folders:
            return self._allowed(item["path"], f"{field}.path")
        if not isinstance(item, str):
            raise ApiError("invalid", f"{field} must be a picture file in base64", field=field)
        data = _decoded(item, field)
        path = job.uploads / str(len(job.names))
        path.write_bytes(data)
        job.names[path] = field
        self._check_size(path, field)
        return path

    def options(self, values: dict[str, Any], job: Job) -> Options:
        """Options from checked values; what needs the network is looked for now."""
        weights = values.get("weights")
        if weights is not None:
            path = self._allowed(weights, "options.weights")
            job.names[path] = str(weights)
            values = {**values, "weights": str(path)}
        try:
            options = Options.from_mapping(values)
        except ValueError as error:
            raise ApiError("invalid", str(error), field="options") from None
        if options.net_size is not None:
            check_net_size(*options.net_size, self.limits)
        return options

    # --- JSON ----------------------------------------------------------------------------------------

    def _from_json(self, document: dict[str, Any], job: Job) -> Task:
        unknown = set(document) - {"images", "depth_maps", "outputs", "options"}
        if unknown:
            raise ApiError(
                "invalid",
                f"there is no field {min(unknown)!r}; there are images, depth_maps, outputs, options",
                field=min(unknown),
            )
        images = _list(document, "images", required=True)
        depth_maps = _list(document, "depth_maps")
        self.count(images, depth_maps)
        options = document.get("options", {})
        if not isinstance(options, dict):
            raise ApiError("invalid", "options must be an object of names and values", field="options")
        for name, value in options.items():
            _typed(name, self._row(name), value)
        wanted = _list(document, "outputs") if "outputs" in document else None
        if wanted is not None:
            if not wanted or not all(isinstance(entry, str) for entry in wanted):
                raise ApiError(
                    "invalid", "outputs must be a list of names, with something in it", field="outputs"
                )
            if len(set(wanted)) < len(wanted):
                raise ApiError("invalid", "outputs names something twice", field="outputs")
        paths = [path for path in self.pictures(images, "images", job) if path is not None]
        maps = self.pictures(depth_maps, "depth_maps", job, optional=True)
        return self._task(paths, maps, options, wanted, job)

    # --- forms ---------------------------------------------------------------------------------------

    async def _from_form(self, request: Request, job: Job) -> Task:
        arriving = self._arriving(request, job)

        async def receive() -> dict[str, Any]:
            chunk = await anext_or_none(arriving)
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

        # Without an "app" in its scope starlette raises its own error, not the host's.
        scope = {key: value for key, value in request.scope.items() if key != "app"}
        counted = Request(scope, receive)
        files = 2 * self.limits.max_pictures + 1
        try:
            form = await counted.form(max_files=files, max_fields=len(self.offered) + 8)
        except (MultiPartException, HTTPException) as error:
            detail = getattr(error, "message", None) or getattr(error, "detail", "")
            raise ApiError("bad_request", f"the form cannot be read: {detail}") from None
        except (ValueError, KeyError, IndexError, AssertionError):
            raise ApiError(
                "bad_request", "the form cannot be read; is it multipart/form-data, whole?"
            ) from None
        try:
            return await self._from_fields(form.multi_items(), job)
        finally:
            await form.close()

    async def _from_fields(self, fields: list[tuple[str, Any]], job: Job) -> Task:
        files: dict[str, list[UploadFile]] = {"image": [], "depth_map": []}
        values: dict[str, Any] = {}
        wanted: list[str] | None = None
        for name, value in fields:
            if name in files:
                if not isinstance(value, UploadFile):
                    raise ApiError("invalid", f"{name} must be a file", field=name)
                files[name].append(value)
            elif not isinstance(value, str):
                raise ApiError("invalid", f"{name} must be text, not a file", field=name)
            elif name == "outputs":
                wanted = [*(wanted or []), *(part.strip() for part in value.split(",") if part.strip())]
            elif name in values:
                raise ApiError("invalid", f"{name} is given twice", field=name)
            else:
                self._row(name)
                values[name] = value
        images, maps = files["image"], files["depth_map"]
        if not images:
            raise ApiError("invalid", "image is missing; send one picture file or several", field="image")
        self.count(images, maps)
        paths = [await self._stored(upload, f"image[{i}]", job) for i, upload in enumerate(images)]
        depths = [await self._stored(upload, f"depth_map[{i}]", job) for i, upload in enumerate(maps)]
        return await run_in_threadpool(self._task, paths, depths, values, wanted, job)

    async def _stored(self, upload: UploadFile, field: str, job: Job) -> Path:
        path = job.uploads / str(len(job.names))

        def copy() -> None:
            with path.open("wb") as file:
                shutil.copyfileobj(upload.file, file)

        await run_in_threadpool(copy)
        job.names[path] = field
        await run_in_threadpool(self._check_size, path, field)
        return path

    # --- both ----------------------------------------------------------------------------------------

    def _task(
        self,
        images: list[Path],
        maps: Sequence[Path | None],
        values: dict[str, Any],
        wanted: list[str] | None,
        job: Job,
    ) -> Task:
        formats: dict[str, str] = {}
        if wanted is not None:
            doubled = sorted(switches() & set(values))
            if doubled:
                raise ApiError(
                    "invalid",
                    f"outputs says what to give back, so {doubled[0]} may not be given as well",
                    field=f"options.{doubled[0]}",
                )
            kinds, formats = _chosen(wanted)
            values = {**values, **asking_for(kinds)}
        task = Task(images, self.options(values, job), list(maps), formats)
        if task.needs_network:
            check_model(task.options, job)
        return task

    def _row(self, name: str) -> Row:
        row = self.offered.get(name)
        if row is None:
            raise ApiError(
                "invalid",
                f"there is no option {name!r}; there are {', '.join(sorted(self.offered))}",
                field=f"options.{name}",
            )
        return row

    def count(self, images: Sequence[Any], maps: Sequence[Any] = ()) -> None:
        """An :class:`ApiError` for too many pictures, or depth maps that do not go with them."""
        if len(images) > self.limits.max_pictures:
            raise ApiError(
                "too_large",
                f"{len(images)} pictures are more than the {self.limits.max_pictures} that one request may have",
                field="images",
            )
        if maps and len(maps) != len(images):
            raise ApiError(
                "invalid",
                f"there are {len(images)} pictures but {len(maps)} depth maps; give one a picture",
                field="depth_maps",
            )

    def _check_size(self, path: Path, field: str) -> None:
        """Refuses what is too large by its header; what Pillow does not know is looked at when it is decoded."""
        width = height = 0
        with (
            contextlib.suppress(Exception),
            pictures.open_with_pillow(path, max_pixels=1 << 62, load=False) as image,
        ):
            width, height = image.size
        if width * height > self.limits.max_pixels:
            raise ApiError(
                "too_large",
                f"{field} has {width}x{height} pixels, more than the {self.limits.max_pixels} that this server "
                "takes; make it smaller",
                field=field,
            )

    def _allowed(self, path: Any, field: str) -> Path:
        """A file in one of the folders the operator allowed."""
        if isinstance(path, str) and "\0" not in path:
            for folder in self.folders:
                # Links are followed first, so that none leads out of the folder.
                file = Path(folder, path).resolve()
                if folder in file.parents and file.is_file():
                    return file
        raise ApiError("invalid", f"{field} is no file in a folder that the operator allowed", field=field)

    async def _arriving(self, request: Request, job: Job) -> AsyncIterator[bytes]:
        """The body, counted and timed."""
        length = request.headers.get("content-length", "")
        too_much = ApiError(
            "too_large", f"the body is larger than the {self.limits.max_body} bytes that this server takes"
        )
        if length.isdigit() and int(length) > self.limits.max_body:
            raise too_much
        loop = asyncio.get_running_loop()
        until = loop.time() + self.limits.max_upload_seconds
        stream = request.stream()
        arrived = 0
        while True:
            try:
                chunk = await asyncio.wait_for(anext_or_none(stream), max(0.001, until - loop.time()))
            except asyncio.TimeoutError:
                raise ApiError(
                    "bad_request", f"the body did not arrive within {self.limits.max_upload_seconds} s"
                ) from None
            except ClientDisconnect:
                raise ApiError("bad_request", "the client left before its request was whole") from None
            if chunk is None:
                return
            arrived += len(chunk)
            if arrived > self.limits.max_body:
                raise too_much
            job.upload(len(chunk))
            yield chunk


async def anext_or_none(stream: AsyncIterator[bytes]) -> bytes | None:
    """The next piece, or ``None`` after the last."""
    try:
        return await stream.__anext__()
    except StopAsyncIteration:
        return None


def check_model(options: Options, job: Job) -> None:
    """An :class:`ApiError` if the network is not on this server."""
    try:
        models.choice(options)
    except ValueError as error:
        raise ApiError("invalid", explain(error, job.names).detail, field="options.model_type") from None
    except (OSError, rilievo.RilievoError) as error:
        if options.weights is not None:
            raise explain(error, job.names) from None
        here = ", ".join(entry["id"] for entry in models.depth_networks() if entry["installed"])
        missing, field = models.missing(options)
        raise ApiError(
            "model_missing",
            f"the model {missing} is not on this server; there are {here}. "
            f"Its operator can fetch it with `rilievo models download {missing}`",
            field=f"options.{field}",
        ) from None


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse(file: IO[bytes]) -> dict[str, Any]:
    file.seek(0)
    try:
        with _parsing:
            document = json.load(file)
    except (ValueError, RecursionError):
        raise ApiError("bad_request", "the body is no JSON; check quotes, commas and braces") from None
    if not isinstance(document, dict):
        raise ApiError("bad_request", 'the body must be an object, such as {"images": [...]}')
    return document


def _decoded(text: str, field: str) -> bytes:
    prefix = _DATA_URI.match(text)
    if prefix is None and text[:8].lower().startswith(("http:", "https:", "file:")):
        raise ApiError(
            "invalid",
            f"{field} is an address; this server fetches none, send the picture in base64",
            field=field,
        )
    try:
        data = base64.b64decode("".join(text[prefix.end() if prefix else 0 :].split()), validate=True)
    except (ValueError, binascii.Error):
        raise ApiError("invalid", f"{field} is not in base64", field=field) from None
    if not data:
        raise ApiError("invalid", f"{field} is empty", field=field)
    return data


def _list(document: dict[str, Any], name: str, required: bool = False) -> list[Any]:
    value = document.get(name, [])
    if not isinstance(value, list):
        raise ApiError("invalid", f"{name} must be a list", field=name)
    if required and not value:
        raise ApiError("invalid", f"{name} is missing or empty; send one picture or several", field=name)
    return value


def _typed(name: str, row: Row, value: Any) -> None:
    """JSON has types, so an option must come in its own."""
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "flag": isinstance(value, bool),
        "whole": number and (isinstance(value, int) or value.is_integer()),
        "number": number,
        "several": isinstance(value, list)
        and all(isinstance(part, str) for part in value)
        and len(set(value)) == len(value),
    }.get(row.type, isinstance(value, str))
    if not fits:
        wanted = {
            "flag": "true or false",
            "whole": "a whole number",
            "number": "a number",
            "several": "a list of different names",
        }.get(row.type, "text")
        raise ApiError("invalid", f"{name} must be {wanted}", field=f"options.{name}")
    if row.type == "choice" and value not in row.choices:
        raise ApiError("invalid", f"{name} can be {', '.join(row.choices)}", field=f"options.{name}")


def _chosen(wanted: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    kinds: list[str] = []
    formats: dict[str, str] = {}
    for entry in wanted:
        kind, _, format = entry.partition(":")
        if kind not in KINDS:
            raise ApiError(
                "invalid", f"there is no output {kind!r}; there are {', '.join(KINDS)}", field="outputs"
            )
        if format and format not in KINDS[kind].formats:
            raise ApiError(
                "invalid",
                f"{kind} cannot be had as {format!r}; it can be {', '.join(KINDS[kind].formats)}",
                field="outputs",
            )
        if kind in formats:
            raise ApiError("invalid", f"outputs names {kind} twice", field="outputs")
        kinds.append(kind)
        formats[kind] = format or KINDS[kind].formats[0]
    if not kinds:
        raise ApiError("invalid", "outputs names nothing", field="outputs")
    return kinds, formats
