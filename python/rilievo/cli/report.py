"""What a command prints while it works and when it is done."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import rilievo

_BAR_FORMAT = "{desc} |{bar:24}| {percentage:3.0f}% ({remaining} left)"


def say(chosen: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    """Prints an answer as JSON or as text, as was asked for."""
    print(json.dumps(document) if chosen.json else text)


class Report:
    """What the person, or the script, gets to see."""

    def __init__(self, chosen: argparse.Namespace, total: int):
        self.json = chosen.json
        self.bars = not (chosen.json or chosen.quiet)
        self.total = total
        self.done = 0
        self.outputs: list[dict[str, str]] = []
        self.started = time.perf_counter()
        self.model_id: str | None = None
        self._bar: Bar | None = None

    def model(self, choice: rilievo.models.Choice) -> None:
        self.model_id = choice.id
        if self.bars:
            print(choice.line, file=sys.stderr)

    def progress(self, path: Path) -> Any:
        if not self.bars:
            return None
        self._bar = Bar(f"[{self.done + 1}/{self.total}] {path.name}" if self.total > 1 else path.name)
        return self._bar.step

    def written(self, path: Path, kind: str, result: Path) -> None:
        self.outputs.append({"input": str(path), "kind": kind, "path": str(result)})
        if not self.json:
            self._end_bar()
            print(f"{kind:<16} {result}", flush=True)

    def finished(self, path: Path, seconds: float) -> None:
        self.done += 1
        self._end_bar()
        if self.bars:
            print(f"{path.name} done in {seconds:.2f} s", file=sys.stderr)

    def failed(self, path: str, reason: str) -> None:
        self._end_bar()
        if not self.json:
            print(f"rilievo: {_sentence(path, reason)}", file=sys.stderr)

    def close(self, failures: list[tuple[str, str]]) -> None:
        self._end_bar()
        if self.json:
            document = {
                "model": self.model_id,
                "outputs": self.outputs,
                "failures": [{"input": path, "error": reason} for path, reason in failures],
                "seconds": round(time.perf_counter() - self.started, 3),
            }
            print(json.dumps(document, indent=2))
        elif failures and self.done + len(failures) > 1:
            print(f"{self.done} of {self.done + len(failures)} done; failed:", file=sys.stderr)
            for path, reason in failures:
                print(f"  {_sentence(path, reason)}", file=sys.stderr)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()


class Bar:
    """A progress bar on standard error that starts anew with every stage; none at all without a label.

    What follows a colon in a stage's name is a part of the same stage.
    """

    def __init__(self, label: str | None, unit: str = "it"):
        self.label = label
        self.unit = unit
        self._bar: Any = None
        self._stage: tuple[str, int] | None = None

    def step(self, stage: str, done: int, total: int) -> None:
        if self.label is None:
            return
        name, text = (stage.partition(":")[0], total), f"{self.label}: {stage}"
        if self._stage != name:
            from tqdm import tqdm

            self.close()
            self._stage = name
            size = {"unit": "B", "unit_scale": True} if self.unit == "B" else {"bar_format": _BAR_FORMAT}
            # The time left from the mean pace so far: steps of a stage are about alike.
            self._bar = tqdm(total=total or None, desc=text, leave=False, delay=0.3, smoothing=0, **size)
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            self._stage = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sentence(path: str, reason: str) -> str:
    return reason if path in reason else f"{path}: {reason}"
