"""JSON schemas of requests and answers, made from the option table.

The same constraints that :mod:`rilievo.options` holds a run to are written
here in JSON Schema's words, so that documentation and behaviour cannot part.
"""

from __future__ import annotations

from typing import Any

from rilievo import models
from rilievo.api.errors import CODES
from rilievo.api.limits import Limits
from rilievo.options import DEFAULTS, Limit, Row, rows
from rilievo.recipes import KINDS, switches

Schema = dict[str, Any]

# A picture of 2x2 pixels, so that "try it out" works.
_EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR42mP4FaAhF3WCQWSB24c7"
    "NgAmQgW1HN0/jgAAAABJRU5ErkJggg=="
)
# OpenAPI 3.1; :func:`for_version` knows what 3.0 calls it.
NULL: Schema = {"type": "null"}


def nullable(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, NULL]}


def offered(paths: bool) -> dict[str, Row]:
    """The options a client may set; files of the server's only if the operator allowed a folder."""
    return {name: row for name, row in rows().items() if paths or row.type != "path"}


def option(name: str, row: Row) -> Schema:
    """One option as a schema."""
    schema: Schema = {}
    text = row.help
    if row.type == "flag":
        schema["type"] = "boolean"
    elif row.type in ("whole", "number"):
        schema["type"] = "integer" if row.type == "whole" else "number"
        if row.limit is not None:
            schema.update(_bounds(row.limit))
            text += f"; {row.limit.wanted}"
    elif row.type == "several":
        schema.update(type="array", items={"type": "string", "enum": list(row.choices)}, uniqueItems=True)
    else:
        schema["type"] = "string"
        if row.choices:
            schema["enum"] = list(row.choices)
        if row.type == "color":
            schema["pattern"] = "^#?([0-9a-fA-F]{3}){1,2}$"
    if name == "model_type":
        text += ". Known: " + ", ".join(entry["id"] for entry in models.depth_networks())
    default = DEFAULTS[name]
    if default is None:
        schema = nullable(schema)
    return {**schema, "title": row.label, "description": text, "default": default}


def _bounds(limit: Limit) -> Schema:
    bounds: Schema = {
        "minimum": limit.least,
        "maximum": limit.most,
        "exclusiveMinimum": limit.above,
        "exclusiveMaximum": limit.below,
        "not": {"multipleOf": 2} if limit.odd else None,
    }
    if limit.zero is not None:
        # From 0 on, but for what lies between it and the rest of the range.
        between = list(range(1, int(limit.least or 0)))
        bounds.update({"minimum": 0, "exclusiveMinimum": None, "not": {"enum": between} if between else None})
    return {name: bound for name, bound in bounds.items() if bound is not None}


def options(paths: bool) -> Schema:
    """All options, any of which may be left out."""
    return {
        "type": "object",
        "title": "Options",
        "description": "Named options; what is left out has its default.",
        "properties": {name: option(name, row) for name, row in offered(paths).items()},
        "additionalProperties": False,
    }


def outputs() -> Schema:
    """The choice of outputs, each with a format or without."""
    names = [
        name for kind, about in KINDS.items() for name in (kind, *(f"{kind}:{f}" for f in about.formats))
    ]
    return {
        "type": "array",
        "title": "Outputs",
        "description": "What to give back, as KIND or KIND:FORMAT. Without it the options "
        f"{', '.join(sorted(switches()))} decide; with it they may not be given.",
        "items": {"type": "string", "enum": names},
        "minItems": 1,
        "uniqueItems": True,
    }


def picture(paths: bool) -> Schema:
    """A picture inside a JSON document."""
    data: Schema = {
        "type": "string",
        "description": "a picture file in base64, with or without `data:image/...;base64,` before it",
        "format": "byte",
        "minLength": 4,
    }
    if not paths:
        return data
    path = {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "a file in a folder the operator allowed"}},
        "required": ["path"],
        "additionalProperties": False,
    }
    return {"anyOf": [data, path]}


