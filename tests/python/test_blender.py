"""What arrives in Blender: places, faces, texture, colours, camera, and a picture through it.

Runs where ``bpy`` (PyPI; it wants one Python version) is installed, or with the
environment variable RILIEVO_BPY_PYTHON naming a Python that has it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rilievo import _native

SIZE = (120, 90)
FILES = ("photo.glb", "grey.glb", "plain.obj", "a textured.obj", "cloud.ply", "mesh.ply")


def blender_python() -> str | None:
    named = os.environ.get("RILIEVO_BPY_PYTHON")
    return named or (sys.executable if importlib.util.find_spec("bpy") else None)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A picture unlike any of its mirror images, and metres without an edge."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    picture = np.stack([rows * 2, columns * 2, 255 - rows - columns], -1).astype(np.uint8)
    picture[10:30, 10:50] = (255, 40, 0)  # a red sign at the top left
    picture[60:80, 90:110] = (20, 60, 250)  # a blue one at the bottom right
    depth = 3 + 0.5 * np.sin(rows / 30) * np.cos(columns / 20)
    return picture, depth.astype(np.float32)


@pytest.fixture(scope="module")
def mesh() -> _native.Mesh:
    return _native.simple_mesh(*scene(), kind="metric")


@pytest.fixture(scope="module")
def arrived(mesh: _native.Mesh, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By file name, the facts and arrays that Blender reports."""
    python = blender_python()
    if python is None:
        pytest.skip("bpy is not installed and RILIEVO_BPY_PYTHON does not name a Python that has it")
    folder = tmp_path_factory.mktemp("blender")
    picture, depth = scene()
    photo, grey, plain, textured, cloud, ply = (folder / name for name in FILES)
    mesh.save(photo)
    _native.simple_mesh(picture, depth, "metric", {"textured": False}).save(grey)
    mesh.save(plain)
    mesh.save(textured, "obj-textured")
    _native.point_cloud(depth, picture, options={"edge_rtol": 0}).save(cloud, axes="blender")
    mesh.save(ply, axes="blender")
    script = Path(__file__).with_name("blender_import.py")
    command = [python, str(script), str(folder / "out.npz"), *map(str, SIZE)]
    command += [str(folder / name) for name in FILES]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    result: dict[str, dict[str, Any]] = {}
    with np.load(folder / "out.npz") as archive:
        for index, name in enumerate(FILES):
            prefix = f"{index}."
            entry = {key[len(prefix) :]: archive[key] for key in archive.files if key.startswith(prefix)}
            entry.update(json.loads(bytes(entry.pop("facts"))))
            result[name] = entry
    return result


def upright(mesh: _native.Mesh) -> np.ndarray:
    """Where the mesh belongs in Blender: x right, y forward, z up."""
    left, up, forward = mesh.vertices.T
    return np.stack([-left, forward, up], -1)


def linear(colors: np.ndarray) -> np.ndarray:
    """sRGB bytes to linear light."""
    encoded = colors / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("name", ["photo.glb", "grey.glb", "a textured.obj", "mesh.ply"])
def test_the_mesh_stands_upright_and_looks_along_y(
    arrived: dict[str, dict[str, Any]], mesh: _native.Mesh, name: str
) -> None:
    np.testing.assert_allclose(arrived[name]["places"], upright(mesh), atol=1e-5)
    assert arrived[name]["faces"] == len(mesh.faces)
    np.testing.assert_array_equal(arrived[name]["corners"].reshape(-1, 3), mesh.faces)


def test_the_reference_layout_arrives_as_ever(arrived: dict[str, dict[str, Any]], mesh: _native.Mesh) -> None:
    x, y, z = mesh.vertices.T
    np.testing.assert_allclose(arrived["plain.obj"]["places"], np.stack([x, -z, y], -1), atol=1e-5)
    assert arrived["plain.obj"]["color_attribute"] == ["Color", "POINT"]


@pytest.mark.parametrize("name", ["photo.glb", "a textured.obj"])
def test_texture_and_coordinates(arrived: dict[str, dict[str, Any]], mesh: _native.Mesh, name: str) -> None:
    entry = arrived[name]
    expected = mesh.uv[entry["corners"]] * (1, -1) + (0, 1)
    np.testing.assert_allclose(entry["uv"], expected, atol=1e-6)
    np.testing.assert_allclose(entry["texture"][..., :3] * 255, scene()[0], atol=0.01)
    assert entry["packed"] == (name == "photo.glb")


@pytest.mark.parametrize("name", ["plain.obj", "mesh.ply", "cloud.ply", "grey.glb"])
def test_vertex_colours_are_linear_light(
    arrived: dict[str, dict[str, Any]], mesh: _native.Mesh, name: str
) -> None:
    colors = arrived[name]["colors"][:, :3]
    expected = linear(mesh.colors)
    if name == "grey.glb":  # Blender keeps these per corner, in 8 bits of sRGB.
        expected = expected[arrived[name]["corners"]]
    np.testing.assert_allclose(colors, expected, atol=5e-3)


def test_points(arrived: dict[str, dict[str, Any]]) -> None:
    assert arrived["cloud.ply"]["places"].shape == (SIZE[0] * SIZE[1], 3)
    assert arrived["cloud.ply"]["faces"] == 0
    assert (arrived["cloud.ply"]["places"][:, 1] > 2).all()


def test_the_camera_sees_the_photo(arrived: dict[str, dict[str, Any]]) -> None:
    camera = arrived["photo.glb"]["camera"]
    assert camera["name"] == "photo_camera"
    assert camera["fov"] == pytest.approx(55, abs=1e-3)
    np.testing.assert_allclose(camera["place"], 0, atol=1e-7)
    np.testing.assert_allclose(camera["right"], (1, 0, 0), atol=1e-6)
    np.testing.assert_allclose(camera["forward"], (0, 1, 0), atol=1e-6)
    assert (camera["extras"]["W"], camera["extras"]["H"]) == SIZE
    assert camera["extras"]["hFov"] == pytest.approx(np.radians(55), abs=1e-6)
    # Not on the very border, which is half a pixel outside the mesh, nor beside the signs' edges.
    picture = scene()[0].astype(int)
    difference = np.abs(arrived["photo.glb"]["render"].astype(int) - picture)[2:-2, 2:-2]
    assert np.median(difference) <= 1
    assert np.mean(difference > 6) < 0.03
