"""A build for NVIDIA GPUs on a machine that lacks something it needs."""

from __future__ import annotations

import ctypes
import importlib
import sys

import pytest
from rilievo import _cuda

MISSING = ImportError("libcublas.so.13: cannot open shared object file: No such file or directory")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the loader works with folders there")


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """The libraries that are opened, of a package ``nvidia`` that has three of them."""
    for name in (
        "cuda_runtime/lib/libcudart.so.13",
        "cublas/lib/libcublas.so.13",
        "cublas/lib/libcublasLt.so.13",
    ):
        path = tmp_path / "nvidia" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    names: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda path, mode: names.append(path.rsplit("/", 1)[1]))
    return names


def test_the_libraries_of_pytorch_are_used(opened, monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: None)
    _cuda.load(MISSING)
    assert opened == ["libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13"]


def test_what_is_still_missing_is_named_and_the_way_out(opened, monkeypatch):
    def fails(_: str) -> None:
        raise ImportError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(ImportError, match="libcuda") as error:
        _cuda.load(MISSING)
    assert "NVIDIA driver" in str(error.value)
    assert "pip install --force-reinstall rilievo" in str(error.value)


def test_other_errors_are_left_alone():
    with pytest.raises(ImportError, match="numpy"):
        _cuda.load(ImportError("No module named 'numpy'"))
