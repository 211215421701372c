"""Stereo: the reference's eyes byte for byte, and everything beyond them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from rilievo import _native

FILLS = ("none", "naive", "naive_interpolating", "polylines_soft", "polylines_sharp")
REFERENCE_MODES = (
    "left-right",
    "right-left",
    "top-bottom",
    "bottom-top",
    "red-cyan-anaglyph",
    "left-only",
    "only-right",
    "cyan-red-reverseanaglyph",
)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (37, 64, 3), dtype=np.uint8)
    depth = np.zeros((37, 64), np.uint16)
    depth[10:25, 20:40] = 50000
    depth += (np.arange(64) * 100).astype(np.uint16)
    return image, depth


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@pytest.mark.parametrize("fill", FILLS)
def test_eyes_are_the_references_byte_for_byte(golden, fill):
    arrays, cases = golden("stereo")
    cases = [case for case in cases if case["fill"] == fill and "mode" not in case]
    assert len(cases) >= 6
    for case in cases:
        left, right, *_ = _native.stereo_eyes(
            arrays[case["image"]],
            arrays[case["depth"]],
            {
                "divergence": case["divergence"],
                "separation": case["separation"],
                "balance": case["balance"],
                "offset_exponent": case["exponent"],
                "fill": fill,
            },
        )
        assert (digest(left), digest(right)) == (case["left"], case["right"]), case


@pytest.mark.parametrize("mode", REFERENCE_MODES)
def test_the_references_modes_are_made_of_the_eyes(scene, mode):
    image, depth = scene
    left, right, *_ = _native.stereo_eyes(image, depth, dict(divergence=6))
    expected = {
        "left-right": np.hstack([left, right]),
        "right-left": np.hstack([right, left]),
        "top-bottom": np.vstack([left, right]),
        "bottom-top": np.vstack([right, left]),
        "left-only": left,
        "only-right": right,
        "red-cyan-anaglyph": np.dstack([left[..., 0], right[..., 1], right[..., 2]]),
        "cyan-red-reverseanaglyph": np.dstack([right[..., 0], left[..., 1], left[..., 2]]),
    }[mode]
    ((name, made),) = _native.stereo_images(image, depth, [mode], dict(divergence=6))
    assert name == mode
    np.testing.assert_array_equal(made, expected)


def test_every_mode_on_the_list_works_and_has_its_size(scene):
    image, depth = scene
    names = [name for name, about in _native.stereo_modes()]
    assert names[:8] == list(REFERENCE_MODES)
    pictures = dict(_native.stereo_images(image, depth, names))
    assert list(pictures) == names
    for name, picture in pictures.items():
        wide = name in ("left-right", "right-left")
        tall = name in ("top-bottom", "bottom-top")
        height = 36 if name in ("half-top-bottom", "half-bottom-top") else 37 * (2 if tall else 1)
        assert picture.shape == (height, 64 * (2 if wide else 1), 3), name


def test_half_sizes_are_area_means(scene):
    image, depth = scene
    ((_, half),) = _native.stereo_images(image, depth, ["half-left-right"], dict(divergence=4))
    left, *_ = _native.stereo_eyes(image, depth, dict(divergence=4))
    mean = left.astype(float).reshape(37, 32, 2, 3).mean(2)
    assert np.abs(half[:, :32] - mean).max() <= 0.5


def test_interlaced_rows_take_turns(scene):
    image, depth = scene
    left, right, *_ = _native.stereo_eyes(image, depth)
    ((_, rows),) = _native.stereo_images(image, depth, ["interlaced-rows"])
    np.testing.assert_array_equal(rows[::2], left[::2])
    np.testing.assert_array_equal(rows[1::2], right[1::2])


def test_hole_masks_mark_what_no_pixel_was_moved_to(scene):
    image, depth = scene
    image = np.maximum(image, 1)
    left, right, left_holes, right_holes = _native.stereo_eyes(image, depth, dict(divergence=8, fill="none"))
    assert left_holes.any()
    assert right_holes.any()
    np.testing.assert_array_equal(left_holes, ~left.any(-1))
    np.testing.assert_array_equal(right_holes, ~right.any(-1))


@pytest.mark.parametrize("fill", _native.stereo_fills())
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (3, 2)])
def test_every_fill_takes_every_size(fill, size):
    rng = np.random.default_rng(1)
    for channels in (3, 4):
        image = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
        depth = rng.integers(0, 65536, size, dtype=np.uint16)
        left, right, *_ = _native.stereo_eyes(image, depth, dict(divergence=10, fill=fill))
        assert left.shape == right.shape == image.shape


@pytest.mark.parametrize("fill", _native.stereo_fills())
def test_flat_depth_is_all_far_whatever_its_value(scene, fill):
    image, _ = scene
    eyes = [
        _native.stereo_eyes(image, np.full(image.shape[:2], value, np.uint16), dict(divergence=5, fill=fill))
        for value in (0, 30000, 65535)
    ]
    for other in eyes[1:]:
        for one, same in zip(eyes[0], other):
            np.testing.assert_array_equal(one, same)
    # Polylines draw a line through the pixels, which smooths noise even where nothing moves.
    if not fill.startswith("polylines"):
        np.testing.assert_array_equal(eyes[0][0], image)


def test_every_fill_but_none_leaves_no_hole_black(scene):
    image, depth = scene
    image = np.maximum(image, 1)
    for fill in _native.stereo_fills():
        left, *_ = _native.stereo_eyes(image, depth, dict(divergence=8, fill=fill))
        assert (fill == "none") == bool((~left.any(-1)).any()), fill


def test_convergence_puts_a_depth_into_the_plane_of_the_screen(scene):
    image, _ = scene
    near = np.full((37, 64), 65535, np.uint16)
    near[0, 0] = 0
    left, *_ = _native.stereo_eyes(image, near, dict(divergence=10, fill="naive", convergence=1.0))
    np.testing.assert_array_equal(left[5], image[5])
    moved, *_ = _native.stereo_eyes(image, near, dict(divergence=10, fill="naive"))
    assert (moved[5] != image[5]).any()


def test_float_depth_means_the_same_as_integers(scene):
    image, depth = scene
    eyes = _native.stereo_eyes(image, depth)
    for dtype in (np.float32, np.float64):
        for one, other in zip(eyes, _native.stereo_eyes(image, depth.astype(dtype))):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"modes": ["sideways"]}, "sideways"),
        ({"fill": "magic"}, "magic"),
        ({"divergence": float("nan")}, "divergence"),
        ({"balance": 2.0}, "balance"),
        ({"offset_exponent": 0.0}, "exponent"),
        ({"convergence": 1.5}, "convergence"),
    ],
)
def test_a_wrong_option_is_named(scene, arguments, part):
    image, depth = scene
    with pytest.raises(ValueError, match=part):
        _native.stereo_images(image, depth, arguments.pop("modes", ["left-right"]), arguments)


def test_depth_of_another_size_is_refused(scene):
    image, depth = scene
    with pytest.raises(ValueError, match="64"):
        _native.stereo_eyes(image, depth[:, :60])
