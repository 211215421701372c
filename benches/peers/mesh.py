"""Simple mesh and its files: rilievo beside trimesh.

    python benches/peers/mesh.py [--runs N] [--sizes 1920x1080 3840x2160]

Wants numpy, Pillow and trimesh in the same Python as rilievo. Each
measurement is a fresh process with two threads; the peers take turns, the
table (markdown) shows medians, and in brackets the ratio of the fastest runs. Time runs from the arrays in memory to the file
on disk, without imports. Memory is the peak of the process, everything
included.

The trimesh side does what the reference does: unprojection and triangles in
numpy, ``trimesh.Trimesh`` with vertex colours, ``export``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

THREADS = 2


def scene(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture with the noise of a photo, and metres with a few objects before a tilted wall."""
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[:height, :width] / height
    waves = [np.sin(9 * rows + k) + np.cos(7 * columns * (k + 1)) for k in range(3)]
    picture = 128 + 50 * np.stack(waves, -1) + random.normal(0, 4, (height, width, 3))
    depth = 2 + rows
    for _ in range(12):
        y, x, radius = random.uniform(0, 1), random.uniform(0, width / height), random.uniform(0.05, 0.2)
        inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        depth[inside] = random.uniform(1, 2)
    return picture.clip(0, 255).astype(np.uint8), depth.astype(np.float32)


def trimesh_mesh(picture: np.ndarray, depth: np.ndarray, textured: bool) -> Any:
    import trimesh
    from PIL import Image

    height, width = depth.shape
    focal = 0.5 * width / np.tan(np.radians(55) / 2)
    rows, columns = np.mgrid[:height, :width]
    metres = depth.astype(np.float64)
    x, y = metres * (columns - width / 2) / focal, metres * (rows - height / 2) / focal
    vertices = np.stack([-x, -y, metres], -1).reshape(-1, 3)
    numbers = np.arange(height * width).reshape(height, width)
    top_left, top_right = numbers[:-1, :-1], numbers[:-1, 1:]
    bottom_left, bottom_right = numbers[1:, :-1], numbers[1:, 1:]
    upper = np.stack([top_left, bottom_left, top_right], -1)
    lower = np.stack([bottom_right, top_right, bottom_left], -1)
    faces = np.stack([upper, lower], 2).reshape(-1, 3)
    down, across = np.gradient(depth)
    edges = np.sqrt(across**2 + down**2) > 0.05
    faces = faces[~edges.ravel()[faces].any(1)]
    if not textured:
        return trimesh.Trimesh(vertices=vertices, faces=faces, vertex_colors=picture.reshape(-1, 3))
    uv = np.stack([(columns + 0.5) / width, 1 - (rows + 0.5) / height], -1).reshape(-1, 2)
    visual = trimesh.visual.TextureVisuals(uv=uv, image=Image.fromarray(picture))
    return trimesh.Trimesh(vertices=vertices, faces=faces, visual=visual)


def work(peer: str, extension: str, textured: bool, width: int, height: int) -> dict[str, float]:
    """One measurement, in this process."""
    picture, depth = scene(width, height)
    if peer == "rilievo":
        from rilievo import _native
    else:
        import trimesh  # noqa: F401
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"mesh.{extension}")
        started = time.perf_counter()
        if peer == "rilievo":
            mesh = _native.simple_mesh(picture, depth, "metric", {"max_size": 10**6, "textured": textured})
            made = time.perf_counter()
            mesh.save(path)
        else:
            mesh = trimesh_mesh(picture, depth, textured)
            made = time.perf_counter()
            mesh.export(path)
        finished = time.perf_counter()
        size = path.stat().st_size
    return {
        "total": finished - started,
        "save": finished - made,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "size": size / 1e6,
    }


def measure(peer: str, extension: str, textured: bool, size: str) -> dict[str, float]:
    """One measurement, in a fresh process."""
    variables = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(variables, str(THREADS))}
    command = [sys.executable, __file__, "--worker", peer, extension, str(int(textured)), *size.split("x")]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(run.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["1920x1080", "3840x2160"])
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        peer, extension, textured, width, height = arguments.worker
        print(json.dumps(work(peer, extension, bool(int(textured)), int(width), int(height))))
        return

    # What is written, and what the peer writes: a GLB from trimesh has the reference's vertex
    # colours, ours the picture; the last row compares like with like.
    rows = (
        ("mesh + OBJ, vertex colours", "obj", (False, False)),
        ("mesh + GLB, ours textured", "glb", (True, False)),
        ("mesh + GLB, both textured", "glb", (True, True)),
    )
    print(f"{THREADS} threads, median of {arguments.runs}; time from arrays to the file on disk\n")
    print(
        "| work | size | rilievo s (saving) | trimesh s (saving) | faster | rilievo MB | trimesh MB | memory |"
    )
    print("|---|---|---|---|---|---|---|---|")
    ours_by_size: dict[tuple[str, str], float] = {}
    for title, extension, textured in rows:
        for size in arguments.sizes:
            results: dict[str, list[dict[str, float]]] = {"rilievo": [], "trimesh": []}
            for _ in range(arguments.runs):
                for peer, with_texture in zip(results, textured):
                    results[peer].append(measure(peer, extension, with_texture, size))
            ours, theirs = (
                {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                for runs in results.values()
            )
            assert (ours["vertices"], ours["faces"]) == (theirs["vertices"], theirs["faces"])
            fast_ours, fast_theirs = (min(run["total"] for run in runs) for runs in results.values())
            ours_by_size[title, size] = fast_ours
            print(
                f"| {title} | {size} | {ours['total']:.3f} ({ours['save']:.3f}) "
                f"| {theirs['total']:.2f} ({theirs['save']:.2f}) | {theirs['total'] / ours['total']:.1f}x "
                f"({fast_theirs / fast_ours:.1f}x) "
                f"| {ours['peak']:.0f} | {theirs['peak']:.0f} | {ours['peak'] / theirs['peak']:.2f} |",
                flush=True,
            )
    if len(arguments.sizes) == 2:
        small, large = arguments.sizes
        print()
        for title, _, _ in rows:
            print(
                f"{title}: {large} takes {ours_by_size[title, large] / ours_by_size[title, small]:.2f}x of {small}"
            )


if __name__ == "__main__":
    main()
