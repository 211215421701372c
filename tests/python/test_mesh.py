"""Meshes: the golden ones, and the files they are written to."""

from __future__ import annotations

import gc
import json
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rilievo import _native

ROOT = Path(__file__).parents[2]


def lines(obj: bytes) -> list[bytes]:
    """OBJ lines without comments, blanks, and the "f" trimesh writes where there are no faces."""
    stripped = (line.strip() for line in obj.splitlines())
    return [line for line in stripped if not line.startswith(b"#") and line not in (b"", b"f")]


def waves(height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A picture with four unlike corners, and metres between 2 and 3 without an edge."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([rows * 4, columns * 3, 255 - rows - columns], -1).astype(np.uint8)
    depth = (2.5 + 0.5 * np.sin(rows / 40) * np.cos(columns / 40)).astype(np.float32)
    return picture, depth


def simple_mesh(image: Any, depth: Any, kind: Any = "inverse", **options: object) -> _native.Mesh:
    return _native.simple_mesh(image, depth, kind, options)


@pytest.fixture
def mesh() -> _native.Mesh:
    return simple_mesh(*waves(), kind="metric")


def test_meshes_are_the_references(golden: Any, tmp_path: Path) -> None:
    arrays, cases = golden("mesh")
    for case in (case for case in cases if case["fn"] == "create_mesh"):
        mesh = simple_mesh(
            arrays[case["image"]],
            arrays[case["depth"]],
            kind="metric",
            occlude=not case["keep_edges"],
            spherical=case["spherical"],
            weld=True,
        )
        vertices = arrays[case["vertices"]]
        np.testing.assert_allclose(mesh.vertices, vertices, rtol=0, atol=1e-12 * np.abs(vertices).max())
        np.testing.assert_array_equal(mesh.faces, arrays[case["faces"]])
        np.testing.assert_array_equal(mesh.colors, arrays[case["colors"]][:, :3])
        if "obj" in case:
            mesh.save(tmp_path / "mesh.obj")
            assert lines((tmp_path / "mesh.obj").read_bytes()) == lines(arrays[case["obj"]].tobytes())


def test_depth_scaling_is_the_references(golden: Any, tmp_path: Path) -> None:
    arrays, cases = golden("mesh")
    # 10 is Marigold, whose depth the reference takes for inverse depth.
    kinds = {0: "depth", 1: "inverse", 7: "metric", 10: "inverse"}
    for case in (case for case in cases if case["fn"] == "funnel_simple_mesh"):
        if "raw" in case:
            depth, kind = arrays[case["raw"]], kinds[case["model_type"]]
        else:
            depth, kind = arrays[case["custom_depth"]] / 65536, "inverse"
        mesh = simple_mesh(
            arrays[case["image"]],
            depth,
            kind=kind,
            occlude=case["occlude"],
            spherical=case["spherical"],
            weld=True,
        )
        mesh.save(tmp_path / "mesh.obj")
        assert lines((tmp_path / "mesh.obj").read_bytes()) == lines(arrays[case["obj"]].tobytes()), case


def test_near_is_near_whatever_the_kind() -> None:
    near_left = np.tile(np.linspace(5, 1, 8, dtype=np.float32), (4, 1))
    for depth, kind in ((near_left, "inverse"), (6 - near_left, "depth"), (6 - near_left, "metric")):
        scaled = _native.mesh_depth(depth, kind)
        assert scaled.dtype == np.float32
        assert scaled[0, 0] == scaled.min()
        assert scaled[0, -1] == scaled.max()


def test_grey_and_transparent_pictures_are_coloured() -> None:
    picture, depth = waves()
    expected = simple_mesh(picture, depth).colors
    alpha = np.full((*depth.shape, 1), 7, np.uint8)
    np.testing.assert_array_equal(simple_mesh(np.concatenate([picture, alpha], 2), depth).colors, expected)
    grey = simple_mesh(picture[..., 0], depth).colors
    np.testing.assert_array_equal(grey, np.repeat(expected[:, :1], 3, 1))


def test_a_large_picture_is_meshed_small_and_stays_itself() -> None:
    picture, depth = waves(60, 80)
    before = picture.copy()
    mesh = simple_mesh(picture, depth, kind="metric", max_size=20)
    assert mesh.vertices.shape == (15 * 20, 3)
    assert mesh.faces.shape == (2 * 14 * 19, 3)
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(mesh.texture, picture)
    blocks = depth.reshape(15, 4, 20, 4).mean((1, 3))
    np.testing.assert_allclose(mesh.vertices[:, 2], blocks.ravel(), rtol=1e-6)


def test_intrinsics_place_the_vertices() -> None:
    picture, depth = waves()
    mesh = simple_mesh(picture, depth, kind="metric", intrinsics=(100.0, 120.0, 39.5, 29.5), edge_threshold=9)
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    expected = np.stack([-(columns - 39.5) / 100 * depth, -(rows - 29.5) / 120 * depth, depth], -1)
    np.testing.assert_allclose(mesh.vertices, expected.reshape(-1, 3), rtol=1e-6, atol=1e-9)


def test_arrays_are_read_only_and_outlive_the_mesh() -> None:
    mesh = simple_mesh(*waves())
    vertices, first = mesh.vertices, mesh.vertices[0].copy()
    assert not vertices.flags.writeable
    assert not mesh.uv.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        vertices[0] = 0
    del mesh
    gc.collect()
    np.testing.assert_array_equal(vertices[0], first)


def test_a_mesh_of_arrays(mesh: _native.Mesh, tmp_path: Path) -> None:
    copy = _native.Mesh(
        mesh.vertices, mesh.faces, colors=mesh.colors, uv=mesh.uv, texture=mesh.texture, axes=mesh.axes
    )
    assert repr(copy) == '<Mesh of 4800 vertices and 9322 faces, axes "pytorch3d", coloured, textured>'
    for name in ("vertices", "faces", "colors", "uv", "texture"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(mesh, name))
    mesh.save(tmp_path / "one.obj")
    copy.save(tmp_path / "two.obj")
    assert (tmp_path / "one.obj").read_bytes() == (tmp_path / "two.obj").read_bytes()


@pytest.mark.parametrize("name", ["mesh.obj", "mesh.ply"])
def test_what_is_written_is_read_again(mesh: _native.Mesh, tmp_path: Path, name: str) -> None:
    path = tmp_path / "new folder" / name
    mesh.save(str(path))
    read = _native.read_mesh(path)
    np.testing.assert_allclose(read.vertices, mesh.vertices, atol=3e-7)
    np.testing.assert_array_equal(read.faces, mesh.faces)
    np.testing.assert_array_equal(read.colors, mesh.colors)
    assert read.axes == mesh.axes == "pytorch3d"
    assert [entry.name for entry in path.parent.iterdir()] == [name]


def test_wrong_arguments_are_named() -> None:
    picture, depth = waves()
    bare = _native.Mesh(np.zeros((1, 3)))
    refused = [
        (lambda: simple_mesh(picture, depth, kind="far"), '"far"'),
        (lambda: simple_mesh(picture, depth[1:]), "80x60 and 80x59"),
        (lambda: simple_mesh(picture, depth, fov=0), "fov"),
        (lambda: simple_mesh(picture, depth, intrinsics=(0, 1, 1, 1)), "intrinsics"),
        (lambda: simple_mesh(picture, depth, spherical=True, intrinsics=(1, 1, 1, 1)), "intrinsics"),
        (lambda: simple_mesh(picture, depth, max_size=1), "max_size"),
        (lambda: simple_mesh(picture, depth * np.nan), "finite"),
        (lambda: _native.Mesh(np.zeros((1, 4))), "3 columns"),
        (lambda: _native.Mesh(np.zeros((1, 3)), np.ones((1, 3), np.uint32)), "faces"),
        (lambda: _native.Mesh(np.zeros((1, 3)), axes="left"), '"left"'),
        (lambda: bare.save("a.stl"), "stl"),
        (lambda: bare.save("a.glb", "stl"), '"stl"'),
        (lambda: bare.save("a.glb", texture="gif"), "'gif'"),
        (lambda: bare.save("a.glb", jpeg_quality=3), "jpeg_quality"),
        (lambda: bare.save("a.obj", "obj-textured"), "texture"),
    ]
    for call, message in refused:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="float32"):
        simple_mesh(picture, depth.astype(int))
    with pytest.raises(FileNotFoundError, match=r"nowhere.obj"):
        _native.read_mesh("nowhere.obj")


