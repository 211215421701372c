"""Two versions of rilievo against each other: do they make the same files, and how fast?

    python benches/peers/versions.py OLD/bin/python NEW/bin/python [PHOTO ...] [--rounds 3] [--speed]

Each interpreter has its own rilievo; the one that runs this has Pillow. Every photo (default: docs/photos) is turned into every output by the
command line of both, in fresh processes and in turn. Pictures are compared by their pixels (of an animation: all
frames with their times), everything else by its bytes. Exit code 1 if anything differs. The times are medians of
whole runs, network included, with as many threads as the machine has cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RUNS = {
    "everything": [
        *("--output-depth-combine", "--output-depth-both", "--do-output-depth-prediction", "--depth-values"),
        *("--stereo", "--normalmap", "--gen-camera-normalmap", "--heatmap", "--mesh", "--point-cloud"),
        *(
            "--dof",
            "--fog",
            "--depth-mask",
            "--parallax",
            "--parallax-frames",
            "6",
            "--parallax-maxsize",
            "320",
        ),
        *("--mesh-maxsize", "400"),
    ],
    "other options": [
        *("--clipdepth", "--clipdepth-far", "0.1", "--clipdepth-near", "0.9", "--invert", "--combine"),
        *("--output-depth-combine-axis", "Vertical", "--stereo", "--stereo-modes"),
        "top-bottom,right-left,red-cyan-anaglyph,left-only",
        *("--stereo-divergence", "4", "--stereo-balance", "0.3", "--stereo-offset-exponent", "2"),
        *("--stereo-fill-algo", "naive_interpolating", "--stereo-convergence", "0.5", "--normalmap"),
        *("--normalmap-pre-blur", "--normalmap-post-blur", "--normalmap-sobel-kernel", "5", "--mesh"),
        *("--simple-mesh-occlude", "--mesh-format", "obj", "--mesh-maxsize", "300", "--depth-values"),
        *("--depth-values-format", "png", "--dof", "--dof-blades", "6", "--dof-focus", "0.9", "--parallax"),
        *("--parallax-format", "png", "--parallax-preset", "dolly-zoom", "--parallax-frames", "4"),
        *("--parallax-maxsize", "256", "--no-refine", "--net-width", "256", "--net-height", "192"),
    ],
    "tiles": ["--tiling", "--normalmap", "--parallax", "--parallax-format", "gif", "--parallax-frames", "3"],
    "inpaint": ["--stereo", "--stereo-fill-algo", "inpaint", "--stereo-modes", "left-right,left-holes"],
}


STEPS = """
import io, json, sys, tempfile, time
import numpy as np
import rilievo
from PIL import Image

photo = Image.open(sys.argv[1]).convert("RGB").resize((1920, 1080))
rgb = np.asarray(photo)
depth = rilievo.estimate_depth(rgb, "pocket")
u16 = depth.to_u16()
folder = tempfile.mkdtemp()
fills = ("polylines_sharp", "polylines_soft", "naive", "naive_interpolating", "inpaint")
steps = {f"stereo, {fill}": lambda fill=fill: rilievo.stereo_images(rgb, u16, fill=fill) for fill in fills}
mesh = rilievo.simple_mesh(rgb, depth)
steps["pocket"] = lambda: rilievo.estimate_depth(rgb, "pocket")
steps["pocket, plain"] = lambda: rilievo.estimate_depth(rgb, "pocket", refine=False)
for name, file in json.loads(sys.argv[2]).items():
    steps[f"{name}, network"] = lambda name=name, file=file: rilievo.estimate_depth(photo, name, weights=file)
