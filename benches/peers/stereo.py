"""Stereo pictures: rilievo beside the same algorithms in numba (``parallel=True``).

    pip install numba
    python benches/peers/stereo.py [--threads 2] [--rounds 9] [--fills polylines_sharp ...]

The numba code below is written for this file, from a description of the
algorithms. Both sides make a left-right picture of a photo-like scene and a
16-bit depth map (divergence 2.5, balance 0), and must give the same bytes
before anything is timed. Warm times are of interleaved rounds in one process,
after a first call on both sides; the table has medians and, for busy machines,
the fastest round of each and the ratio of the processor time of all threads,
which the load of others hardly touches. "First picture" is the first call in a fresh process,
which for numba includes compiling: its on-disk cache is off, as it was in the
program these fills come from.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any, Callable

import numpy as np

FILLS = ("polylines_sharp", "polylines_soft", "naive", "naive_interpolating", "none")
SIZES = ((1920, 1080), (3840, 2160))
DIVERGENCE = 2.5


def scene(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A textured picture; a sloping ground with thirty round things on it, soft-edged like a network's."""
    generator = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width] / height
    waves = [np.sin(11 * x + 3 * c) + np.sin(17 * y + 5 * c) + np.sin(90 * x * y + c) for c in range(3)]
    image = 128 + 35 * np.stack(waves, -1) + generator.normal(0, 6, (height, width, 3))
    depth = 0.25 * y + 0.1 * x
    for _ in range(30):
        cx, cy, radius = generator.uniform([0, 0, 0.03], [width / height, 1, 0.15])
        inside = np.clip((radius - np.hypot(x - cx, y - cy)) * 200, 0, 1)
        depth = np.maximum(depth, inside * (0.35 + 0.65 * cy))
    depth = (depth - depth.min()) / (depth.max() - depth.min())
    return image.clip(0, 255).astype(np.uint8), (depth * 65535).astype(np.uint16)


