"""Golden data and small pictures shared by the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
Golden = tuple[dict[str, np.ndarray], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Golden]:
    """Reads ``tests/golden/<name>.npz``: its arrays and its list of cases."""

    def read(name: str) -> Golden:
        with np.load(GOLDEN / f"{name}.npz") as archive:
            arrays = {key: archive[key] for key in archive.files}
        return arrays, json.loads(bytes(arrays.pop("meta_json")))

    return read


@pytest.fixture(autouse=True)
def _no_models_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What happens to be installed here must not change what a test sees."""
    empty = str(tmp_path_factory.getbasetemp() / "no-models")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "RILIEVO_MODELS", "HF_HOME", "TORCH_HOME", "U2NET_HOME"):
        monkeypatch.setenv(name, empty)
    for name in (
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_TOKEN",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        "RILIEVO_OFFLINE",
    ):
        monkeypatch.delenv(name, raising=False)
