"""Requests made up from the API's own description: none may end in a 500 or in an answer it does not describe."""

from __future__ import annotations

import base64
import io
import os

import numpy as np
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image
from rilievo import api
from schemathesis.specs.openapi.checks import negative_data_rejection

# A long run by hand: RILIEVO_FUZZ=2000 pytest tests/python/test_api_fuzz.py
EXAMPLES = int(os.environ.get("RILIEVO_FUZZ", "12"))


def _file(pixels: np.ndarray, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def _pictures() -> list[bytes]:
    noise = np.random.default_rng(0)
    color = noise.integers(0, 256, (9, 13, 3), np.uint8)
    bomb = io.BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    return [
        _file(color),
        _file(color, "JPEG"),
        _file(color[:1, :1]),
        _file(noise.integers(0, 65536, (9, 13)).astype(np.uint16)),
        _file(color)[:60],
        bomb.getvalue(),
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"no picture",
    ]


schemathesis.openapi.format(
    "byte", st.sampled_from([base64.b64encode(data).decode() for data in _pictures()])
)
schemathesis.openapi.format("binary", st.sampled_from(_pictures()))

APP = FastAPI()
# Requests are made up faster than a busy machine computes: a full queue is no fault (see test_api.py for what it says).
LIMITS = api.Limits(max_pixels=2_000_000, max_net_pixels=100_000, max_queue=100_000, keep_seconds=5)
SERVICE = api.mount(APP, limits=LIMITS)
REFUSED = [400, 404, 405, 409, 413, 415, 422]
CONFIG = schemathesis.config.SchemathesisConfig.from_dict(
    {
        "checks": {
            "negative_data_rejection": {"expected-statuses": REFUSED},
            # What is base64 need not be a picture, what is a name need not be that of a model.
            "positive_data_acceptance": {"expected-statuses": [*REFUSED, 200, 202]},
            # The framework answers 405 for one route, not for all methods of a path.
            "allow_header_conformance": {"enabled": False},
        }
    }
)
DESCRIPTION = schemathesis.openapi.from_asgi("/openapi.json", APP, config=CONFIG)


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    SERVICE.close()


@DESCRIPTION.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_made_up_requests(case):
    # In a form a list of one text is that text, and an empty one is not there: nothing that could be rejected.
    fields = case.body if case.media_type == "multipart/form-data" and isinstance(case.body, dict) else {}
    vanished = any(
        isinstance(value, list) and len(value) < 2
        for name, value in fields.items()
        if name not in ("image", "depth_map")
    )
    case.call_and_validate(excluded_checks=[negative_data_rejection] if vanished else [])
