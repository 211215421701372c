"""The light mesh of the viewer."""

from __future__ import annotations

import numpy as np
import rilievo
from rilievo.ui.lighten import lighter


def bent(width: int, height: int) -> rilievo.Mesh:
    x = np.linspace(0, 1, width, dtype=np.float32)[None]
    depth = np.where(x < 0.5, 1.0 + 0.1 * x, 5.0) * np.ones((height, 1), np.float32)
    image = np.zeros((height, width, 3), np.uint8)
    return rilievo.simple_mesh(image, rilievo.DepthMap(depth.astype(np.float32), "metric"))


def test_a_small_mesh_stays_as_it_is() -> None:
    mesh = bent(40, 30)
    assert lighter(mesh) is mesh


def test_a_large_mesh_keeps_its_shape_and_its_gaps() -> None:
    mesh = bent(160, 120)
    light = lighter(mesh, most=1500)
    assert 0 < len(light.vertices) <= 1500
    assert light.faces.max() < len(light.vertices)
    assert light.axes == mesh.axes
    # Every vertex is one of the old ones, with its place in the texture.
    old = {tuple(row) for row in np.column_stack([mesh.vertices, mesh.uv]).tolist()}
    assert all(tuple(row) in old for row in np.column_stack([light.vertices, light.uv]).tolist())
    # The two halves are four metres apart; no triangle spans that, and all face the same way.
    corners = light.vertices[light.faces]
    assert np.ptp(corners[..., 2], axis=1).max() < 1
    area = mesh_area(mesh)
    assert np.sign(mesh_area(light)) == np.sign(area)
    assert 0.8 < mesh_area(light) / area <= 1.0


def mesh_area(mesh: rilievo.Mesh) -> float:
    """The area of all triangles as the camera sees them, negative if they face away."""
    seen = mesh.vertices[:, :2] / mesh.vertices[:, 2:]
    a, b, c = (seen[mesh.faces[:, corner]] for corner in range(3))
    return float((((b - a)[:, 0] * (c - a)[:, 1]) - ((b - a)[:, 1] * (c - a)[:, 0])).sum() / 2)
