"""Scores of the pocket network on real photographs with measured depth, and on renders.

    python evaluate.py PAIRS [--checkpoint POCKET.pt] [--net-size WIDTH HEIGHT] [--renders FOLDER]

PAIRS holds `index.json` and, per item, `<id>.jpg` and `<id>.png`: 16-bit depth
or disparity in `metres_or_px_per_count`, 0 where unknown. The pairs are for
measuring only: none was trained on, and none is part of this repository.
FOLDER holds shards as `train/render` writes them; the table of the model card is of
the one that `pocket-render shards --count 1 --size 768x576 --seed 77000078` makes.

Rows: the installed rilievo without and with the guided step, the checkpoint in
PyTorch if one is given (its scores must be those of rilievo without the guided
step, to 0.002), and "lower in the picture is nearer", the bar to clear.

A prediction is aligned to the inverse depth of each picture by least squares
(scale, not negative, and shift). Scores: mean relative error of the depth; share
of pixels within a factor of 1.25; ordinal accuracy: share of random pixel pairs,
whose depths differ by more than 5 %, that are in the right order. Middlebury 2006
has disparity up to an unknown shift, so only the order counts. The boundary
F-score is explained at `boundary`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

GROUPS = {
    "indoor": ("nyu", "7s", "tum"),
    "outdoor": ("kitti", "nuscenes", "argoverse"),
    "midd05": ("midd05",),
    "midd06": ("midd06",),
    "all": ("nyu", "7s", "tum", "kitti", "nuscenes", "argoverse", "midd05", "midd06"),
}
ONLY_ORDER = "midd06"
DENSE = ("midd05", "midd06", "render")
Predictor = Callable[[np.ndarray], np.ndarray]


@dataclass
class Pair:
    """A picture and its inverse depth, where `known`."""

    source: str
    rgb: np.ndarray
    inverse: np.ndarray
    known: np.ndarray
    cap: float | None


def pairs(folder: Path) -> Iterator[Pair]:
    for item in json.loads((folder / "index.json").read_text())["items"]:
        rgb = cv2.imread(str(folder / f"{item['id']}.jpg"))[..., ::-1]
        counts = cv2.imread(str(folder / f"{item['id']}.png"), cv2.IMREAD_UNCHANGED)
        values = counts.astype(np.float32) * item["metres_or_px_per_count"]
        known = counts > 0
        inverse = np.where(known, 1 / np.maximum(values, 1e-6), 0) if item["kind"] == "depth" else values
        yield Pair(
            item["source"], np.ascontiguousarray(rgb), inverse.astype(np.float32), known, item["cap_m"]
        )


def renders(folder: Path) -> Iterator[Pair]:
    for file in sorted(folder.glob("*.rgb.npy")):
        depths = np.load(str(file).replace(".rgb.", ".inv.")).astype(np.float32)
        # The renderer makes two pictures of every scene.
        for rgb, inverse in zip(np.load(file)[::2], depths[::2]):
            yield Pair("render", rgb, inverse, np.ones(inverse.shape, bool), None)


def ordinal(prediction: np.ndarray, pair: Pair, rng: np.random.Generator, count: int = 4000) -> float:
    ys, xs = np.nonzero(pair.known)
    a, b = rng.integers(len(ys), size=count), rng.integers(len(ys), size=count)
    true_a, true_b = pair.inverse[ys[a], xs[a]], pair.inverse[ys[b], xs[b]]
    differ = np.maximum(true_a, true_b) / np.maximum(np.minimum(true_a, true_b), 1e-6) > 1.05
    if not differ.any():
        return np.nan
    said = np.sign(prediction[ys[a], xs[a]] - prediction[ys[b], xs[b]])
    return float((said == np.sign(true_a - true_b))[differ].mean())


def aligned(prediction: np.ndarray, pair: Pair) -> np.ndarray:
    said = prediction[pair.known].astype(np.float64)
    true = pair.inverse[pair.known].astype(np.float64)
    scale, shift = np.linalg.lstsq(np.stack([said, np.ones_like(said)], 1), true, rcond=None)[0]
    if scale < 0:
        scale, shift = 0.0, true.mean()
    return (prediction * scale + shift).astype(np.float32)


def depth_errors(prediction: np.ndarray, pair: Pair) -> tuple[float, float]:
    """Mean relative error, and the share of pixels within a factor of 1.25."""
    known = pair.inverse[pair.known]
    lowest = 1 / pair.cap if pair.cap else known.min() * 0.5
    said, true = 1 / np.maximum(aligned(prediction, pair), lowest)[pair.known], 1 / known
    return float(np.mean(np.abs(said - true) / true)), float(
        np.mean(np.maximum(said / true, true / said) < 1.25)
    )


def boundary(prediction: np.ndarray, pair: Pair, long: int = 384) -> float:
    """F-score of depth edges, as in Bochkovskii et al. 2024 but with a tolerance of a pixel.

    At `long` pixels, an edge is a pixel in whose 3x3 neighbourhood the inverse
    depth differs by more than a factor t; precision and recall count edges that
    have one of the other map within one pixel; the mean is over t in 1.1, 1.2, 1.35.
    """
    top = np.percentile(pair.inverse[pair.known], 98)
    scale = long / max(pair.inverse.shape)
    size = tuple(round(side * scale) for side in pair.inverse.shape[::-1])
    said = cv2.resize(aligned(prediction, pair), size, interpolation=cv2.INTER_AREA)
    true = cv2.resize(pair.inverse, size, interpolation=cv2.INTER_NEAREST)
    window = np.ones((3, 3), np.uint8)
    known = (
        cv2.erode(cv2.resize(pair.known.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), window) > 0
    )

    def edges(plane: np.ndarray, factor: float) -> np.ndarray:
        plane = np.maximum(plane, 0.03 * top)
        return (cv2.dilate(plane, window) / cv2.erode(plane, window) > factor) & known

    def near(mask: np.ndarray) -> np.ndarray:
        return cv2.dilate(mask.astype(np.uint8), window) > 0

    scores = []
    for factor in (1.1, 1.2, 1.35):
        found, wanted = edges(said, factor), edges(true, factor)
        if wanted.sum() >= 20:
            precision = (found & near(wanted)).sum() / max(found.sum(), 1)
            recall = (wanted & near(found)).sum() / wanted.sum()
            scores.append(2 * precision * recall / max(precision + recall, 1e-9))
    return float(np.mean(scores)) if scores else np.nan


def evaluate(name: str, predict: Predictor, everything: list[Pair]) -> str:
    """One row of the table."""
    rng = np.random.default_rng(0)
    rows: list[tuple[str, tuple[float, float], float, float]] = []
    for pair in everything:
        prediction = predict(pair.rgb).astype(np.float32)
        relative = (np.nan, np.nan)
        if pair.source not in (ONLY_ORDER, "render"):
            relative = depth_errors(prediction, pair)
        # The sky of a render is infinitely far: a thousandth keeps the ratios finite.
        order = pair if pair.source != "render" else Pair("", pair.rgb, pair.inverse + 1e-3, pair.known, None)
        edges = boundary(prediction, pair) if pair.source in DENSE else np.nan
        rows.append((pair.source, relative, ordinal(prediction, order, rng), edges))

    def mean(values: list[float]) -> str:
        values = [value for value in values if not np.isnan(value)]
        return f"{np.mean(values):.3f}" if values else "-"

    cells = []
    for sources in (*GROUPS.values(), ("render",)):
        chosen = [row for row in rows if row[0] in sources]
        if chosen:
            absrel, within = (mean([row[1][k] for row in chosen]) for k in (0, 1))
            cells.append(f"{absrel} / {within} / {mean([row[2] for row in chosen])}")
    for sources in (("midd05", "midd06"), ("render",)):
        chosen = [row[3] for row in rows if row[0] in sources]
        if chosen:
            cells.append(mean(chosen))
    return f"| {name} | " + " | ".join(cells) + " |"


def rilievo_predictor(refine: bool, net_size: tuple[int, int] | None) -> Predictor:
    from rilievo import _native

    estimator = _native.Estimator("pocket", device="cpu")
    size = dict(zip(("net_width", "net_height"), net_size or ()))
    return lambda rgb: estimator.estimate(rgb, {**size, "refine": refine})[0]


def boost_predictor() -> Predictor:
    from rilievo import _native

    estimator = _native.Estimator("pocket", device="cpu")
    return lambda rgb: estimator.boost(rgb)[0]


def torch_predictor(checkpoint: Path, net_size: tuple[int, int]) -> Predictor:
    import network
    import torch

    pocket = network.load(checkpoint)

    def predict(rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        scale = (net_size[0] * net_size[1] / (height * width)) ** 0.5
        size = tuple(max(1, round(side * scale / 32)) * 32 for side in (width, height))
        x = (cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) - 127) / 128
        with torch.no_grad():
            prediction = network.mirrored(pocket, torch.from_numpy(x).permute(2, 0, 1)[None])[0].numpy()
        return cv2.resize(prediction, (width, height), interpolation=cv2.INTER_LINEAR)

    return predict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--net-size", type=int, nargs=2, default=(320, 256))
    parser.add_argument("--renders", type=Path)
    parser.add_argument("--boost", action="store_true", help="also with boost, merged by guided filtering")
    chosen = parser.parse_args()
    everything = list(pairs(chosen.pairs))
    columns = [*GROUPS]
    boundaries = ["edges, table-top"]
    if chosen.renders:
        everything += renders(chosen.renders)
        columns.append("renders")
        boundaries.append("edges, renders")
    net_size = tuple(chosen.net_size)
    predictors: list[tuple[str, Predictor]] = [
        ("lower is nearer", lambda rgb: np.repeat(np.linspace(0, 1, len(rgb))[:, None], rgb.shape[1], 1)),
        ("rilievo", rilievo_predictor(False, net_size)),
        ("rilievo, guided", rilievo_predictor(True, net_size)),
    ]
    if chosen.boost:
        predictors.append(("rilievo, boosted", boost_predictor()))
    if chosen.checkpoint:
        predictors.insert(1, ("PyTorch", torch_predictor(chosen.checkpoint, net_size)))
    print("| | " + " | ".join([*columns, *boundaries]) + " |")
    print("|---" * (1 + len(columns) + len(boundaries)) + "|")
    for name, predict in predictors:
        print(evaluate(name, predict, everything), flush=True)


if __name__ == "__main__":
    main()
