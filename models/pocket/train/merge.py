"""Averages the networks of several runs that started from the same checkpoint (Wortsman et al. 2022).

    python merge.py OUT.pt RUN... --shards DIR

Averages the runs' averaged weights, estimates batch normalisation again on the shards of DIR, and writes the state
dict of a plain `network.Pocket`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import train
from torch import Tensor


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    states = [
        torch.load(run / "state.pt", map_location="cpu", weights_only=True)["average"]
        for run in arguments.runs
    ]
    mean = {
        key: torch.stack([s[key].float() for s in states]).mean(0).to(value.dtype)
        for key, value in states[0].items()
    }
    network = train.with_lateral_norms(train.pocket.Pocket())
    network.load_state_dict(mean)
    network.to(memory_format=torch.channels_last).eval()
    pool, rng = train.Pool(arguments.shards, keep_files=True), np.random.default_rng(0)
    while len(pool.shards) < 8 and pool.take():
        pass

    def batches() -> Iterator[Tensor]:
        for step in range(arguments.batches):
            size = train.SIZES[1][:: 1 if step % 2 else -1]
            pairs = [train.augment(*pool.draw(rng, size[0] > size[1]), size, rng) for _ in range(train.BATCH)]
            yield torch.from_numpy(np.stack([p[0] for p in pairs]).astype(np.float32)).to(
                memory_format=torch.channels_last
            )

    train.estimate_norms(network, batches(), train.FROZEN_BLOCKS)
    torch.save(train.fold_laterals(network.state_dict()), arguments.out)


if __name__ == "__main__":
    main()
