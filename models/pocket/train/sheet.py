"""Draws photos with the depth of one or more checkpoints below them.

python sheet.py OUT.jpg PHOTO_FOLDER CHECKPOINT... [--area N]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import network as pocket  # noqa: E402
import scoring  # noqa: E402

CELL = 240


def cell(picture: np.ndarray) -> np.ndarray:
    """`picture` (BGR) fitted into a black square."""
    scale = CELL / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    square = np.zeros((CELL, CELL, 3), np.uint8)
    y, x = (CELL - small.shape[0]) // 2, (CELL - small.shape[1]) // 2
    square[y : y + small.shape[0], x : x + small.shape[1]] = small
    return square


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--area", type=int, default=192 * 256)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = [pocket.load(checkpoint) for checkpoint in arguments.checkpoints]
    columns = []
    for path in sorted(arguments.photos.glob("*.jpg")):
        photo = cv2.imread(str(path))
        column = [cell(photo)]
        for network in networks:
            depth = scoring.predict(network, np.ascontiguousarray(photo[..., ::-1]), arguments.area)
            low, high = np.percentile(depth, [0.5, 99.5])
            shade = (np.clip((depth - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
            column.append(cell(cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO)))
        columns.append(np.vstack(column))
    half = (len(columns) + 1) // 2
    rows = [
        np.hstack(columns[k : k + half])
        for k in range(0, half * 2, half)
        if len(columns[k : k + half]) == half
    ]
    cv2.imwrite(str(arguments.out), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