steps["mesh"] = lambda: rilievo.simple_mesh(rgb, depth)
steps["mesh to GLB"] = lambda: mesh.save(folder + "/a.glb")
steps["mesh to OBJ"] = lambda: mesh.save(folder + "/a.obj")
steps["normal map"] = lambda: rilievo.normal_map(u16)
steps["heat map"] = lambda: rilievo.heat_map(u16)
steps["depth of field"] = lambda: rilievo.depth_of_field(rgb, depth)
steps["parallax, 4 frames"] = lambda: rilievo.parallax_frames(rgb, depth, frames=4)
times = {}
for name, step in steps.items():
    step()
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    times[name] = min(taken)
print(json.dumps(times))
"""


def noise(name: str, folder: str) -> str:
    """A checkpoint of noise for a network of tests/golden/networks, in the layout of safetensors."""
    manifest = Path(__file__).parents[2] / "tests" / "golden" / "networks" / f"{name}.json"
    header: dict[str, object] = {}
    data = bytearray()
    random = np.random.default_rng(1)
    for tensor in json.loads(manifest.read_text())["tensors"]:
        shape = tensor["shape"]
        scale = 1.0 if len(shape) < 2 else np.prod(shape[1:]) ** -0.5
        values = (random.standard_normal(shape) * scale).astype(np.float32)
        start = len(data)
        data += (np.abs(values) if "var" in tensor["name"] else values).tobytes()
        header[tensor["name"]] = {"dtype": "F32", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    path = Path(folder, f"{name}.safetensors")
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


NETWORKS = {"depth_anything_v2_small": "depth_anything_v2_vits", "midas_v21_small": "midas_v21_small"}


def speed(old: str, new: str, photo: Path, rounds: int) -> None:
    """A table of the medians of single steps."""
    times: dict[str, list[dict[str, float]]] = {"old": [], "new": []}
    with tempfile.TemporaryDirectory() as folder:
        weights = json.dumps({name: noise(manifest, folder) for name, manifest in NETWORKS.items()})
        for _ in range(rounds):
            for version, python in (("old", old), ("new", new)):
                command = [python, "-c", STEPS, str(photo), weights]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd="/")
                times[version].append(json.loads(done.stdout))
    print("| step | old | new | ratio | fastest |\n|---|---|---|---|---|")
    for step in times["old"][0]:
        old_times, new_times = ([row[step] for row in times[version]] for version in ("old", "new"))
        middle = [statistics.median(column) * 1000 for column in (old_times, new_times)]
        fastest = min(new_times) / min(old_times)
        print(
            f"| {step} | {middle[0]:.1f} ms | {middle[1]:.1f} ms | {middle[1] / middle[0]:.2f} | {fastest:.2f} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--speed", action="store_true")
    chosen = parser.parse_args()
    photos = [photo.resolve() for photo in chosen.photos or sorted(Path("docs/photos").glob("*.jpg"))]
    if chosen.speed:
        speed(chosen.old, chosen.new, photos[0], chosen.rounds)
        return 0
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        for photo in photos:
            for name, options in RUNS.items():
                times: dict[str, list[float]] = {"old": [], "new": []}
                files: dict[str, dict[str, str]] = {}
                for _ in range(chosen.rounds):
                    for version in ("old", "new"):
                        folder = Path(tempfile.mkdtemp(dir=scratch))
                        started = time.perf_counter()
                        run(getattr(chosen, version), photo, folder, options)
                        times[version].append(time.perf_counter() - started)
                        files[version] = {path.name: digest(path) for path in sorted(folder.iterdir())}
                same = compare(files["old"], files["new"])
                different += not same
                old, new = (statistics.median(times[version]) for version in ("old", "new"))
                print(
                    f"{photo.name}, {name}: {len(files['new'])} files, "
                    f"{'the same' if same else 'DIFFERENT'}; {old:.2f} s, {new:.2f} s ({new / old:.2f})",
                    flush=True,
                )
    return 1 if different else 0


def run(python: str, photo: Path, folder: Path, options: list[str]) -> None:
    command = [python, "-m", "rilievo", "run", str(photo), "-o", str(folder), "--json", "--model", "pocket"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd="/")
    if done.returncode:
        sys.exit(f"{python}: {done.stderr or json.loads(done.stdout)['failures']}")


def compare(old: dict[str, str], new: dict[str, str]) -> bool:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            print(f"  {name}: {'missing' if name not in new else 'new' if name not in old else 'differs'}")
    return old == new


def digest(path: Path) -> str:
    """A hash of what is in a file: pixels, times and text of a picture, the bytes of anything else."""
    from PIL import Image, ImageSequence

    found = hashlib.sha256()
    if path.suffix in (".png", ".jpg", ".webp", ".gif"):
        with Image.open(path) as image:
            for frame in ImageSequence.Iterator(image):
                found.update(f"{frame.mode} {frame.size} {frame.info.get('duration')}".encode())
                found.update(frame.convert("RGBA").tobytes() if frame.mode == "P" else frame.tobytes())
    else:
        found.update(path.read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