def define_kernels() -> dict[str, Any]:
    """Imports numba and defines (but does not compile) the peer's kernels."""
    from numba import njit, prange

    @njit(parallel=True)
    def scatter(image, nearness, divergence, separation, filled):
        height, width, _ = image.shape
        out = np.zeros_like(image)
        for y in prange(height):
            for i in range(width):
                x = i if divergence < 0 else width - 1 - i
                to = x + int(nearness[y, x] * divergence + separation)
                if 0 <= to < width:
                    out[y, to] = image[y, x]
                    filled[y, to] = True
        return out

    @njit(parallel=True)
    def nearest(scattered, filled, divergence):
        height, width, _ = scattered.shape
        out = scattered.copy()
        reach = abs(int(divergence)) + 1
        for y in prange(height):
            for x in range(width):
                if filled[y, x]:
                    continue
                for distance in range(1, reach + 1):
                    right, left = x + distance, x - distance
                    if right < width and filled[y, right]:
                        out[y, x] = scattered[y, right]
                        break
                    if left >= 0 and filled[y, left]:
                        out[y, x] = scattered[y, left]
                        break
        return out

    @njit(parallel=True)
    def interpolate(out, filled):
        height, width, channels = out.shape
        for y in prange(height):
            left = np.empty(channels, np.int64)
            right = np.empty(channels, np.int64)
            for x in range(width):
                black = True
                for c in range(channels):
                    black = black and out[y, x, c] == 0
                if not black or filled[y, x]:
                    continue
                end = x + 1
                while end < width:
                    lit = False
                    for c in range(channels):
                        lit = lit or out[y, end, c] != 0
                    if lit and filled[y, end]:
                        break
                    end += 1
                left_sum = right_sum = 0
                for c in range(channels):
                    left[c] = out[y, x - 1, c] if x > 0 else 0
                    right[c] = out[y, end, c] if end < width else 0
                    left_sum += left[c]
                    right_sum += right[c]
                for c in range(channels):
                    if left_sum == 0:
                        left[c] = right[c]
                    elif right_sum == 0:
                        right[c] = left[c]
                steps = end - x + 1
                for c in range(channels):
                    step = (right[c] - left[c]) / steps
                    for k in range(x, end):
                        out[y, k, c] = np.uint8((left[c] + int(step * (k - x + 1))) & 255)
        return out

    @njit(parallel=True)
    def polylines(image, nearness, divergence, separation, half_width):
        height, width, channels = image.shape
        tiny = 1e-7
        per_pixel = 2 if half_width > 0 else 1
        out = np.zeros_like(image)
        for y in prange(height):
            # Columns: place, closeness, source column.
            points = np.empty((width * per_pixel + 2, 3))
            points[0, 0], points[0, 1], points[0, 2] = -1.0 * width, 0.0, 0.0
            count = 1
            for x in range(width):
                shift = nearness[y, x] * divergence
                place = x + 0.5 + shift + separation
                for side in range(per_pixel):
                    points[count, 0] = place + (half_width if side else -half_width)
                    points[count, 1] = abs(shift)
                    points[count, 2] = x
                    count += 1
            points[count, 0], points[count, 1], points[count, 2] = 2.0 * width, 0.0, width - 1
            segments = np.empty((count, 6))
            segments[:, :3] = points[:count]
            segments[:, 3:] = points[1 : count + 1]
            for i in range(1, count):
                j = i
                while j > 0 and segments[j - 1, 0] > segments[j, 0]:
                    for k in range(6):
                        segments[j, k], segments[j - 1, k] = segments[j - 1, k], segments[j, k]
                    j -= 1
            points[:count] = segments[:, :3]

            active = np.empty(count + 1, np.int64)
            actives = 0
            pending = 0
            at = 0
            total = np.empty(channels)
            for x in range(width):
                total[:] = 0.5
                while points[at, 0] < x:
                    at += 1
                at -= 1
                while points[at, 0] < x + 1:
                    start = max(float(x), points[at, 0]) + tiny
                    end = min(x + 1.0, points[at + 1, 0]) - tiny
                    weight = end - start
                    middle = start + 0.5 * weight
                    while pending < count and segments[pending, 0] < middle:
                        active[actives] = pending
                        actives += 1
                        pending += 1
                    i = 0
                    while i < actives:
                        if segments[active[i], 3] < middle:
                            actives -= 1
                            active[i] = active[actives]
                        else:
                            i += 1
                    best = active[0]
                    if actives != 1:
                        closest = -tiny
                        for i in range(actives):
                            s = active[i]
                            k = (middle - segments[s, 0]) / (segments[s, 3] - segments[s, 0])
                            closeness = (1.0 - k) * segments[s, 1] + k * segments[s, 4]
                            if closest < closeness and 0.0 < k < 1.0:
                                closest = closeness
                                best = s
                    a, b = int(segments[best, 2]), int(segments[best, 5])
                    if a == b:
                        for c in range(channels):
                            total[c] += image[y, a, c] * weight
                    else:
                        k = (middle - segments[best, 0]) / (segments[best, 3] - segments[best, 0])
                        for c in range(channels):
                            total[c] += (image[y, a, c] * (1.0 - k) + image[y, b, c] * k) * weight
                    at += 1
                for c in range(channels):
                    out[y, x, c] = np.uint8(total[c])
        return out

    return {"scatter": scatter, "nearest": nearest, "interpolate": interpolate, "polylines": polylines}


class Numba:
    """The peer, used as the reference uses its kernels."""

    def __init__(self) -> None:
        self.kernels = define_kernels()

    def eye(self, image: np.ndarray, depth: np.ndarray, divergence: float, fill: str) -> np.ndarray:
        if fill.startswith("polylines"):
            half_width = 0.45 if fill == "polylines_sharp" else 0.0
            return self.kernels["polylines"](image, depth, divergence, 0.0, half_width)
        filled = np.zeros(depth.shape, np.bool_)
        out = self.kernels["scatter"](image, depth, divergence, 0.0, filled)
        if fill == "naive":
            return self.kernels["nearest"](out, filled, divergence)
        if fill == "naive_interpolating":
            return self.kernels["interpolate"](out, filled)
        return out

    def picture(self, image: np.ndarray, depth: np.ndarray, fill: str) -> np.ndarray:
        low, high = float(depth.min()), float(depth.max())
        unit = (depth - low) / (high - low)
        pixels = DIVERGENCE / 100.0 * image.shape[1]
        return np.hstack(
            [self.eye(image, unit, pixels * 0.5, fill), self.eye(image, unit, -pixels * 0.5, fill)]
        )


