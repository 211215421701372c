"""The pocket network side by side: rilievo against its training code in PyTorch.

    python benches/peers/pocket.py CHECKPOINT.pt [--photo PHOTO] [--threads N] [--rounds N]

Both programs load the same weights and take the same photo, scaled to 1024
pixels, through the same network size to a 16-bit PNG. They run in two processes
and are asked in turn, a picture each a round; medians are compared. PyTorch is
measured as the training code runs (`network`) and, for orientation, at its best:
batch normalisation fused, channels last (`network, tuned`). Needs rilievo, torch,
opencv-python and Pillow in this Python.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "docs" / "photos" / "room_drum_table.jpg"
STAGES = (
    "preprocess",
    "network",
    "network, tuned",
    "upsample, plain",
    "upsample, guided",
    "16 bit",
    "png",
    "whole",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--photo", default=str(PHOTO))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--role", choices=("rilievo", "torch"))
    chosen = parser.parse_args()
    if chosen.role:
        serve({"rilievo": Rilievo, "torch": Torch}[chosen.role](chosen))
        return

    threads = str(chosen.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads}
    roles = {
        role: subprocess.Popen(
            [sys.executable, __file__, *sys.argv[1:], "--role", role],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for role in ("torch", "rilievo")
    }
    rows: dict[str, list[dict[str, float]]] = {role: [] for role in roles}
    for _ in range(chosen.rounds + 2):
        for role, process in roles.items():
            process.stdin.write("\n")
            process.stdin.flush()
            rows[role].append(json.loads(process.stdout.readline()))
    for process in roles.values():
        process.stdin.close()
        process.wait()

    print(
        f"{Path(chosen.photo).name} at 1024 pixels, {threads} thread(s), median of {chosen.rounds}, milliseconds\n"
    )
    print("| stage | PyTorch | rilievo | rilievo / PyTorch |\n|---|---|---|---|")
    for stage in STAGES:
        # The first two rounds warm caches.
        peer, own = (
            statistics.median(row[stage] for row in rows[role][2:]) if stage in rows[role][0] else None
            for role in ("torch", "rilievo")
        )
        cells = ["-" if value is None else f"{1e3 * value:.1f}" for value in (peer, own)]
        ratio = f"{own / peer:.2f}" if own and peer else "-"
        print(f"| {stage} | {' | '.join(cells)} | {ratio} |")


def serve(program: Rilievo | Torch) -> None:
    for _ in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(program.picture(Path(folder))), flush=True)


def load(photo: str) -> object:
    import numpy as np
    from PIL import Image

    picture = Image.open(photo).convert("RGB")
    scale = 1024 / max(picture.size)
    return np.asarray(picture.resize([round(side * scale) for side in picture.size]))


class Clock:
    """Seconds since the last look."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()

    def __call__(self) -> float:
        now = time.perf_counter()
        self.last, passed = now, now - self.last
        return passed


class Rilievo:
    def __init__(self, chosen: argparse.Namespace) -> None:
        from rilievo import DepthMap, Output, Saver, _native
        from rilievo.watch import Watch

        self.tools = DepthMap, Output, Saver
        self.watch = Watch
        self.photo = load(chosen.photo)
        self.estimator = _native.Estimator("pocket", device="cpu")

    def picture(self, folder: Path) -> dict[str, float]:
        depth_map, output, saver = self.tools
        times: dict[str, float] = {}
        marks: dict[tuple[str, int], float] = {}

        def mark(stage: str, done: int, _total: int) -> None:
            marks[stage, done] = time.perf_counter()

        self.estimator.estimate(self.photo, {"refine": False}, self.watch(mark))
        times["upsample, plain"] = marks["upsample", 1] - marks["upsample", 0]
        clock = Clock()
        values, kind = self.estimator.estimate(self.photo, {"refine": True}, self.watch(mark))
        times["preprocess"] = marks["prepare", 1] - clock.start
        times["network"] = marks["upsample", 0] - marks["prepare", 1]
        times["upsample, guided"] = marks["upsample", 1] - marks["upsample", 0]
        clock()
        u16 = depth_map(values, kind).to_u16()
        times["16 bit"] = clock()
        saver(folder).save(output(0, "depth", u16), "depth")
        times["png"] = clock()
        times["whole"] = clock.last - clock.start
        return times


class Torch:
    def __init__(self, chosen: argparse.Namespace) -> None:
        import cv2
        import torch

        sys.path.insert(0, str(ROOT / "models" / "pocket"))
        import network

        self.predict = network.mirrored
        torch.set_num_threads(chosen.threads)
        cv2.setNumThreads(chosen.threads)
        self.photo = load(chosen.photo)
        self.plain = network.load(Path(chosen.checkpoint))
        self.tuned = network.load(Path(chosen.checkpoint)).to(memory_format=torch.channels_last)
        fuse(self.tuned)

    def picture(self, folder: Path) -> dict[str, float]:
        import cv2
        import numpy as np
        import torch
        from PIL import Image

        clock, times = Clock(), {}
        height, width = self.photo.shape[:2]
        scale = (320 * 256 / (height * width)) ** 0.5
        size = [max(1, round(side * scale / 32)) * 32 for side in (width, height)]
        x = (cv2.resize(self.photo, size, interpolation=cv2.INTER_AREA).astype(np.float32) - 127) / 128
        x = torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None]
        times["preprocess"] = clock()
        with torch.inference_mode():
            prediction = self.predict(self.plain, x)[0].numpy()
        times["network"] = clock()
        values = cv2.resize(prediction, (width, height), interpolation=cv2.INTER_LINEAR)
        times["upsample, plain"] = clock()
        u16 = ((values - values.min()) / (values.max() - values.min()) * 65535).astype(np.uint16)
        times["16 bit"] = clock()
        Image.fromarray(u16).save(folder / "depth.png")
        times["png"] = clock()
        times["whole"] = clock.last - clock.start
        x = x.to(memory_format=torch.channels_last)
        with torch.inference_mode():
            clock()
            self.predict(self.tuned, x)
            times["network, tuned"] = clock()
        return times


def fuse(module: object) -> None:
    """Folds every batch normalisation into the convolution registered before it."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    before = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None:
            conv_name, conv = before
            setattr(module, conv_name, fuse_conv_bn_eval(conv, child))
            setattr(module, name, nn.Identity())
        elif child is not None:
            fuse(child)
        before = (name, child) if isinstance(child, nn.Conv2d) else None


if __name__ == "__main__":
    main()
