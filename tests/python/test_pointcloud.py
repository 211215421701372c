"""Point clouds, and depth as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rilievo import _native

INTRINSICS = (90.0, 100.0, 31.5, 23.5)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A tilted wall with a box before it; between them one column of flying pixels."""
    rows, columns = np.mgrid[:48, :64]
    depth = 4 + rows * 0.01
    depth[:, 30:] = 2
    depth[:, 29] = 3
    picture = np.stack([rows, columns, rows + columns], -1).astype(np.uint8)
    return picture, depth.astype(np.float32)


def unprojected(depth: np.ndarray) -> np.ndarray:
    fx, fy, cx, cy = INTRINSICS
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    return np.stack([(columns - cx) / fx * depth, (rows - cy) / fy * depth, depth], -1)


def point_cloud(depth: Any, image: Any = None, kind: Any = "metric", **options: object) -> _native.Mesh:
    return _native.point_cloud(depth, image, kind, {"edge_rtol": 0, **options})


def test_metric_depth_and_intrinsics() -> None:
    picture, depth = scene()
    depth[3, 4], depth[5, 6], depth[7, 8] = np.nan, 0, -1
    kept = np.isfinite(depth) & (depth > 0)
    cloud = point_cloud(depth, picture, intrinsics=INTRINSICS)
    np.testing.assert_allclose(cloud.vertices, unprojected(depth)[kept], rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(cloud.colors, picture[kept])
    assert cloud.axes == "opencv"
    assert cloud.faces.shape == (0, 3)


def test_flying_pixels_are_taken_off() -> None:
    picture, depth = scene()
    cloud = point_cloud(depth, picture, edge_rtol=0.04)
    assert not np.any((cloud.vertices[:, 2] > 2.5) & (cloud.vertices[:, 2] < 3.5))
    assert len(cloud.vertices) == depth.size - 3 * len(depth)


def test_one_point_a_voxel() -> None:
    picture, depth = scene()
    cloud = point_cloud(depth, picture, intrinsics=INTRINSICS, voxel=0.25)
    points = unprojected(depth).reshape(-1, 3)
    cells = np.floor(points / 0.25).astype(int)
    _, first, inverse = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.ravel()
    order = np.argsort(first)
    counts = np.bincount(inverse)
    means = np.stack([np.bincount(inverse, points[:, axis]) / counts for axis in range(3)], -1)
    colors = picture.reshape(-1, 3)
    shades = np.stack([np.bincount(inverse, colors[:, channel]) / counts for channel in range(3)], -1)
    np.testing.assert_allclose(cloud.vertices, means[order], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cloud.colors, shades[order], atol=0.51)


def test_relative_depth_is_scaled_as_for_a_mesh() -> None:
    _, depth = scene()
    cloud = point_cloud(depth, kind="inverse")
    np.testing.assert_allclose(cloud.vertices[:, 2], _native.mesh_depth(depth, "inverse").ravel())
    assert cloud.colors is None


def test_a_panorama_is_seen_from_inside() -> None:
    depth = np.full((33, 65), 2, np.float32)
    points = point_cloud(depth, spherical=True).vertices.reshape(33, 65, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 2)
    np.testing.assert_allclose(points[16, 32], [0, 0, 2], atol=1e-9)  # the middle: forward
    np.testing.assert_allclose(points[16, 48], [2, 0, 0], atol=1e-9)  # right of it: right
    np.testing.assert_allclose(points[0, 32], [0, -2, 0], atol=1e-9)  # the top: up


def test_ply_and_back(tmp_path: Path) -> None:
    picture, depth = scene()
    cloud = point_cloud(depth, picture, intrinsics=INTRINSICS)
    cloud.save(tmp_path / "cloud.ply")
    read = _native.read_mesh(tmp_path / "cloud.ply")
    np.testing.assert_allclose(read.vertices, cloud.vertices, rtol=1e-6)
    np.testing.assert_array_equal(read.colors, cloud.colors)
    assert read.axes == "opencv"
    assert read.faces.shape == (0, 3)


def test_wrong_arguments_are_named() -> None:
    picture, depth = scene()
    for arguments, message in (
        ({"voxel": -1}, "voxel"),
        ({"edge_rtol": -1}, "edge_rtol"),
        ({"image": picture[1:]}, "64x47 and 64x48"),
        ({"intrinsics": (1, -1, 0, 0)}, "intrinsics"),
    ):
        with pytest.raises(ValueError, match=message):
            point_cloud(depth, **arguments)
    with pytest.raises(ValueError, match="no pixel"):
        point_cloud(-depth)


FLOATS = np.array([[0.5, 1.25, -3], [1e-20, 7e8, 2]], np.float32)
WHOLE = np.array([[0, 1, 256], [40000, 65535, 7]], np.uint16)


@pytest.mark.parametrize("values", [FLOATS, WHOLE])
def test_npy(tmp_path: Path, values: np.ndarray) -> None:
    _native.save_depth(tmp_path / "new/d.npy", values)
    read = np.load(tmp_path / "new/d.npy")
    assert read.dtype == values.dtype
    np.testing.assert_array_equal(read, values)
    large = np.arange(3000 * 1001, dtype=np.float64).reshape(3000, 1001)
    _native.save_depth(tmp_path / "large.npy", large[::-1, ::2])
    np.testing.assert_array_equal(np.load(tmp_path / "large.npy"), large[::-1, ::2].astype(np.float32))


@pytest.mark.parametrize("name", ["d.tif", "d.TIFF"])
@pytest.mark.parametrize("values", [FLOATS, WHOLE])
def test_tiff(tmp_path: Path, name: str, values: np.ndarray) -> None:
    _native.save_depth(tmp_path / name, values)
    with Image.open(tmp_path / name) as image:
        assert image.mode == ("F" if values is FLOATS else "I;16")
        np.testing.assert_array_equal(np.array(image), values)


def test_png(tmp_path: Path) -> None:
    def saved(values: np.ndarray, **options: float) -> np.ndarray:
        _native.save_depth(tmp_path / "d.png", values, **options)
        with Image.open(tmp_path / "d.png") as image:
            assert image.mode == "I;16"
            return np.array(image)

    np.testing.assert_array_equal(saved(WHOLE), WHOLE)
    metres = np.array([[1.2344, 2, 90, -1, np.nan, np.inf]], np.float32)
    np.testing.assert_array_equal(saved(metres, png_scale=1000), [[1234, 2000, 65535, 0, 0, 65535]])
    stretched = np.array([[1, 2, 3, np.nan, np.inf]], np.float32)
    np.testing.assert_array_equal(saved(stretched), [[0, 32768, 65535, 0, 65535]])
    np.testing.assert_array_equal(saved(np.full((2, 2), 5, np.float32)), np.zeros((2, 2)))


def test_exr(tmp_path: Path) -> None:
    for values in (FLOATS, WHOLE):
        _native.save_depth(tmp_path / "d.exr", values)
        content = (tmp_path / "d.exr").read_bytes()
        assert content.startswith(b"\x76\x2f\x31\x01")
        assert b"channels\0chlist\0" in content
    openexr = pytest.importorskip("OpenEXR", reason="OpenEXR is not there to read the file back")
    with openexr.File(str(tmp_path / "d.exr"), separate_channels=True) as file:
        assert list(file.channels()) == ["Y"]
        np.testing.assert_array_equal(file.channels()["Y"].pixels, WHOLE.astype(np.float32))


def test_depth_that_cannot_be_saved(tmp_path: Path) -> None:
    for name, values, options, message in (
        ("d.gif", FLOATS, {}, "gif"),
        ("d.npy", FLOATS[:0], {}, "nothing"),
        ("d.npy", FLOATS, {"png_scale": 2}, "png_scale"),
        ("d.png", WHOLE, {"png_scale": 2}, "png_scale"),
        ("d.png", FLOATS, {"png_scale": 0}, "png_scale"),
    ):
        with pytest.raises(ValueError, match=message):
            _native.save_depth(tmp_path / name, values, **options)
    with pytest.raises(TypeError, match="float32"):
        _native.save_depth(tmp_path / "d.npy", FLOATS.astype(np.int64))
    assert list(tmp_path.iterdir()) == []
