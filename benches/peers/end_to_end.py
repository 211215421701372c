"""A photo to a 16-bit depth PNG, every stage, side by side with PyTorch.

    python benches/peers/end_to_end.py [PHOTO] [--threads N] [--rounds N]

Each round starts a fresh process of either program, in turn: so the start
(imports, constructing and loading the network from the same ``.pth``), the
first picture and the peak memory are those of a user's first run. The PyTorch
side is written as the reference program is: OpenCV and float64 before the
network, PIL for the file. Prints a markdown table of medians; needs rilievo,
torch, opencv-python and Pillow in this Python. The weights are seeded noise, the
same for both, and the two maps are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import fresh_process

HERE = Path(__file__).parent
PHOTO = HERE.parents[1] / "docs" / "photos" / "room_drum_table.jpg"
STAGES = ("start", "load", "preprocess", "network", "postprocess", "save", "whole process", "peak memory")
WARM = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photo", nargs="?", default=str(PHOTO))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--role", choices=("rilievo", "torch", "weights"))
    parser.add_argument("--folder")
    chosen = parser.parse_args()
    if chosen.role:
        # The peer module reads its own command line.
        sys.argv[1:] = ["small", str(chosen.threads)]
        {"rilievo": rilievo, "torch": pytorch, "weights": weights}[chosen.role](chosen)
        return
    with tempfile.TemporaryDirectory() as folder:
        chosen.folder = folder
        results = fresh_process.in_turn(chosen.rounds, lambda role: run(role, chosen))
        report(results, chosen)
        compare(folder)


def run(role: str, chosen: argparse.Namespace) -> dict[str, float]:
    row = fresh_process.run(__file__, role, chosen.threads, [chosen.photo, "--folder", chosen.folder])
    # The process starts when it is spawned, not when its first line runs.
    return {**row, "whole process": row["whole process"] - row.pop("warm", 0.0)}


class Clock:
    """Seconds since the last look."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def __call__(self) -> float:
        now = time.perf_counter()
        self.last, passed = now, now - self.last
        return passed


def weights(chosen: argparse.Namespace) -> None:
    import torch

    sys.path.insert(0, str(HERE))
    from networks import DepthAnything

    torch.manual_seed(1)
    state = DepthAnything("small").state_dict()
    # Lifted above the last ReLU, or the map of noise weights would be flat.
    state["depth_head.scratch.output_conv2.2.bias"] += 5
    torch.save(state, Path(chosen.folder, "small.pth"))


def rilievo(chosen: argparse.Namespace) -> None:
    clock, times = Clock(), {}
    import rilievo as program

    times["start"] = clock()
    from rilievo import _native
    from rilievo.watch import Watch

    estimator = _native.Estimator("depth_anything_v2_small", str(Path(chosen.folder, "small.pth")))
    times["load"] = clock()

    marks: dict[tuple[str, int], float] = {}

    def once() -> tuple[program.DepthMap, float]:
        rgb = program.pictures.load_rgb(chosen.photo)
        mark = Watch(lambda stage, done, total: marks.__setitem__((stage, done), time.perf_counter()))
        values, kind = estimator.estimate(rgb, watch=mark)
        return program.DepthMap(values, kind), marks["upsample", 0] - marks["prepare", 1]

    depth, times["network"] = once()
    times["preprocess"] = marks["prepare", 1] - clock.last
    clock.last = marks["upsample", 0]
    u16 = depth.to_u16()
    times["postprocess"] = clock()
    Path(chosen.folder, "rilievo.png").unlink(missing_ok=True)
    clock()
    program.Saver(chosen.folder).save(program.Output(0, "depth", u16), "rilievo")
    times["save"] = clock()
    times["network"] = statistics.median([once()[1] for _ in range(WARM)])
    fresh_process.finish({**times, "warm": clock()})


def pytorch(chosen: argparse.Namespace) -> None:
    clock, times = Clock(), {}
    import cv2
    import numpy as np
    import torch
    from PIL import Image

    sys.path.insert(0, str(HERE))
    from networks import DepthAnything

    cv2.setNumThreads(chosen.threads)
    times["start"] = clock()
    network = DepthAnything("small")
    network.load_state_dict(torch.load(Path(chosen.folder, "small.pth")))
    network.eval()
    times["load"] = clock()

    picture = np.asarray(Image.open(chosen.photo).convert("RGB")) / 255.0
    height, width = picture.shape[:2]
    scale = max(518 / height, 518 / width)
    sides = [max(518, int(np.round(side * scale / 14)) * 14) for side in (width, height)]
    resized = cv2.resize(picture, sides, interpolation=cv2.INTER_CUBIC)
    resized = (resized - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    x = torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)).astype(np.float32))[None]
    times["preprocess"] = clock()
    with torch.no_grad():
        y = network(x)
    y = y.reshape(1, 1, *y.shape[-2:])
    clock()
    final = torch.nn.functional.interpolate(y, (height, width), mode="bilinear", align_corners=True)[
        0, 0
    ].numpy()
    final = (final - final.min()) / (final.max() - final.min())
    u16 = np.clip(final * 65536 + 0.0001, 0, 65535.9).astype(np.uint16)
    times["postprocess"] = clock()
    Image.fromarray(u16).save(Path(chosen.folder, "torch.png"))
    times["save"] = clock()
    passes = []
    for _ in range(WARM):
        pass_clock = Clock()
        with torch.no_grad():
            network(x)
        passes.append(pass_clock())
    times["network"] = statistics.median(passes)
    fresh_process.finish({**times, "warm": clock()})


def report(results: dict[str, list[dict[str, float]]], chosen: argparse.Namespace) -> None:
    print(f"{Path(chosen.photo).name}, {chosen.threads} threads, median of {chosen.rounds} fresh processes\n")
    fresh_process.table(STAGES, results)


def compare(folder: str) -> None:
    import numpy as np
    from PIL import Image

    ours, theirs = (
        np.asarray(Image.open(Path(folder, name))).astype(int) for name in ("rilievo.png", "torch.png")
    )
    print(f"\nlargest difference of the two maps: {np.abs(ours - theirs).max()} of 65535")


if __name__ == "__main__":
    main()
