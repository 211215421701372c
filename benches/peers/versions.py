"""Two versions of rilievo against each other: do they make the same files, and how fast?

    python benches/peers/versions.py OLD/bin/python NEW/bin/python [PHOTO ...] [--rounds 3]

Each interpreter has its own rilievo. Every photo (default: docs/photos) is turned into every output by the
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    photos = chosen.photos or sorted(Path("docs/photos").glob("*.jpg"))
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
