"""One network in PyTorch and in rilievo, forward passes in turn, for the benches of networks.

Import it after the thread counts are set: it imports torch.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

# Cargo's profile: another can be measured with the variable PROFILE.
EXAMPLES = Path(__file__).parents[2] / "target" / os.environ.get("PROFILE", "release") / "examples"


def compare(
    model: torch.nn.Module, x: torch.Tensor, example: str, network: str, title: str, threads: int, rounds: int
) -> None:
    """Prints the medians of both and the largest difference of their outputs for `x`, [1, C, H, W].

    `example` is the program of this folder that runs `network`; it gets the model's own weights.
    """
    height, width = x.shape[2:]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        weights, source, result = (str(Path(folder) / name) for name in ("w.safetensors", "x.bin", "y.bin"))
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)
        x.numpy().tofile(source)
        command = [EXAMPLES / example, network, weights, source, height, width, result]
        rilievo = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "RAYON_NUM_THREADS": str(threads)},
        )  # fmt: skip
        assert rilievo.stdin is not None and rilievo.stdout is not None
        assert rilievo.stdout.readline().strip() == "ready"
        ours, theirs = [], []
        for _ in range(rounds + 1):
            rilievo.stdin.write("\n")
            rilievo.stdin.flush()
            ours.append(float(rilievo.stdout.readline()))
            start = time.perf_counter()
            y = model(x)
            theirs.append(time.perf_counter() - start)
        rilievo.stdin.close()
        rilievo.wait()
        got = torch.from_numpy(np.fromfile(result, np.float32)).reshape(y.shape)
    error = ((got - y).abs().max() / y.std()).item()
    # The first round warms caches.
    a, b = np.median(ours[1:]), np.median(theirs[1:])
    print(f"{title} at {height}x{width}, {threads} thread(s), median of {rounds}, torch {torch.__version__}")
    print(f"rilievo {a:.3f} s, torch {b:.3f} s, ratio {a / b:.2f}; best {min(ours):.3f} / {min(theirs):.3f}")
    print(f"largest difference {error:.1e} of the standard deviation")
