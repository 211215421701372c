"""How good a network is: on real pairs (never trained on) and at the edges of held-out renders.

    python scoring.py CHECKPOINT... [--pairs DIR] [--held-out DIR] [--areas N...] [--flip]

Prints a line a checkpoint and network area: AbsRel / delta < 1.25 / ordinal accuracy by group.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import network as pocket  # noqa: E402

GROUPS = {
    "nyu": "indoor",
    "7s": "indoor",
    "tum": "indoor",
    "kitti": "outdoor",
    "nuscenes": "outdoor",
    "argoverse": "outdoor",
}
# Depth ratios of neighbouring pixels that count as an edge.
EDGE_RATIOS = (1.08, 1.12, 1.18, 1.25)


def predict(network: pocket.Pocket, picture: np.ndarray, area: int, flip: bool = False) -> np.ndarray:
    """Inverse depth of `picture` (RGB bytes), at its size, from a network input of about `area` pixels.

    With `flip`, the mean of that and of what the mirrored picture gives.
    """
    height, width = picture.shape[:2]
    scale = (area / (height * width)) ** 0.5
    size = tuple(max(64, round(side * scale / 32) * 32) for side in (width, height))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    device = next(network.parameters()).device
    x = torch.from_numpy((small.transpose(2, 0, 1)[None] - 127) / 128).to(device)
    with torch.no_grad():
        y = (pocket.mirrored(network, x) if flip else network(x))[0].float().cpu().numpy()
    return cv2.resize(y, (width, height), interpolation=cv2.INTER_LINEAR)


def fit(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The scale (not negative) and shift of `prediction` nearest to `truth`."""
    x, y = prediction[valid].astype(np.float64), truth[valid].astype(np.float64)
    (scale, shift), *_ = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)
    return prediction * scale + shift if scale > 0 else np.full_like(prediction, y.mean())


def ordinal(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray, rng: np.random.Generator) -> float:
    """The share of 4,000 random pixel pairs, depths more than 5 % apart, that are in the right order."""
    ys, xs = np.nonzero(valid)
    a, b = rng.integers(len(ys), size=4000), rng.integers(len(ys), size=4000)
    ta, tb = truth[ys[a], xs[a]], truth[ys[b], xs[b]]
    apart = np.maximum(ta, tb) / np.maximum(np.minimum(ta, tb), 1e-6) > 1.05
    right = np.sign(prediction[ys[a], xs[a]] - prediction[ys[b], xs[b]]) == np.sign(ta - tb)
    return float(right[apart].mean()) if apart.any() else np.nan


@functools.lru_cache(maxsize=1)
def load_pairs(folder: Path) -> list[tuple[dict, np.ndarray, np.ndarray, np.ndarray]]:
    """What `folder`/index.json lists: item, picture, inverse depth, and where that is known."""
    pairs = []
    for item in json.loads((folder / "index.json").read_text())["items"]:
        picture = np.ascontiguousarray(cv2.imread(str(folder / f"{item['id']}.jpg"))[..., ::-1])
        raw = (
            cv2.imread(str(folder / f"{item['id']}.png"), -1).astype(np.float32)
            * item["metres_or_px_per_count"]
        )
        valid = raw > 0
        truth = np.where(valid, 1 / np.maximum(raw, 1e-6), 0) if item["kind"] == "depth" else raw
        pairs.append((item, picture, truth, valid))
    return pairs


def real_pairs(network: pocket.Pocket, folder: Path, area: int, flip: bool = False) -> dict[str, np.ndarray]:
    """AbsRel, delta < 1.25 and ordinal accuracy by group, over the pairs that `folder`/index.json lists."""
    rng = np.random.default_rng(0)
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for item, picture, truth, valid in load_pairs(folder):
        prediction = predict(network, picture, area, flip)
        order = ordinal(prediction, truth, valid, rng)
        relative = delta = np.nan
        if item["source"] != "midd06":  # its disparities lack an offset: only their order means something
            least = 1 / item["cap_m"] if item["cap_m"] else truth[valid].min() * 0.5
            depth = 1 / np.maximum(fit(prediction, truth, valid), least)[valid]
            real = 1 / truth[valid]
            relative = float(np.mean(np.abs(depth - real) / real))
            delta = float(np.mean(np.maximum(depth / real, real / depth) < 1.25))
        for group in (GROUPS.get(item["source"], item["source"]), "ALL"):
            scores.setdefault(group, []).append((relative, delta, order))
    with np.errstate(all="ignore"):
        return {
            group: np.array([np.nanmean(c) if np.isfinite(c).any() else np.nan for c in np.array(s).T])
            for group, s in scores.items()
        }


