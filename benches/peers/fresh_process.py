"""Programs side by side, each round in fresh processes, in turn."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

Row = dict[str, float]


def in_turn(rounds: int, run: Callable[[str], Row]) -> dict[str, list[Row]]:
    """The rows of ``rounds`` processes of either program, after one that makes the weights."""
    run("weights")
    results: dict[str, list[Row]] = {"torch": [], "rilievo": []}
    for _ in range(rounds):
        for role, rows in results.items():
            rows.append(run(role))
    return results


def run(script: str, role: str, threads: int, arguments: Sequence[str]) -> Row:
    """What ``script --role ROLE`` printed as its last line (JSON), and the seconds of the ``whole process``."""
    text = str(threads)
    environment = {**os.environ, "OMP_NUM_THREADS": text, "RAYON_NUM_THREADS": text}
    command = [sys.executable, script, *arguments, "--role", role, "--threads", text]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - started
    lines = done.stdout.splitlines()
    return {**(json.loads(lines[-1]) if lines else {}), "whole process": seconds}


def finish(times: Row) -> None:
    """The last line of a process: its times, and what it took of the machine."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime
    print(json.dumps({**times, "processor time": seconds, "peak memory": usage.ru_maxrss / 1024}))


def table(stages: Sequence[str], results: dict[str, list[Row]]) -> None:
    """A markdown table of medians; stages that were not measured are left out."""
    print("| | PyTorch | rilievo | rilievo / PyTorch |\n|---|---|---|---|")
    for stage in stages:
        if stage not in results["torch"][0]:
            continue
        peer, own = (statistics.median(row[stage] for row in results[role]) for role in ("torch", "rilievo"))
        unit = "MB" if stage == "peak memory" else "s"
        digits = 0 if unit == "MB" else 3
        print(f"| {stage} | {peer:.{digits}f} {unit} | {own:.{digits}f} {unit} | {own / peer:.2f} |")
