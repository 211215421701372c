"""The networks in memory: which stay, which go, and who uses them at this moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

from rilievo import _native, models
from rilievo.options import Options


class Network(NamedTuple):
    """What tells one loaded network from another; without a path it is the embedded one."""

    id: str
    path: str | None
    device: str = "auto"
    precision: str = "auto"
    tiling: bool = False


@dataclass
class _Slot:
    """A network's place in memory, from the moment somebody asks for it."""

    network: Any = None
    users: int = 0
    loading: bool = False
    wanted: bool = True


class LoadedModels:
    """Networks that stay loaded between uses, for any number of threads.

    Unless :meth:`keep` says otherwise only those of the last use stay: what is not wanted goes before the
    next is read, because two at once may not fit. No network is ever in memory twice, and one that a thread
    uses goes only when that thread is done with it. ``load`` reads one.
    """

    def __init__(self, load: Callable[[Network], Any]):
        self._load = load
        self._slots: dict[Network, _Slot] = {}
        self._last: tuple[Network, ...] = ()
        self._keep = False
        # Guards all of the above, and wakes those who wait for a network that another thread loads.
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many networks are in memory, or on their way."""
        return len(self._slots)

    @contextmanager
    def using(self, *wanted: Network) -> Iterator[tuple[Any, ...]]:
        """These networks, loaded, for as long as the block runs.

        Raises whatever ``load`` does; the next one who asks tries again.
        """
        with self._changed:
            self._last = wanted
            if not self._keep:
                self._want(wanted)
            for network in wanted:
                slot = self._slots.setdefault(network, _Slot())
                slot.users += 1
                slot.wanted = True
            self._free()
        try:
            yield tuple(self._loaded(network) for network in wanted)
        finally:
            with self._changed:
                for network in wanted:
                    self._slots[network].users -= 1
                self._free()

    def unload(self) -> None:
        """Frees every network; those in use, when they no longer are."""
        with self._changed:
            self._last = ()
            self._want(self._last)
            self._free()

    def keep(self, keep: bool = True) -> None:
        """Whether networks stay in memory when another one is loaded; turning it off frees all but the last."""
        with self._changed:
            self._keep = keep
            if not keep:
                self._want(self._last)
                self._free()

    def _loaded(self, network: Network) -> Any:
        """The network in a slot that the caller holds; one thread loads it, others wait."""
        with self._changed:
            slot = self._slots[network]
            while slot.loading:
                self._changed.wait()
            if slot.network is not None:
                return slot.network
            slot.loading = True
        try:
            # Without the lock: meanwhile others go on with theirs.
            slot.network = self._load(network)
            return slot.network
        finally:
            with self._changed:
                slot.loading = False
                self._changed.notify_all()

    def _want(self, wanted: tuple[Network, ...]) -> None:
        for network, slot in self._slots.items():
            slot.wanted = network in wanted

    def _free(self) -> None:
        for network, slot in list(self._slots.items()):
            # One without a network is what a failed attempt to load it left.
            if not slot.users and (not slot.wanted or slot.network is None):
                del self._slots[network]


def _open(network: Network) -> Any:
    if network.id == models.MERGE:
        assert network.path is not None
        return _native.MergeNetwork(network.path, network.device, network.precision)
    return _native.Estimator(*network)


# Those of this process.
LOADED = LoadedModels(_open)


@contextmanager
def networks(options: Options) -> Iterator[tuple[_native.Estimator, _native.MergeNetwork | None]]:
    """The network for depth that these options mean and the one that merges, if there is one.

    Raises what :func:`rilievo.models.choice` raises, and :class:`rilievo.RilievoError` for a file that
    cannot be read.
    """
    choice = models.choice(options)
    device, precision = options.compute_device, options.precision
    wanted = [Network(choice.id, choice.path, device, precision, options.tiling_mode)]
    if choice.merge:
        wanted.append(Network(models.MERGE, choice.merge, device, precision))
    with LOADED.using(*wanted) as (depth, *merge):
        yield depth, merge[0] if merge else None


def unload_models() -> None:
    """Frees every network that stayed loaded; those in use, when they no longer are."""
    LOADED.unload()


unload = unload_models


def keep_models_loaded(keep: bool = True) -> None:
    """Whether networks stay in memory when another one is loaded.

    Off at first: only the last one stays, and it goes before the next is read. Turning it off frees all
    but the last.
    """
    LOADED.keep(keep)