def line(scores: dict[str, np.ndarray]) -> str:
    """One row of a table: groups with AbsRel/delta/ordinal."""
    cells = [
        "/".join("-" if np.isnan(v) else f"{v:.3f}" for v in scores[group])
        for group in sorted(scores, key=str.lower)
    ]
    return " | ".join(f"{group} {cell}" for group, cell in zip(sorted(scores, key=str.lower), cells))


def edges(inverse: np.ndarray, ratio: float) -> np.ndarray:
    """Pixels with a neighbour to the right or below whose depth differs by more than `ratio`."""
    near = np.maximum(inverse, 1e-4)
    found = np.zeros(near.shape, bool)
    for axis in (0, 1):
        a, b = np.moveaxis(near, axis, 0)[:-1], np.moveaxis(near, axis, 0)[1:]
        np.moveaxis(found, axis, 0)[:-1] |= np.maximum(a / b, b / a) > ratio
    return found


def boundary(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Mean F-score of depth edges over EDGE_RATIOS, one pixel of tolerance; both maps at the network's output size."""
    fitted = np.maximum(
        fit(prediction, truth, np.ones(truth.shape, bool)), np.maximum(truth.min(), truth.max() * 0.01)
    )
    truth = np.maximum(truth, truth.max() * 0.01)
    scores = []
    for ratio in EDGE_RATIOS:
        found, real = edges(fitted, ratio), edges(truth, ratio)
        if not real.any():
            continue
        around = lambda mask: cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))) > 0  # noqa: E731
        precision = (found & around(real)).sum() / max(found.sum(), 1)
        recall = (real & around(found)).sum() / real.sum()
        scores.append(2 * precision * recall / max(precision + recall, 1e-6))
    return float(np.mean(scores)) if scores else np.nan


def renders(network: pocket.Pocket, folder: Path) -> tuple[float, float]:
    """Ordinal accuracy and boundary F-score over all shards of `folder`, at their own size."""
    rng = np.random.default_rng(0)
    orders, bounds = [], []
    for path in sorted(folder.glob("*.rgb.npy")):
        pictures, truths = np.load(path), np.load(str(path).replace(".rgb.", ".inv.")).astype(np.float32)
        for picture, truth in zip(pictures, truths):
            prediction = predict(network, picture, picture.shape[0] * picture.shape[1])
            orders.append(ordinal(prediction, truth, truth > 0, rng))
            half = (picture.shape[1] // 2, picture.shape[0] // 2)
            small = cv2.resize(prediction, half, interpolation=cv2.INTER_AREA)
            bounds.append(boundary(small, truth[::2, ::2]))
    return float(np.nanmean(orders)), float(np.nanmean(bounds))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--areas", type=int, nargs="+", default=[192 * 256, 256 * 256])
    parser.add_argument("--flip", action="store_true", help="average with the mirrored picture's depth")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for checkpoint in arguments.checkpoints:
        network = pocket.load(checkpoint)
        if arguments.pairs:
            for area in arguments.areas:
                print(
                    f"{checkpoint.name} @{area}: "
                    f"{line(real_pairs(network, arguments.pairs, area, arguments.flip))}",
                    flush=True,
                )
        if arguments.held_out:
            order, bound = renders(network, arguments.held_out)
            print(
                f"{checkpoint.name} held-out renders: ordinal {order:.3f}, boundary {bound:.3f}", flush=True
            )


if __name__ == "__main__":
    main()
