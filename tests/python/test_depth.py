"""Depth maps: stretching, clipping, 16 bits, depth pictures from elsewhere."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image
from rilievo import _native

FIXED = {"cd_I16low", "rgba_combine"}  # where the reference is wrong on purpose, see below


def digest(array):
    assert array.flags.c_contiguous
    return hashlib.sha256(array.tobytes()).hexdigest()


def depth_to_u16(values, kind="inverse", normalize=True, clip=None, **ends):
    return _native.depth_to_u16(values, kind, normalize, None if clip is None else {"mode": clip, **ends})


def computed(arrays, case):
    """What a golden case asks for."""
    options = case.get("options", {})
    if case["fn"] == "convert_to_i16":
        return depth_to_u16(arrays[case["inp"]][None], normalize=False)[0]
    if case["fn"] == "funnel_raw":
        kind = "depth" if case["raw_invert"] else "inverse"
        clip = options.get("clipdepth_mode", "Range") if options.get("clipdepth") else None
        far, near = options.get("clipdepth_far", 0.0), options.get("clipdepth_near", 1.0)
        depth = depth_to_u16(arrays[case["raw"]], kind, clip=clip, far=far, near=near)
    else:
        height, width, _ = arrays[case["image"]].shape
        depth = _native.custom_depth(arrays[case["depth"]], width, height)
        depth = depth_to_u16(depth, normalize=False)
    if options.get("output_depth_invert"):
        depth = 65535 - depth
    if options.get("output_depth_combine"):
        picture = arrays[case["image"]]
        if "alpha" in case:
            picture = np.dstack([picture, arrays[case["alpha"]]])
        return _native.combine(picture, depth, options.get("output_depth_combine_axis") == "Vertical")
    return depth


def test_the_reference_is_met_to_the_last_bit(golden):
    arrays, cases = golden("core")
    exact = [case for case in cases if not FIXED & {case.get("depth"), case.get("out")}]
    assert len(exact) == 44
    for case in exact:
        result = computed(arrays, case)
        assert list(result.shape) == case["shape"]
        assert str(result.dtype) == case["dtype"]
        assert digest(result) == case["sha256"], case


def test_dark_sixteen_bit_maps_keep_their_depth(golden):
    # The reference takes a 16-bit map without values above 255 for an 8-bit one.
    arrays, cases = golden("core")
    case = next(case for case in cases if case.get("depth") == "cd_I16low")
    assert digest(computed(arrays, case)) != case["sha256"]
    assert digest(arrays["cd_I16low"] * np.uint16(256)) == case["sha256"]
    assert np.array_equal(computed(arrays, case), arrays["cd_I16low"])


def test_the_depth_half_of_a_combined_picture_is_opaque(golden):
    # In the reference it is transparent.
    arrays, cases = golden("core")
    case = next(case for case in cases if case.get("out") == "rgba_combine")
    result, reference = computed(arrays, case), arrays["rgba_combine"]
    width = reference.shape[1] // 2
    assert np.array_equal(result[..., :3], reference[..., :3])
    assert np.array_equal(result[:, :width, 3], reference[:, :width, 3])
    assert not reference[:, width:, 3].any()
    assert (result[:, width:, 3] == 255).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearness_of_every_kind(dtype):
    values = np.array([[1, 2], [3, 5]], dtype)
    assert _native.nearness(values, "inverse").tolist() == [[0, 0.25], [0.5, 1]]
    for kind in ("depth", "metric"):
        assert _native.nearness(values, kind).tolist() == [[1, 0.75], [0.5, 0]]
    assert _native.nearness(values, "metric").dtype == np.float32
    with pytest.raises(ValueError, match="disparity"):
        _native.nearness(values, "disparity")


def test_flat_maps_are_black():
    flat = np.full((3, 4), 7.25, np.float32)
    assert not _native.nearness(flat, "inverse").any()
    for clip in (None, "Range", "Outliers"):
        assert not depth_to_u16(flat, "metric", clip=clip, far=0.2, near=0.4).any()


@pytest.mark.parametrize("mode", ["Range", "Outliers"])
def test_equal_ends_of_a_clip_make_a_mask(mode):
    # The reference promises this and gives a black picture.
    values = np.arange(101, dtype=np.float32).reshape(1, -1)

    def mask(end):
        return depth_to_u16(values, clip=mode, far=end, near=end)[0]

    assert np.array_equal(mask(0.25), np.where(values[0] >= 25, 65535, 0))
    # Neither end makes it all one colour.
    assert np.array_equal(mask(0.0), np.where(values[0] > 0, 65535, 0))
    assert np.array_equal(mask(1.0), np.where(values[0] >= 100, 65535, 0))


def test_outliers_of_a_map_that_is_mostly_one_value():
    # Both percentiles are the background's; the reference gives black.
    values = np.zeros((10, 10), np.float32)
    values[4:6, 4:6] = [[1, 2], [3, 4]]
    mask = depth_to_u16(values, clip="Outliers", far=0.1, near=0.8)
    assert np.array_equal(mask, np.where(values > 0, 65535, 0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"clip": "Range", "far": 0.6, "near": 0.5}, "far end of the clip, 0.6, is above the near end, 0.5"),
        ({"clip": "Outliers", "far": -0.1}, "-0.1"),
        ({"clip": "Range", "near": float("nan")}, "NaN"),
        ({"clip": "median"}, "Range, Outliers"),
        ({"clip": "Range", "normalize": False}, "not clipped"),
        ({"kind": "metric", "normalize": False}, "metric"),
    ],
)
def test_arguments_that_make_no_sense(arguments, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        depth_to_u16(np.eye(3, dtype=np.float32), **arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_undefined_values_are_refused(bad):
    values = np.ones((4, 5), np.float32)
    values[1:3, 2] = bad
    for call in (lambda: _native.nearness(values, "inverse"), lambda: depth_to_u16(values)):
        with pytest.raises(ValueError, match="2 values of the depth map are no finite numbers"):
            call()
    with pytest.raises(ValueError, match="no finite"):
        depth_to_u16(np.full((2, 2), np.nan), normalize=False)


def test_empty_and_wrong_arrays():
    with pytest.raises(ValueError, match="no pixels"):
        _native.nearness(np.zeros((0, 3), np.float32), "inverse")
    with pytest.raises(ValueError, match="float32 or float64"):
        _native.nearness(np.zeros((3, 3), np.uint8), "inverse")
    with pytest.raises(ValueError, match="uint16"):
        _native.custom_depth(np.zeros((3, 3), np.int64), 3, 3)
    with pytest.raises(ValueError, match="no pixels"):
        _native.custom_depth(np.zeros((3, 3), np.uint8), 0, 3)


def test_results_do_not_depend_on_the_layout():
    values = np.random.default_rng(0).normal(size=(37, 53)).astype(np.float32)
    want = depth_to_u16(values, clip="Outliers", far=0.1, near=0.9)
    for same in (np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2]):
        assert np.array_equal(depth_to_u16(same, clip="Outliers", far=0.1, near=0.9), want)


# Depth pictures from elsewhere


def written(picture, size=None):
    height, width = (size[1], size[0]) if size else picture.shape
    return depth_to_u16(_native.custom_depth(picture, width, height), normalize=False)


def test_the_bit_depth_of_pictures():
    assert written(np.array([[0, 1, 255]], np.uint8)).tolist() == [[0, 256, 65280]]
    assert written(np.array([[0, 1, 65535]], np.uint16)).tolist() == [[0, 1, 65535]]
    assert written(np.array([[False, True]])).tolist() == [[0, 65280]]
    # 32-bit integers hold 8 or 16 bits as often as not.
    assert written(np.array([[-5, 1, 255]], np.int32)).tolist() == [[0, 256, 65280]]
    assert written(np.array([[0, 256, 65535]], np.int32)).tolist() == [[0, 256, 65535]]
    assert written(np.array([[0, 65536, 2**32 - 1]], np.uint32)).tolist() == [[0, 1, 65535]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scale_of_floating_point_pictures(dtype):
    assert written(np.array([[-0.5, 0.25, 0.5, 1.0, 1.5]], dtype)).tolist() == [
        [0, 16384, 32768, 65535, 65535]
    ]
    assert written(np.array([[0, 64, 255.5]], dtype)).tolist() == [[0, 16384, 65408]]
    assert written(np.array([[0, 256, 40000]], dtype)).tolist() == [[0, 256, 40000]]
    # Sensors leave holes: they are as far as can be, and infinity as near.
    holes = np.array([[np.nan, 0.5, np.inf, -np.inf]], dtype)
    assert written(holes).tolist() == [[0, 32768, 65535, 0]]
    assert np.isfinite(_native.custom_depth(holes, 7, 3)).all()


@pytest.mark.parametrize("mode", ["L", "I;16", "I", "F"])
def test_pictures_are_resized_by_lanczos_and_stay_in_range(mode):
    top = 255 if mode == "L" else 65535
    step = np.where(np.arange(9) < 4, 0, top) * np.ones((9, 1), int)
    picture = step.astype({"L": np.uint8, "I;16": np.uint16, "I": np.int32, "F": np.float32}[mode])
    got = _native.custom_depth(picture, 90, 45)
    assert got.shape == (45, 90)
    assert got.min() >= 0
    assert got.max() <= 1
    # The ringing is cut off, not wrapped around or taken for more bits.
    assert (got[:, 60:] > 0.95).all()
    assert (got[:, :20] < 0.05).all()
    reference = np.asarray(Image.fromarray(picture).resize((90, 45), Image.Resampling.LANCZOS), float)
    scale = 256 if mode == "L" else 65536
    assert np.abs(got - np.clip(reference, 0, top) / scale).max() < 2 / 65536


def test_combine_wants_one_size():
    picture, depth = np.zeros((4, 6, 3), np.uint8), np.full((4, 6), 0x1234, np.uint16)
    assert _native.combine(picture, depth).shape == (4, 12, 3)
    assert (_native.combine(picture, depth, True)[4:] == 0x12).all()
    with pytest.raises(ValueError, match="the depth map is 4x6 but the picture 6x4"):
        _native.combine(picture, depth.T)
    with pytest.raises(ValueError, match="3 or 4 channels"):
        _native.combine(np.zeros((4, 6, 2), np.uint8), depth)
