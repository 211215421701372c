"""The networks in memory under many threads: none is torn away, none is there twice, no more stay than may."""

from __future__ import annotations

import gc
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import numpy as np
import pytest
import rilievo
from rilievo.loaded import LoadedModels, Network

MODELS = [Network(name, f"{name}.pth") for name in ("one", "two", "three")]


class Loader:
    """Loads fakes, and counts those that exist, by network."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.alive: Counter[Network] = Counter()
        self.loads: Counter[Network] = Counter()
        self.most_of_one = self.most_at_once = 0

    def __call__(self, network: Network) -> Fake:
        # What is being read takes memory as well.
        self.count(network, 1)
        threading.Event().wait(0.001)
        return Fake(self, network)

    def count(self, network: Network, change: int) -> None:
        with self.lock:
            self.alive[network] += change
            self.loads[network] += change > 0
            self.most_of_one = max(self.most_of_one, self.alive[network])
            self.most_at_once = max(self.most_at_once, sum(self.alive.values()))


class Fake:
    """A network that knows whether it has been freed."""

    def __init__(self, loader: Loader, network: Network):
        self.loader = loader
        self.network = network

    def __del__(self) -> None:
        self.loader.count(self.network, -1)


def in_threads(count: int, work: Callable[[random.Random], None]) -> None:
    """Runs ``work`` in so many threads that begin at once; raises what any of them raised."""
    begin = threading.Barrier(count)

    def one(seed: int) -> None:
        begin.wait()
        work(random.Random(seed))

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(one, range(count)))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_share_networks(threads: int, keep: bool) -> None:
    loader = Loader()
    models = LoadedModels(loader)
    models.keep(keep)

    def use(network: Network) -> None:
        with models.using(network) as (found,):
            assert found.network == network
            assert loader.alive[network] == 1

    def work(chance: random.Random) -> None:
        for _ in range(60):
            use(chance.choice(MODELS))

    in_threads(threads, work)
    gc.collect()
    assert loader.most_of_one == 1
    assert loader.most_at_once <= (len(MODELS) if keep else min(threads, len(MODELS)))
    assert sum(loader.alive.values()) == len(models) == (len(MODELS) if keep else 1)
    if keep:
        assert set(loader.loads.values()) == {1}
    models.unload()
    gc.collect()
    assert not models
    assert not +loader.alive


def test_a_network_in_use_stays_until_its_user_is_done() -> None:
    loader = Loader()
    models = LoadedModels(loader)
    one, two, three = MODELS
    with models.using(one, two) as held:
        with models.using(three):
            assert [fake.network for fake in held] == [one, two]
            assert +loader.alive == Counter(MODELS)
        with models.using(one) as (again,):
            assert again is held[0], "it is not read a second time"
        models.unload()
        assert +loader.alive == Counter([one, two])
        del held, again
    assert not models
    assert not +loader.alive
    assert loader.loads == Counter(MODELS)


def test_what_is_not_wanted_goes_before_the_next_is_read() -> None:
    loader = Loader()
    models = LoadedModels(loader)
    one, two, three = MODELS
    for wanted in ([one], [two], [two, three], [one]):
        with models.using(*wanted):
            assert +loader.alive == Counter(wanted)
    assert loader.loads == Counter({one: 2, two: 1, three: 1})
    models.keep()
    with models.using(two, three):
        pass
    models.keep(False)
    assert +loader.alive == Counter([two, three]), "both are of the last use"


def test_a_network_that_cannot_be_loaded_leaves_nothing_behind() -> None:
    attempts = []

    def load(network: Network) -> Any:
        attempts.append(network)
        raise MemoryError(network.id)

    models = LoadedModels(load)

    def work(_: random.Random) -> None:
        with pytest.raises(MemoryError, match="one"), models.using(MODELS[0]):
            pass

    in_threads(8, work)
    assert len(attempts) == 8, "everyone who asks is told why not"
    assert not models


@pytest.mark.parametrize("keep", [False, True])
def test_threads_with_the_embedded_network(keep: bool) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)
    kinds: list[dict[str, Any]] = [{}, {"tiling": True}, {"precision": "f32", "device": "cpu"}]
    expected = [rilievo.estimate_depth(picture, "pocket", **kind).values for kind in kinds]

    def work(chance: random.Random) -> None:
        for _ in range(2):
            kind = chance.randrange(len(kinds))
            found = rilievo.estimate_depth(picture, "pocket", **kinds[kind])
            np.testing.assert_array_equal(found.values, expected[kind])
            if chance.random() < 0.2:
                rilievo.unload_models()

    rilievo.keep_models_loaded(keep)
    try:
        in_threads(8, work)
    finally:
        rilievo.keep_models_loaded(False)
        rilievo.unload_models()
