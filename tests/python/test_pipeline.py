"""The funnel and the public API."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import rilievo
from PIL import Image

PHOTOS = Path(__file__).parents[2] / "docs" / "photos"
PHOTO = PHOTOS / "portrait_astronaut.jpg"


@pytest.fixture(scope="module")
def small() -> Image.Image:
    return Image.open(PHOTO).convert("RGB").resize((96, 64), Image.Resampling.LANCZOS)


def kinds(outputs):
    return [output.kind for output in outputs]


def test_outputs_come_in_the_references_order(small):
    outputs = list(
        rilievo.generate(
            small,
            do_output_depth_prediction=True,
            output_depth_combine=True,
            output_depth_both=True,
            gen_stereo=True,
            stereo_modes=["top-bottom", "left-only"],
            gen_normalmap=True,
            gen_heatmap=True,
            gen_simple_mesh=True,
        )
    )
    assert kinds(outputs) == [
        "depth_prediction",
        "depth",
        "concat_depth",
        "top-bottom",
        "left-only",
        "normalmap",
        "heatmap",
        "simple_mesh",
    ]
    by_kind = {output.kind: output for output in outputs}
    assert by_kind["depth"].payload.dtype == np.uint16
    assert by_kind["depth"].image.mode == "I;16"
    assert by_kind["concat_depth"].payload.shape == (64, 192, 3)
    assert by_kind["top-bottom"].payload.shape == (128, 96, 3)
    assert by_kind["normalmap"].image.mode == "RGB"
    assert by_kind["heatmap"].image.mode == "RGBA"
    assert by_kind["simple_mesh"].payload.vertices.shape[1] == 3
    with pytest.raises(TypeError, match="not a picture"):
        _ = by_kind["simple_mesh"].image


def test_several_pictures_are_counted(small):
    outputs = list(rilievo.generate([small, np.asarray(small), PHOTO]))
    assert [output.index for output in outputs] == [0, 1, 2]
    np.testing.assert_array_equal(outputs[0].payload, outputs[1].payload)


def test_nothing_is_done_before_it_is_asked_for(small):
    calls = []
    outputs = rilievo.generate([small, small], progress=lambda *step: calls.append(step))
    assert calls == []
    next(outputs)
    assert calls


def test_inverting_touches_the_written_map_only(small):
    plain = list(rilievo.generate(small, gen_normalmap=True, gen_heatmap=True))
    inverted = list(rilievo.generate(small, gen_normalmap=True, gen_heatmap=True, output_depth_invert=True))
    np.testing.assert_array_equal(inverted[0].payload, 65535 - plain[0].payload)
    for one, other in zip(plain[1:], inverted[1:]):
        np.testing.assert_array_equal(one.payload, other.payload)


def test_clipping_skips_depth_pictures_but_not_depth_maps(small):
    ramp = np.linspace(0, 65535, 96 * 64).reshape(64, 96)
    clip = {"clipdepth": True, "clipdepth_far": 0.25, "clipdepth_near": 0.75}
    picture = Image.fromarray(ramp.astype(np.uint16))
    (kept,) = rilievo.generate(small, depth_maps=[picture], **clip)
    np.testing.assert_array_equal(kept.payload, ramp.astype(np.uint16))
    (cut,) = rilievo.generate(small, depth_maps=[rilievo.DepthMap(ramp.astype(np.float32))], **clip)
    assert (cut.payload == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert (cut.payload == 65535).mean() == pytest.approx(0.25, abs=0.01)


def test_a_depth_picture_of_another_size_is_resized_but_a_depth_map_is_refused(small):
    picture = Image.fromarray(np.full((10, 15), 40000, np.uint16))
    (output,) = rilievo.generate(small, depth_maps=[picture])
    assert output.payload.shape == (64, 96)
    assert np.all(output.payload == 40000)
    with pytest.raises(ValueError, match="15x10 but the picture 96x64"):
        list(rilievo.generate(small, depth_maps=[rilievo.DepthMap(np.zeros((10, 15), np.float32))]))
    with pytest.raises(ValueError, match="1 pictures but 2 depth maps"):
        rilievo.generate(small, depth_maps=[None, None])


def test_near_is_bright_whatever_the_kind(small):
    near_left = np.linspace(1.0, 10.0, 96, dtype=np.float32)[None].repeat(64, 0)
    for kind in ("depth", "metric"):
        (output,) = rilievo.generate(small, depth_maps=[rilievo.DepthMap(near_left, kind)])
        assert output.payload[0, 0] == 65535
        assert output.payload[0, -1] == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16", "YCbCr"])
def test_every_pil_mode_is_a_picture(small, mode):
    if mode in ("I", "F", "I;16"):
        values = np.asarray(small.convert("L")).astype(
            {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        )
        image = Image.fromarray(values * (257 if mode == "I;16" else 1))
        expected = np.asarray(small.convert("L"))[..., None].repeat(3, 2)
    else:
        image = small.convert(mode)
        expected = np.asarray(image.convert("RGB"))
    (combined,) = rilievo.generate(image, output_depth_combine=True)
    assert combined.payload.shape == (64, 192, 3)
    np.testing.assert_allclose(combined.payload[:, :96].astype(int), expected.astype(int), atol=1)


def test_exif_rotation_is_applied(small, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    path = tmp_path / "rotated.jpg"
    small.save(path, exif=exif, quality=95)
    for image in (path, Image.open(path)):
        depth = rilievo.estimate_depth(image)
        assert depth.size == (64, 96)


def test_arrays_of_every_kind_are_pictures(small):
    rgb = np.asarray(small)
    (expected,) = rilievo.generate(rgb)
    for same in (rgb / 255.0, (rgb.astype(np.uint16) * 257), np.dstack([rgb, rgb[..., :1]])):
        (output,) = rilievo.generate(same)
        np.testing.assert_array_equal(output.payload, expected.payload)
    for wrong in (
        np.zeros((3, 4, 5, 6), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.full((4, 4), np.nan),
        "abc".encode,
    ):
        with pytest.raises(ValueError):  # noqa: PT011 (each has its own sentence)
            list(rilievo.generate(wrong))


def test_a_flat_depth_map_gives_finite_everything(small):
    flat = rilievo.DepthMap(np.full((64, 96), 3.5, np.float32))
    assert not flat.nearness().any()
    outputs = rilievo.generate(
        small,
        depth_maps=[flat],
        gen_stereo=True,
        stereo_fill_algo="naive",
        gen_normalmap=True,
        gen_heatmap=True,
        gen_simple_mesh=True,
    )
    by_kind = {output.kind: output.payload for output in outputs}
    assert not by_kind["depth"].any()
    assert np.all(by_kind["normalmap"] == (128, 128, 255))
    assert np.isfinite(by_kind["simple_mesh"].vertices).all()
    np.testing.assert_array_equal(by_kind["left-right"][:, :96], np.asarray(small))


def test_a_depth_map_says_what_it_takes():
    with pytest.raises(ValueError, match="kind is 'near'"):
        rilievo.DepthMap(np.zeros((2, 2), np.float32), "near")
    with pytest.raises(ValueError, match=r"\[H, W\]"):
        rilievo.DepthMap(np.zeros((2, 2, 3), np.float32))
    with pytest.raises(ValueError, match="from_image"):
        rilievo.DepthMap(np.zeros((2, 2), np.uint16))


def test_progress_reports_and_cancel_stops(small):
    steps = []
    rilievo.estimate_depth(small, progress=lambda *step: steps.append(step))
    assert all(0 <= done <= total for _, done, total in steps)
    assert steps
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(rilievo.Cancelled):
        rilievo.estimate_depth(small, cancel=cancel)


def test_an_error_in_the_callback_reaches_the_caller(small):
    def broken(*_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rilievo.estimate_depth(small, progress=broken)


def test_the_same_picture_gives_the_same_bytes(small):
    one = rilievo.estimate_depth(small)
    rilievo.unload()
    other = rilievo.estimate_depth(small)
    np.testing.assert_array_equal(one.values, other.values)


def test_the_gil_is_released_while_a_network_runs():
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.002):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    rilievo.estimate_depth(PHOTO, net_size=(384, 384))
    stop.set()
    thread.join()
    assert len(ticks) > 5


def test_single_steps_agree_with_the_funnel(small):
    depth = rilievo.estimate_depth(small)
    outputs = {
        output.kind: output.payload
        for output in rilievo.generate(
            small,
            depth_maps=[depth],
            gen_normalmap=True,
            gen_heatmap=True,
            gen_stereo=True,
            stereo_modes=["left-right"],
        )
    }
    np.testing.assert_array_equal(rilievo.normal_map(depth), outputs["normalmap"])
    np.testing.assert_array_equal(rilievo.heat_map(outputs["depth"]), outputs["heatmap"])
    np.testing.assert_array_equal(rilievo.stereo_images(small, depth)["left-right"], outputs["left-right"])
    mesh = rilievo.simple_mesh(small, depth)
    assert len(mesh.faces)


def test_net_size_and_match_size_change_the_estimate():
    plain = rilievo.estimate_depth(PHOTO).values
    larger = rilievo.estimate_depth(PHOTO, net_size=(384, 384)).values
    matched = rilievo.estimate_depth(PHOTO, match_size=True).values
    assert plain.shape == larger.shape == matched.shape == (512, 512)
    assert np.abs(plain - larger).max() > 1e-3
    assert np.abs(larger - matched).max() > 1e-3
    with pytest.raises(ValueError, match="net_width is 7"):
        rilievo.estimate_depth(PHOTO, net_size=(7, 7))


def test_refining_with_the_picture_can_be_switched_off():
    refined = rilievo.estimate_depth(PHOTO).values
    plain = rilievo.estimate_depth(PHOTO, refine=False).values
    assert np.abs(refined - plain).max() > 1e-3


def test_what_is_not_there_yet_says_so(small):
    with pytest.raises(ValueError, match="boost is not in this version"):
        rilievo.estimate_depth(small, boost=True)


def test_the_depth_of_a_picture_that_tiles_has_no_seam():
    """Bumps on a torus, and the change of their depth across the seam beside that within the picture."""
    y, x = np.mgrid[0:128, 0:192]
    waves = np.sin(2 * np.pi * (x / 96 + y / 128)) + np.cos(2 * np.pi * (2 * y / 128 - x / 192))
    picture = np.stack([(waves + 2) * 60, (2 - waves) * 60, 40 * waves**2], axis=-1).astype(np.uint8)

    def seam(values):
        twice = np.tile(values, (2, 2))
        across = np.abs(np.diff(twice, axis=1))
        down = np.abs(np.diff(twice, axis=0))
        return max(across[:, 191].mean() / across.mean(), down[127].mean() / down.mean())

    for refine in (False, True):
        tiled = seam(rilievo.estimate_depth(picture, "pocket", tiling=True, refine=refine).values)
        plain = seam(rilievo.estimate_depth(picture, "pocket", refine=refine).values)
        assert tiled < 2 < plain / 2, (refine, tiled, plain)


def test_networks_stay_loaded_only_if_asked_for(small):
    from rilievo import pipeline

    def load_two():
        rilievo.unload_models()
        for tiling in (False, True):
            rilievo.estimate_depth(small, "pocket", tiling=tiling)
        return len(pipeline._loaded)

    assert load_two() == 1
    rilievo.keep_models_loaded()
    assert load_two() == 2
    rilievo.keep_models_loaded(False)
    assert len(pipeline._loaded) == 1
    rilievo.unload_models()
    assert not pipeline._loaded
