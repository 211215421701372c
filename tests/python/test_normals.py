"""Normal maps and heat maps."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import rilievo
from rilievo import _native


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def computed(arrays, case):
    depth = arrays[case["depth"]]
    if case["fn"] == "heatmap":
        return rilievo.heat_map(depth)
    options = {key: case[key] for key in ("pre_blur", "sobel", "post_blur", "invert")}
    return rilievo.normal_map(depth, **options)


def test_the_reference_is_met_to_the_last_bit(golden):
    arrays, cases = golden("normal_heat")
    assert len(cases) == 22
    for case in cases:
        result = computed(arrays, case)
        if "out" in case:
            assert np.array_equal(result, arrays[case["out"]]), case
        else:
            assert list(result.shape) == case["shape"]
            assert digest(result) == case["sha256"], case


def test_which_way_the_colours_go():
    y, x = np.mgrid[:20, :30]
    to_the_right = (1000 + 500 * x).astype(np.uint16)
    upwards = (20000 - 500 * y).astype(np.uint16)
    # Nearer on the right: the surface looks to the left.
    red, green, blue = rilievo.normal_map(to_the_right)[10, 10]
    assert red < 20
    assert green == 128
    assert 128 < blue < 160
    # Nearer at the top: it looks down.
    red, green, blue = rilievo.normal_map(upwards)[10, 10]
    assert red == 128
    assert green < 20
    inverted = rilievo.normal_map(to_the_right, invert=True)[10, 10]
    assert inverted[0] > 235


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_tiny_maps(shape):
    flat = np.full(shape, 777, np.uint16)
    for options in ({}, {"sobel": None}, {"pre_blur": 31, "sobel": 31, "post_blur": 31}):
        assert (rilievo.normal_map(flat, **options) == [128, 128, 255]).all()
    assert (rilievo.heat_map(flat) == [0, 0, 3, 255]).all()


@pytest.mark.parametrize("option", ["pre_blur", "sobel", "post_blur"])
@pytest.mark.parametrize("size", [0, 2, 33])
def test_impossible_kernels_are_named(option, size):
    with pytest.raises(ValueError, match=f"{option}_kernel is {size}; it must be an odd number from 1 to 31"):
        rilievo.normal_map(np.zeros((4, 4), np.uint16), **{option: size})


def test_empty_maps_are_refused():
    for call in (rilievo.normal_map, rilievo.heat_map):
        with pytest.raises(ValueError, match="no pixels"):
            call(np.zeros((0, 4), np.uint16))


# Camera space


def vectors(picture):
    return picture / 127.5 - 1


def plane(normal, width=160, height=90, fov=60.0):
    """The depth of a plane through (0, 0, 5); ``normal`` is right, up, towards the camera."""
    focal = width / 2 / np.tan(np.radians(fov / 2))
    y, x = np.mgrid[:height, :width]
    right, down = (x - width / 2) / focal, (y - height / 2) / focal
    n = np.array([normal[0], -normal[1], -normal[2]])
    return (5 * n[2] / (n[0] * right + n[1] * down + n[2])).astype(np.float32)


SIXTY = {"fov": 60.0}


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.6, 0, 0.8), (0, 0.6, 0.8), (-0.48, 0.36, 0.8)])
def test_planes_have_their_own_normal(normal):
    picture = _native.camera_normal_map(plane(normal), "metric", SIXTY)
    assert np.abs(vectors(picture) - normal).max() < 0.006
    directx = _native.camera_normal_map(plane(normal), "metric", SIXTY, "directx")
    assert np.array_equal(directx[..., [0, 2]], picture[..., [0, 2]])
    assert (directx[..., 1].astype(int) + picture[..., 1] >= 254).all()


def test_the_size_of_the_picture_does_not_matter():
    tilted = (0.6, 0.0, 0.8)
    large = _native.camera_normal_map(plane(tilted, 640, 360), "metric", SIXTY)
    small = _native.camera_normal_map(plane(tilted), "metric", SIXTY)
    assert np.abs(large[180, 320].astype(int) - small[45, 80]).max() <= 1


def test_edges_and_holes_stay_sharp():
    depth = plane((0, 0, 1))
    depth[:, 80:] *= 3
    assert (_native.camera_normal_map(depth, "metric", SIXTY) == [128, 128, 255]).all()
    for hole in (np.nan, np.inf, 0.0, -1.0):
        depth[20:30, 20:30] = hole
        assert (_native.camera_normal_map(depth, "metric", SIXTY)[:, :70] == [128, 128, 255]).all()


def test_camera_normals_say_what_is_wrong():
    depth = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match="fov"):
        _native.camera_normal_map(depth, options={"fov": 180.0})
    with pytest.raises(ValueError, match="directx"):
        _native.camera_normal_map(depth, green="left")
    assert (_native.camera_normal_map(depth, kind="inverse") == [128, 128, 255]).all()


def test_a_heat_map_need_not_be_saturated_near_the_camera():
    ramp = np.arange(1000, dtype=np.uint16)[None]
    usual, whole = rilievo.heat_map(ramp), rilievo.heat_map(ramp, near_percentile=100)
    last = usual[0, -1]
    assert (usual[0] == last).all(axis=1).mean() == pytest.approx(0.15, abs=0.01)
    assert (whole[0] == last).all(axis=1).mean() < 0.01
    with pytest.raises(ValueError, match="far_percentile is 50, but near_percentile is 40"):
        rilievo.heat_map(ramp, far_percentile=50, near_percentile=40)
