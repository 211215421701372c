"""A lighter copy of a mesh, for a browser to turn around: the full one may have millions of triangles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import rilievo

MOST_VERTICES = 150_000


def lighter(mesh: rilievo.Mesh, most: int = MOST_VERTICES) -> rilievo.Mesh:
    """Every n-th row and column of a mesh that is a bent picture, so that ``most`` vertices remain at most.

    A cell stays only if nothing was cut out of it, so gaps at depth edges stay
    gaps. A mesh that is small enough, or no bent picture, is returned as it is.
    """
    uv = mesh.uv
    if uv is None or len(uv) <= most:
        return mesh
    step = math.ceil(math.sqrt(len(uv) / most))
    column, row = _place(uv[:, 0]), _place(uv[:, 1])
    shape = (int(row.max()) // step + 1, int(column.max()) // step + 1)
    kept = np.flatnonzero((row % step == 0) & (column % step == 0))
    place = np.full(shape, -1, np.int64)
    place[row[kept] // step, column[kept] // step] = np.arange(len(kept))
    filled = np.bincount(row // step * shape[1] + column // step, minlength=shape[0] * shape[1])
    whole = filled.reshape(shape)[:-1, :-1] == step * step
    top_left, top_right = place[:-1, :-1], place[:-1, 1:]
    bottom_left, bottom_right = place[1:, :-1], place[1:, 1:]
    whole &= (top_right >= 0) & (bottom_left >= 0) & (bottom_right >= 0)
    corners = [corner[whole] for corner in (top_left, bottom_left, top_right, bottom_right)]
    faces = np.stack([corners[0], corners[1], corners[2], corners[3], corners[2], corners[1]], axis=1)
    return rilievo.Mesh(
        np.ascontiguousarray(mesh.vertices[kept]),
        faces.reshape(-1, 3).astype(np.uint32),
        uv=np.ascontiguousarray(uv[kept]),
        texture=mesh.texture,
        axes=mesh.axes,
    )


def _place(values: Any) -> Any:
    """Evenly spaced values as whole numbers from 0; a row or column that was cut out as a whole still counts."""
    different = np.unique(values.astype(np.float64))
    spacing = float(np.median(np.diff(different))) if len(different) > 1 else 1.0
    return np.rint((values - different[0]) / spacing).astype(np.int64)
