"""GPU memory: asked from the host before a network runs, given back afterwards."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Iterator

import rilievo
from rilievo.options import Options

MEGABYTE = 1024 * 1024
# What the network needs beside what its row in the catalog says, as a factor.
HEADROOM = 1.5


def uses_gpu(options: Options) -> bool:
    """Whether a run with these options may take memory on a graphics card."""
    wanted = options.compute_device.lower()
    return wanted != "cpu" and _has_gpu()


@functools.lru_cache(maxsize=1)
def _has_gpu() -> bool:
    """Whether this build can use a graphics card of this machine; asking it takes a moment."""
    return any(name != "cpu" and reason is None for name, reason in rilievo.devices().items())


@contextlib.contextmanager
def room(options: Options) -> Iterator[None]:
    """Makes room on the graphics card for a network, and lets the host have it back."""
    if not uses_gpu(options):
        yield
        return
    with _forge_room(options) if is_forge() else _a1111_room():
        yield


def is_forge() -> bool:
    """Whether the host is Forge (or built on it)."""
    return importlib.util.find_spec("modules_forge") is not None


@contextlib.contextmanager
def _a1111_room() -> Iterator[None]:
    """Moves the checkpoint to main memory for the time being."""
    from modules import devices, sd_models

    # Not shared.sd_model: reading that would load a checkpoint.
    model = sd_models.model_data.sd_model
    if model is None:
        yield
        return
    sd_models.send_model_to_cpu(model)
    try:
        yield
    finally:
        devices.torch_gc()
        sd_models.send_model_to_device(model)


@contextlib.contextmanager
def _forge_room(options: Options) -> Iterator[None]:
    """Has Forge unload as much as the network needs; it loads again by itself."""
    from backend import memory_management

    device = memory_management.get_torch_device()
    memory_management.free_memory(rilievo.models.megabytes(options) * HEADROOM * MEGABYTE, device)
    # What torch keeps for later is not there for others.
    memory_management.soft_empty_cache()
    yield