class Rilievo:
    def __init__(self) -> None:
        from rilievo import _native

        self.native = _native

    def picture(self, image: np.ndarray, depth: np.ndarray, fill: str) -> np.ndarray:
        return self.native.stereo_images(image, depth, ["left-right"], divergence=DIVERGENCE, fill=fill)[0][1]


PEERS: dict[str, Callable[[], Any]] = {"rilievo": Rilievo, "numba": Numba}


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds by the clock, and of processor time."""
    started, started_cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - started) * 1e3, (time.process_time() - started_cpu) * 1e3


def first_picture(peer: str, fill: str, size: tuple[int, int]) -> float:
    """The first picture of a fresh process, without its imports (which would only widen the gap)."""
    command = [sys.executable, __file__, "--worker", peer, fill, *map(str, size)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_first_pictures(fills: list[str], rounds: int) -> None:
    print("\n| first picture of a process | size | rilievo, ms | numba, ms | faster |\n|---|---|---|---|---|")
    for fill in fills:
        times: dict[str, list[float]] = {name: [] for name in PEERS}
        for _ in range(rounds):
            for name in PEERS:
                times[name].append(first_picture(name, fill, SIZES[0]))
        a, b = (statistics.median(times[name]) for name in PEERS)
        print(f"| {fill} | {SIZES[0][0]}x{SIZES[0][1]} | {a:.0f} | {b:.0f} | {b / a:.0f}x |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--first-rounds", type=int, default=3)
    parser.add_argument("--fills", nargs="+", default=FILLS, choices=FILLS)
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        peer, fill, width, height = chosen.worker
        image, depth = scene(int(width), int(height))
        made = PEERS[peer]()
        print(timed(lambda: made.picture(image, depth, fill))[0])
        return

    # Before numba and rayon start: they look once.
    os.environ["RAYON_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = str(chosen.threads)
    import numba

    print(
        f"{chosen.threads} threads, {chosen.rounds} rounds, numba {numba.__version__}, numpy {np.__version__}"
    )
    print(f"load average {os.getloadavg()[0]:.1f}\n" if hasattr(os, "getloadavg") else "")
    print(
        "| left-right picture, warm | size | rilievo, ms (fastest) | numba, ms (fastest) | faster (fastest) | processor time |"
    )
    print("|---|---|---|---|---|---|")
    peers = {name: make() for name, make in PEERS.items()}
    ours: dict[tuple[str, int], float] = {}
    for size in SIZES:
        image, depth = scene(*size)
        for fill in chosen.fills:
            works = {name: lambda peer=peer: peer.picture(image, depth, fill) for name, peer in peers.items()}
            pictures = [work() for work in works.values()]
            if not np.array_equal(*pictures):
                sys.exit(f"{fill}: the pictures differ")
            rounds = [{name: timed(work) for name, work in works.items()} for _ in range(chosen.rounds)]
            (a, fast_a, cpu_a), (b, fast_b, cpu_b) = (
                (
                    statistics.median(r[name][0] for r in rounds),
                    min(r[name][0] for r in rounds),
                    min(r[name][1] for r in rounds),
                )
                for name in PEERS
            )
            ours[fill, size[0]] = fast_a
            print(
                f"| {fill} | {size[0]}x{size[1]} | {a:.1f} ({fast_a:.1f}) | {b:.1f} ({fast_b:.1f}) "
                f"| {b / a:.1f}x ({fast_b / fast_a:.1f}x) | {cpu_b / cpu_a:.1f}x |",
                flush=True,
            )
    if chosen.first_rounds:
        print_first_pictures(chosen.fills, chosen.first_rounds)
    print()
    for fill in chosen.fills:
        growth = ours[fill, SIZES[1][0]] / ours[fill, SIZES[0][0]]
        print(f"{fill}: {SIZES[1][0]}x{SIZES[1][1]} takes {growth:.2f}x of {SIZES[0][0]}x{SIZES[0][1]}")


if __name__ == "__main__":
    main()
