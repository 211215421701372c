"""Checkpoints that are made for tests."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def network(name: str) -> bytes:
    """A checkpoint with all tensors of a network, whose numbers are zeros."""
    manifest = json.loads((Path(__file__).parent / "golden" / "networks" / f"{name}.json").read_text())
    header: dict[str, Any] = {}
    end = 0
    for tensor in manifest["tensors"]:
        start, end = end, end + 4 * math.prod(tensor["shape"])
        header[tensor["name"]] = {"dtype": "F32", "shape": tensor["shape"], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)
