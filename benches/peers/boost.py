"""A boosted depth map side by side with the same algorithm in PyTorch.

    python benches/peers/boost.py [PHOTO] [--size 1600x1200] [--threads N] [--rounds N] [--geometry]

Depth Anything v2 small and the merge network, both with seeded noise for
weights, the same for both programs. Each round starts a fresh process of
either program, in turn, so the time of a run and the peak memory are those of
a user's first run. The PyTorch side is written as the reference program is:
OpenCV and float64 around the networks, one patch after the other. Prints a
markdown table of medians, and how far the two maps are apart.

``--geometry`` compares only what comes before the networks: the mask, the
sizes and the patches, by processor time. Needs rilievo, torch, opencv-python
and Pillow in this Python.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import fresh_process

if TYPE_CHECKING:
    import numpy as np

HERE = Path(__file__).parent
PHOTO = HERE.parents[1] / "docs" / "photos" / "table_coffee.jpg"
FIELD, RMAX, MERGE_SIDE = 518, 1600, 1024
STAGES = ("load", "geometry", "run", "whole process", "processor time", "peak memory")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photo", nargs="?", default=str(PHOTO))
    parser.add_argument("--size", default="1600x1200")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--geometry", action="store_true")
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
        if not chosen.geometry:
            compare(folder)


def run(role: str, chosen: argparse.Namespace) -> dict[str, float]:
    arguments = [chosen.photo, "--folder", chosen.folder, "--size", chosen.size]
    arguments += ["--geometry"] if chosen.geometry else []
    return fresh_process.run(__file__, role, chosen.threads, arguments)


def picture(chosen: argparse.Namespace) -> Any:
    import numpy as np
    from PIL import Image

    width, height = map(int, chosen.size.split("x"))
    with Image.open(chosen.photo) as photo:
        return np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


class Clock:
    """Seconds of the clock and of the processor since the last look."""

    def __init__(self) -> None:
        self.last = (time.perf_counter(), time.process_time())

    def __call__(self) -> tuple[float, float]:
        now = (time.perf_counter(), time.process_time())
        passed = (now[0] - self.last[0], now[1] - self.last[1])
        self.last = now
        return passed


def weights(chosen: argparse.Namespace) -> None:
    if chosen.geometry:
        return
    import torch

    sys.path.insert(0, str(HERE))
    from networks import DepthAnything

    torch.manual_seed(1)
    state = DepthAnything("small").state_dict()
    # Lifted above the last ReLU, or the map of noise weights would be flat.
    state["depth_head.scratch.output_conv2.2.bias"] += 5
    torch.save(state, Path(chosen.folder, "small.pth"))
    torch.save(merge_network().state_dict(), Path(chosen.folder, "merge.pth"))


def rilievo(chosen: argparse.Namespace) -> None:
    import numpy as np
    from rilievo import _native

    clock, times = Clock(), {}
    rgb = picture(chosen)
    clock()
    if chosen.geometry:
        _native.boost_plan(rgb, FIELD, {"rmax": RMAX})
        times["geometry"] = clock()[1]
        fresh_process.finish(times)
        return
    network = _native.Estimator("depth_anything_v2_small", str(Path(chosen.folder, "small.pth")))
    merge = _native.MergeNetwork(str(Path(chosen.folder, "merge.pth")))
    times["load"] = clock()[0]
    values, _ = network.boost(rgb, merge, {"rmax": RMAX})
    times["run"] = clock()[0]
    np.save(Path(chosen.folder, "rilievo.npy"), values)
    fresh_process.finish(times)


def pytorch(chosen: argparse.Namespace) -> None:
    import cv2
    import numpy as np

    cv2.setNumThreads(chosen.threads)
    clock, times = Clock(), {}
    rgb = picture(chosen)[..., ::-1] / 255.0
    clock()
    if chosen.geometry:
        mask()
        patches(rgb)
        times["geometry"] = clock()[1]
        fresh_process.finish(times)
        return
    import torch

    sys.path.insert(0, str(HERE))
    from networks import DepthAnything

    clock()
    network = DepthAnything("small")
    network.load_state_dict(torch.load(Path(chosen.folder, "small.pth")))
    merging = merge_network()
    merging.load_state_dict(torch.load(Path(chosen.folder, "merge.pth")))
    network.eval()
    merging.eval()
    times["load"] = clock()[0]

    def depth(look: np.ndarray, side: int) -> np.ndarray:
        height, width = look.shape[:2]
        scale = max(side / height, side / width)
        sides = [max(-(-side // 14), round(length * scale / 14)) * 14 for length in (width, height)]
        resized = cv2.resize(look[..., ::-1], sides, interpolation=cv2.INTER_CUBIC)
        resized = (resized - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        x = torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)).astype(np.float32))[None]
        y = network(x)
        y = y.reshape(1, 1, *y.shape[-2:])
        y = torch.nn.functional.interpolate(y, (height, width), mode="bilinear", align_corners=True)
        return y[0, 0].numpy()

    def merge(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
        pair = np.stack([unit(outer) * 2 - 1, unit(inner) * 2 - 1]).astype(np.float32)
        return (merging(torch.from_numpy(pair)[None])[0, 0].numpy() + 1) / 2

    with torch.no_grad():
        values = boosted(rgb, depth, merge)
    times["run"] = clock()[0]
    np.save(Path(chosen.folder, "torch.npy"), values)
    fresh_process.finish(times)


def merge_network() -> Any:
    """The U-Net of pix2pix for 1024 x 1024 pixels, with the names of the published checkpoint."""
    import torch
    from torch import nn

    channels = [64, 128, 256] + [512] * 7

    class Level(nn.Module):
        def __init__(self, index: int) -> None:
            super().__init__()
            self.outermost = index == 0
            inside = 2 if self.outermost else channels[index - 1]
            outside = 1 if self.outermost else inside
            last = index + 1 == len(channels)
            down = nn.Conv2d(inside, channels[index], 4, 2, 1, bias=False)
            joined = channels[index] if last else 2 * channels[index]
            up = nn.ConvTranspose2d(joined, outside, 4, 2, 1, bias=self.outermost)
            nested = [] if last else [Level(index + 1)]
            if self.outermost:
                parts = [down, *nested, nn.ReLU(True), up, nn.Tanh()]
            else:
                parts = [nn.LeakyReLU(0.2, True), down, nn.Identity(), *nested, nn.ReLU(True), up]
                if last:
                    del parts[2]
            self.model = nn.Sequential(*parts)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Level(0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.model(x)

    torch.manual_seed(2)
    network = Network()
    for module in network.modules():
        # So that what goes in comes out as large: of the 16 taps of a doubling each output sees 4.
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=(2 / (16 * module.in_channels)) ** 0.5)
        elif isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=(2 / (4 * module.in_channels)) ** 0.5)
    return network


# --- the algorithm, with OpenCV and numpy ------------------------------------------------------------


def boosted(
    rgb: np.ndarray,
    depth: Callable[[np.ndarray, int], np.ndarray],
    merge: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    import cv2
    import numpy as np

    height, width = rgb.shape[:2]
    blending = mask()
    whole_side, target, found = patches(rgb)
    square = (MERGE_SIDE, MERGE_SIDE)

    def double(look: np.ndarray, side: int) -> np.ndarray:
        low = cv2.resize(depth(look, FIELD), square, interpolation=cv2.INTER_CUBIC)
        high = cv2.resize(depth(look, side), square, interpolation=cv2.INTER_CUBIC)
        return unit(merge(low, high))

    whole = double(rgb, whole_side)
    scale = height / target.shape[0]
    sides = (round(target.shape[1] * scale), round(target.shape[0] * scale))
    base = cv2.resize(whole, sides, interpolation=cv2.INTER_CUBIC)
    updated, looks = base.copy(), cv2.resize(target, sides, interpolation=cv2.INTER_CUBIC)
    for x, y, side in found:
        x, y, side = (int(np.round(value * scale)) for value in (x, y, side))
        cut = (slice(y, y + side), slice(x, x + side))
        outer = cv2.resize(base[cut], square, interpolation=cv2.INTER_CUBIC)
        merged = merge(outer, double(looks[cut], 2 * FIELD))
        fitted = np.polyval(np.polyfit(merged.ravel(), outer.ravel(), 1), merged)
        size = base[cut].shape[::-1]
        fitted = cv2.resize(fitted, size, interpolation=cv2.INTER_CUBIC)
        share = cv2.resize(blending, size, interpolation=cv2.INTER_LINEAR)
        updated[cut] = updated[cut] * (1 - share) + fitted * share
    return cv2.resize(updated, (width, height), interpolation=cv2.INTER_CUBIC)


def unit(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low)


def mask() -> np.ndarray:
    import cv2
    import numpy as np

    square = np.zeros((3000, 3000), np.float32)
    square[450:2550, 450:2550] = 1
    return unit(cv2.GaussianBlur(square, (749, 749), 187))


def edges(gray: np.ndarray) -> np.ndarray:
    import cv2
    import numpy as np

    across, down = (cv2.Sobel(gray, cv2.CV_64F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    return np.abs(across) + np.abs(down)


def gray(rgb: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.dot(rgb, [0.2989, 0.5870, 0.1140])


def patches(rgb: np.ndarray) -> tuple[int, np.ndarray, list[tuple[int, int, int]]]:
    """The size for the whole picture, the enlarged picture, and the squares that have details."""
    import cv2
    import numpy as np

    height, width = rgb.shape[:2]
    side = min(height, width)
    strength = cv2.resize(edges(gray(rgb)), (side, side), interpolation=cv2.INTER_LINEAR)
    threshold = strength.min() + 0.4 * (strength.max() - strength.min())
    strong = (strength >= threshold).astype(np.float64)
    whole, scale = FIELD, 1.0
    for units in range(FIELD // 32, min(RMAX, 3 * max(height, width)) // 32, FIELD // 64):
        block = side // units
        rows = -(-side // block)
        padded = np.zeros((rows * block, rows * block))
        padded[:side, :side] = strong
        pooled = padded.reshape(rows, block, rows, block).max(axis=(1, 3))
        near = (cv2.resize(pooled, (units, units), interpolation=cv2.INTER_LINEAR) >= 0.5).astype(np.float64)
        scale = cv2.dilate(near, np.ones((FIELD // 128,) * 2)).mean()
        if (1 - cv2.dilate(near, np.ones((FIELD // 32,) * 2))).mean() > 0.2:
            break
        whole = units * 32
    factor = max(min(1, 4 * scale * whole / RMAX), 0.2)
    if width > height:
        sides = (2 * whole, round(2 * whole * height / width))
    else:
        sides = (round(2 * whole * width / height), 2 * whole)
    sides = (round(sides[0] / factor), round(sides[1] / factor))
    target = cv2.resize(rgb, sides, interpolation=cv2.INTER_CUBIC)

    strength = edges(gray(target))
    strength[strength < strength[strength > 0].mean()] = 0
    average, sums = strength.mean(), cv2.integral(strength)

    def busy(x: int, y: int, side: int) -> bool:
        inside = sums[y + side, x + side] - sums[y, x + side] - sums[y + side, x] + sums[y, x]
        return inside / side**2 >= average

    found, step = [], int(32 / factor)
    for x in range(0, sides[0] - 2 * FIELD, round(0.75 * FIELD)):
        for y in range(0, sides[1] - 2 * FIELD, round(0.75 * FIELD)):
            place = (x, y, 2 * FIELD)
            if not busy(*place):
                continue
            while True:
                larger = (place[0] - step // 2, place[1] - step // 2, place[2] + step)
                reach = (larger[0] + larger[2], larger[1] + larger[2])
                outside = min(larger[:2]) < 0 or reach[0] >= sums.shape[1] or reach[1] >= sums.shape[0]
                if outside or not busy(*larger):
                    break
                place = larger
            found.append(place)
    found.sort(key=lambda place: -place[2])
    return whole, target, found


# --- the tables --------------------------------------------------------------------------------------


def report(results: dict[str, list[dict[str, float]]], chosen: argparse.Namespace) -> None:
    print(f"{Path(chosen.photo).name} at {chosen.size}, {chosen.threads} threads, {chosen.rounds} rounds\n")
    fresh_process.table(STAGES, results)


def compare(folder: str) -> None:
    import numpy as np

    ours, theirs = (np.load(Path(folder, f"{name}.npy")) for name in ("rilievo", "torch"))
    spread = theirs.std()
    print(
        f"\ndifference of the two maps, in standard deviations: {np.abs(ours - theirs).max() / spread:.2g} at most"
    )


if __name__ == "__main__":
    main()
