"""Normal maps, heat maps, depth conversion, resizing and PNG files: rilievo beside OpenCV, numpy and Pillow.

Prints a Markdown table. All contenders do the same work to the same result and
take turns in one run, two threads each where they have threads; a ratio is the
median of the peer's times over the median of rilievo's. For busy machines there
are also the fastest rounds (in brackets) and the ratio of the processor time of
all threads, which the load of others hardly touches.

    pip install opencv-python-headless matplotlib
    python benches/peers/normals.py [--rounds 15] [--threads 2]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", type=int, default=15)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()
for variable in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)

import cv2  # noqa: E402
import matplotlib  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from rilievo import _native  # noqa: E402

cv2.setNumThreads(arguments.threads)


def scene(width, height):
    """A depth prediction: a tilted floor, some balls, a little noise."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    depth = 2 + 6 * y / height
    generator = np.random.default_rng(1)
    for _ in range(30):
        cx, cy, r = generator.uniform([0, 0, height / 30], [width, height, height / 6])
        inside = np.clip(1 - ((x - cx) ** 2 + (y - cy) ** 2) / r**2, 0, None)
        depth = np.maximum(depth, np.where(inside > 0, 4 + 8 * cy / height + np.sqrt(inside), 0))
    return (depth + generator.normal(0, 0.002, depth.shape)).astype(np.float32)


def peer_normal_map(depth, blur=0, sobel=3):
    height = -depth.astype(np.float64) / 256
    if blur:
        height = cv2.GaussianBlur(height, (blur, blur), blur)
    across = cv2.Sobel(height, cv2.CV_64F, 1, 0, ksize=sobel)
    down = cv2.Sobel(height, cv2.CV_64F, 0, 1, ksize=sobel)
    normals = np.dstack((across, -down, np.ones_like(height)))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    if blur:
        normals = cv2.GaussianBlur(normals, (blur, blur), blur)
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return np.clip((normals + 1) / 2 * 256, 0, 255.9).astype(np.uint8)


def peer_heat_map(depth):
    low, high = np.percentile(depth, [2, 85])
    return matplotlib.colormaps["inferno"]((depth - low) / (high - low), bytes=True)


def peer_to_u16(values):
    unit = (values - values.min()) / (values.max() - values.min())
    return np.clip(unit * 65536 + 0.0001, 0, 65535.9).astype(np.uint16)


def contests(width, height, folder):
    """Name, peer's name, rilievo's work, the peer's work, whether results are equal."""
    raw = scene(width, height)
    depth = peer_to_u16(raw)
    generator = np.random.default_rng(2)
    picture = (depth[..., None] // 256 + generator.integers(0, 9, (height, width, 3))).astype(np.uint8)
    names = {
        "pre_blur": True,
        "pre_blur_kernel": 31,
        "sobel_kernel": 31,
        "post_blur": True,
        "post_blur_kernel": 31,
    }

    def nearly(a, b):
        difference = np.abs(a.astype(int) - b)[40:-40, 40:-40]
        return difference.max() <= 1 and (difference > 0).mean() < 0.001

    yield (
        "normal map",
        "OpenCV + numpy",
        lambda: _native.normal_map(depth),
        lambda: peer_normal_map(depth),
        np.array_equal,
    )
    yield (
        "normal map, blur 31, Sobel 31, blur 31",
        "OpenCV + numpy",
        lambda: _native.normal_map(depth, names),
        lambda: peer_normal_map(depth, 31, 31),
        nearly,
    )
    yield (
        "heat map",
        "numpy + matplotlib",
        lambda: _native.heat_map(depth),
        lambda: peer_heat_map(depth),
        np.array_equal,
    )
    yield (
        "16-bit conversion",
        "numpy",
        lambda: _native.depth_to_u16(raw),
        lambda: peer_to_u16(raw),
        np.array_equal,
    )
    small = np.ascontiguousarray(depth[::3, ::3])
    yield (
        "Lanczos x3, 16 bit",
        "Pillow",
        lambda: _native.custom_depth(small, width, height),
        lambda: np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.LANCZOS)) / 65536,
        np.array_equal,
    )
    for name, pixels in (("16-bit depth", depth), ("RGB", picture)):
        mine, theirs = folder / "mine.png", folder / "theirs.png"
        image = Image.fromarray(pixels)
        yield (
            f"PNG, {name}",
            "Pillow",
            lambda pixels=pixels, mine=mine: _native.write_png(mine, pixels),
            lambda image=image, theirs=theirs: image.save(theirs),
            lambda *_, mine=mine, theirs=theirs: np.array_equal(Image.open(mine), Image.open(theirs)),
        )


def timed(work):
    start, start_cpu = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - start, time.process_time() - start_cpu), result


def main():
    print(
        f"{arguments.threads} threads, {arguments.rounds} rounds, OpenCV {cv2.__version__}, numpy {np.__version__}\n"
    )
    if hasattr(os, "getloadavg"):
        print(f"load average {os.getloadavg()[0]:.1f}\n")
    fastest: dict[tuple[str, int], float] = {}
    print("| work | size | rilievo, ms (fastest) | peer, ms (fastest) | peer | ratio | processor time |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((1920, 1080), (3840, 2160)):
            for name, peer, ours, theirs, same in contests(width, height, Path(folder)):
                if not same(timed(ours)[1], timed(theirs)[1]):
                    sys.exit(f"{name}: the results differ")
                pairs = [(timed(ours)[0], timed(theirs)[0]) for _ in range(arguments.rounds)]
                a, b = (statistics.median(wall for wall, _ in times) * 1e3 for times in zip(*pairs))
                (fast_a, cpu_a), (fast_b, cpu_b) = (
                    (min(wall for wall, _ in times) * 1e3, min(cpu for _, cpu in times))
                    for times in zip(*pairs)
                )
                fastest[name, width] = fast_a
                print(
                    f"| {name} | {width}x{height} | {a:.1f} ({fast_a:.1f}) | {b:.1f} ({fast_b:.1f}) | {peer} "
                    f"| {b / a:.1f} ({fast_b / fast_a:.1f}) | {cpu_b / cpu_a:.1f} |",
                    flush=True,
                )
    print()
    for (name, width), time_large in fastest.items():
        if width == 3840:
            print(f"{name}: 3840x2160 takes {time_large / fastest[name, 1920]:.2f}x of 1920x1080")


main()