def test_progress_and_cancel(mesh: _native.Mesh, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    mesh.save(tmp_path / "a.obj", progress=lambda *step: seen.append(step))
    assert seen[-1] == ("faces", len(mesh.faces), len(mesh.faces))
    stop = threading.Event()
    stop.set()
    with pytest.raises(_native.Cancelled):
        mesh.save(tmp_path / "b.obj", cancel=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.obj"]


def test_texture_of_a_textured_obj(mesh: _native.Mesh, tmp_path: Path) -> None:
    mesh.save(tmp_path / "a b.obj", "obj-textured")
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "a b-texture.png")), mesh.texture)
    assert "map_Kd a b-texture.png" in (tmp_path / "a b.mtl").read_text()
    assert "mtllib a b.mtl" in (tmp_path / "a b.obj").read_text()


VALIDATE = """
const validator = require(process.argv[1]);
const report = (path) => validator.validateBytes(new Uint8Array(require('fs').readFileSync(path)), {maxIssues: 100});
Promise.all(process.argv.slice(2).map(report)).then((reports) => console.log(JSON.stringify(reports)));
"""


def test_glb_is_valid(tmp_path: Path) -> None:
    """By Khronos' own validator: ``npm install --prefix .build gltf-validator``."""
    package = ROOT / ".build/node_modules/gltf-validator"
    node = shutil.which("node")
    if node is None or not package.exists():
        pytest.skip("node or .build/node_modules/gltf-validator is missing")
    picture, depth = waves()
    planar = simple_mesh(picture, depth)
    sphere = simple_mesh(picture, depth, spherical=True, weld=True)
    plain = simple_mesh(picture[:, :, 0], depth, textured=False)
    cloud = _native.point_cloud(depth, picture, options={"voxel": 0.05, "edge_rtol": 0})
    bare = _native.Mesh(np.eye(3), np.array([[0, 1, 2]], np.uint32))
    paths = []
    for index, made in enumerate((planar, sphere, plain, cloud, bare)):
        paths.append(tmp_path / f"{index}.glb")
        made.save(paths[-1])
    planar.save(tmp_path / "jpeg.glb", texture="jpeg")
    paths.append(tmp_path / "jpeg.glb")
    command = [node, "-e", VALIDATE, str(package), *map(str, paths)]
    reports = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert len(reports) == len(paths)
    for report in reports:
        issues = report["issues"]
        assert issues["numErrors"] == issues["numWarnings"] == 0, issues
    assert reports[0]["info"]["totalTriangleCount"] == len(planar.faces)
    # The validator does complain about what is wrong.
    broken = bytearray(paths[0].read_bytes())
    struct.pack_into("<I", broken, 8, 100)
    paths[0].write_bytes(broken)
    reports = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert reports[0]["issues"]["numErrors"] > 0


KILLED = """
import sys
import numpy as np
from rilievo import _native
rows, columns = np.mgrid[:1500, :1500]
depth = (2 + np.sin(rows / 200) * np.cos(columns / 200)).astype(np.float32)
mesh = _native.simple_mesh(np.zeros((1500, 1500, 3), np.uint8), depth, "metric")
print("made", flush=True)
while True:
    mesh.save(sys.argv[1])
"""


@pytest.mark.parametrize("name", ["mesh.obj", "mesh.glb"])
def test_a_killed_writer_leaves_no_half_file(tmp_path: Path, name: str) -> None:
    """SIGKILL in the middle of a write: under the name is what was there before."""
    path = tmp_path / name
    path.write_bytes(b"what was there before")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        deadline = time.monotonic() + 30
        while not any(part.stat().st_size > 1_000_000 for part in tmp_path.glob(".*.part")):
            assert time.monotonic() < deadline
        process.kill()
    assert path.read_bytes() == b"what was there before"
