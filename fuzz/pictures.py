"""Fuzzes what reads pictures in Python: the path through Pillow, NPY and NPZ. Measures memory and time.

    python fuzz/pictures.py --seconds 300

Damaged variants of a file of every format are read; whatever is no error of ours, takes over five seconds or
grows the process by more than 512 MB ends the run with the file that did it.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))

import picture_files
import rilievo
from rilievo import pictures

SECONDS, GROWTH = 5.0, 512 << 10  # kibibytes, as Linux counts


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    until = time.monotonic() + parser.parse_args().seconds
    start, slowest, count, seed = peak(), 0.0, 0, 0
    files = picture_files.every_format()
    while time.monotonic() < until:
        seed += 1
        for name, whole in files.items():
            for data in picture_files.mutations(whole, 5, seed):
                begun = time.perf_counter()
                try:
                    for read in (pictures.load_rgb, pictures.load_depth):
                        with contextlib.suppress(rilievo.RilievoError):
                            read(data, max_pixels=1 << 20)
                    took = time.perf_counter() - begun
                    if took > SECONDS or peak() - start > GROWTH:
                        raise RuntimeError(f"{took:.1f} s, {(peak() - start) >> 10} MB more")
                except BaseException:
                    Path(f"finding-{name}").write_bytes(data)
                    raise
                slowest, count = max(slowest, took), count + 1
    print(f"{count} files, at most {slowest:.2f} s each, {(peak() - start) >> 10} MB more than at the start")


if __name__ == "__main__":
    main()