def request(limits: Limits, paths: bool) -> Schema:
    """The body of ``generate`` and ``jobs``, in JSON."""
    return {
        "type": "object",
        "title": "Request",
        "properties": {
            "images": {
                "type": "array",
                "items": picture(paths),
                "minItems": 1,
                "maxItems": limits.max_pictures,
            },
            "depth_maps": {
                "type": "array",
                "description": "A depth map for each picture instead of a network's; null for those without.",
                "items": {"anyOf": [picture(paths), NULL]},
                "maxItems": limits.max_pictures,
            },
            "outputs": outputs(),
            "options": options(paths),
        },
        "required": ["images"],
        "additionalProperties": False,
        "example": {"images": [_EXAMPLE], "outputs": ["depth", "simple_mesh:glb"]},
    }


def form(limits: Limits, paths: bool) -> Schema:
    """The same as a form with files."""
    file = {"type": "string", "format": "binary"}
    several = {"type": "array", "items": file, "maxItems": limits.max_pictures}
    return {
        "type": "object",
        "title": "Form",
        "properties": {
            "image": {**several, "minItems": 1, "description": "picture files"},
            "depth_map": {**several, "description": "depth maps, one a picture, in the same order"},
            "outputs": {"type": "string", "description": "KIND or KIND:FORMAT, separated by commas"},
            **{name: {"type": "string", "description": row.help} for name, row in offered(paths).items()},
        },
        "required": ["image"],
        "additionalProperties": False,
    }


def _object(title: str, properties: Schema, **more: Any) -> Schema:
    return {
        "type": "object",
        "title": title,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SECONDS: Schema = {"type": "number", "minimum": 0}

ERROR = _object(
    "Error",
    {
        "detail": {**_TEXT, "description": "what was wrong and what to do"},
        "code": {"type": "string", "enum": list(CODES)},
        "field": nullable({**_TEXT, "description": "the part of the request that is wrong"}),
    },
)
_RESULT = {
    "index": {**_COUNT, "description": "which picture, from 0"},
    "kind": {"type": "string", "enum": list(KINDS)},
    "format": {"type": "string", "enum": sorted({f for kind in KINDS.values() for f in kind.formats})},
    "media_type": _TEXT,
    "bytes": _COUNT,
    "shape": {
        "type": "object",
        "description": "width and height, or vertices and faces of a mesh",
        "additionalProperties": _COUNT,
    },
}
GENERATED = _object(
    "Generated",
    {
        "model": nullable({**_TEXT, "description": "the network that was used"}),
        "seconds": _SECONDS,
        "results": {
            "type": "array",
            "items": _object("Result", {**_RESULT, "data": {**_TEXT, "description": "the file in base64"}}),
        },
    },
)
JOB = _object(
    "Job",
    {
        "id": _TEXT,
        "state": {"type": "string", "enum": ["queued", "running", "done", "failed", "cancelled"]},
        "position": nullable({**_COUNT, "description": "how many wait before this one"}),
        "progress": nullable(
            _object(
                "Progress",
                {"picture": _COUNT, "pictures": _COUNT, "stage": _TEXT, "done": _COUNT, "total": _COUNT},
            )
        ),
        "model": nullable(_TEXT),
        "seconds": {**_SECONDS, "description": "computed so far"},
        "expires_in": nullable({**_SECONDS, "description": "when results will be forgotten"}),
        "error": nullable(ERROR),
        "results": {
            "type": "array",
            "items": _object(
                "StoredResult", {**_RESULT, "url": {**_TEXT, "description": "where to fetch it"}}
            ),
        },
    },
)


def for_version(schema: Any, version: str) -> Any:
    """The schema in the dialect of OpenAPI 3.0 where that is what the framework writes."""
    if not version.startswith("3.0"):
        return schema
    if isinstance(schema, list):
        return [for_version(part, version) for part in schema]
    if not isinstance(schema, dict):
        return schema
    choices = schema.get("anyOf")
    if isinstance(choices, list) and NULL in choices:
        rest = [choice for choice in choices if choice != NULL]
        merged = dict(rest[0]) if len(rest) == 1 else {"anyOf": rest}
        others = {key: value for key, value in schema.items() if key != "anyOf"}
        return for_version({**merged, **others, "nullable": True}, version)
    result = {key: for_version(value, version) for key, value in schema.items()}
    for bound in ("minimum", "maximum"):
        exclusive = "exclusive" + bound.capitalize()
        if exclusive in result:
            result[bound], result[exclusive] = result[exclusive], True
    return result
