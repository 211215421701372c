"""Depth of field, fog, depth masks and parallax: what must hold on scenes that are known."""

from __future__ import annotations

import numpy as np
import pytest
import rilievo
from PIL import Image
from rilievo import DepthMap, _native

HEIGHT, WIDTH = 96, 128
LEFT, RIGHT = slice(0, WIDTH // 2), slice(WIDTH // 2, WIDTH)


def unit(values) -> DepthMap:
    """Nearness whose scale is kept by adding the full range in one corner."""
    values = np.asarray(values, np.float32).copy()
    values[0, 0], values[0, 1] = 0.0, 1.0
    return DepthMap(values)


def edge(left: float, right: float) -> DepthMap:
    nearness = np.empty((HEIGHT, WIDTH), np.float32)
    nearness[:, LEFT], nearness[:, RIGHT] = left, right
    return unit(nearness)


def colours(left, right) -> np.ndarray:
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:, LEFT], image[:, RIGHT] = left, right
    return image


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


# --- depth of field ---------------------------------------------------------------------------------


def test_what_is_in_focus_keeps_its_bytes(noise):
    depth = DepthMap(np.full((HEIGHT, WIDTH), 0.4, np.float32))
    np.testing.assert_array_equal(rilievo.depth_of_field(noise, depth, f_number=0.5), noise)
    half = np.full((HEIGHT, WIDTH), 0.5)
    sharp = rilievo.depth_of_field(noise, half.astype(np.float32), focus=0.5, f_number=0.5, highlights=5)
    np.testing.assert_array_equal(sharp, noise)


def test_one_colour_stays_one_colour():
    image = np.full((HEIGHT, WIDTH, 3), (200, 90, 10), np.uint8)
    nearness = np.random.default_rng(2).random((HEIGHT, WIDTH), np.float32)
    blurred = rilievo.depth_of_field(image, nearness, f_number=1, highlights=0)
    assert np.abs(blurred.astype(int) - image).max() <= 1


def test_light_is_neither_lost_nor_made():
    # One small light in the dark, far out of focus: its light is spread, not changed.
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[46:50, 62:66] = 255
    nearness = np.full((HEIGHT, WIDTH), 0.0, np.float32)
    blurred = rilievo.depth_of_field(image, nearness, focus=1.0, f_number=1.4, highlights=0)
    light = linear(blurred)
    radius = 0.0694 * WIDTH / 1.4
    assert light.max() < 0.6
    assert light.sum() / linear(image).sum() == pytest.approx(1, rel=0.02)
    lit = np.argwhere(blurred[..., 0] > 0)
    assert lit.max(0) - lit.min(0) + 1 == pytest.approx([2 * radius + 4] * 2, abs=2)


def test_highlights_out_of_focus_shine_brighter():
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image[46:50, 62:66] = 255
    far = np.zeros((HEIGHT, WIDTH), np.float32)
    plain, bright = (
        rilievo.depth_of_field(image, far, focus=1.0, highlights=strength) for strength in (0, 4)
    )
    assert bright[48, 64, 0] > plain[48, 64, 0] + 20
    np.testing.assert_array_equal(bright[:20], plain[:20])


def test_a_sharp_foreground_does_not_bleed_into_the_background():
    image = colours((255, 0, 0), (0, 0, 255))
    blurred = rilievo.depth_of_field(image, edge(1.0, 0.0), focus=1.0, f_number=1.0, highlights=0)
    # The rim may grow by a pixel, so that soft rims stay with their object.
    background = blurred[2:, WIDTH // 2 + 2 :]
    assert background[..., 0].max() == 0
    np.testing.assert_array_equal(blurred[2:, LEFT], image[2:, LEFT])


def test_a_blurred_foreground_spreads_over_the_background():
    image = colours((255, 0, 0), (0, 0, 255))
    blurred = rilievo.depth_of_field(image, edge(1.0, 0.0), focus=0.0, f_number=1.4, highlights=0)
    red = linear(blurred)[HEIGHT // 2, :, 0]
    radius = 0.0694 * WIDTH / 1.4
    middle = WIDTH // 2
    assert red[middle + 1 - int(radius) : middle + int(radius)].min() > 0.01
    assert red[middle + int(radius) + 3 :].max() == 0
    assert red[: middle - int(radius) - 3].min() == 1
    # It fades over its whole width without a step, half of it through at the rim.
    assert (np.diff(red) <= 1e-3).all()
    assert np.abs(np.diff(red)).max() < 3 / radius
    assert red[middle] == pytest.approx(0.5, abs=0.15)


def test_blur_grows_as_the_f_number_shrinks(noise):
    nearness = np.zeros((HEIGHT, WIDTH), np.float32)
    spread = [
        rilievo.depth_of_field(noise, nearness, focus=1.0, f_number=n, highlights=0).std()
        for n in (16, 8, 4, 2)
    ]
    assert spread == sorted(spread, reverse=True)


def test_the_middle_of_the_picture_is_in_focus_by_default(noise):
    nearness = np.zeros((HEIGHT, WIDTH), np.float32)
    nearness[24:72, 32:96] = 0.8
    blurred = rilievo.depth_of_field(noise, nearness, f_number=1.4)
    np.testing.assert_array_equal(blurred[30:66, 38:90], noise[30:66, 38:90])
    assert (blurred[:10] != noise[:10]).any()


def test_metres_are_turned_over(noise):
    # A lens blurs by inverse distance: 1 and 2 m differ as much as 2 m and infinity.
    metres = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    metres[0, 0], metres[0, 1] = 1.0, 1e6
    relief = _native.Relief(metres, "metric")
    assert relief.nearness[5, 5] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"f_number": 0.1}, "f_number is 0.1"),
        ({"focus": 1.5}, "focus is 1.5"),
        ({"highlights": -1}, "highlights is -1"),
        ({"blades": 2}, "blades is 2"),
    ],
)
def test_wrong_lenses_get_a_sentence(noise, arguments, message):
    with pytest.raises(ValueError, match=message):
        rilievo.depth_of_field(noise, np.zeros((HEIGHT, WIDTH), np.float32), **arguments)


# --- fog --------------------------------------------------------------------------------------------


def test_fog_follows_the_exponential_law():
    image = np.full((1, 3, 3), 255, np.uint8)
    metres = DepthMap(np.array([[1.0, 3.0, 5.0]], np.float32), "metric")
    foggy = rilievo.fog(image, metres, density=1.5, color="#000000")
    left = np.exp(-1.5 * np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(linear(foggy)[0, :, 0], left, atol=0.005)
    np.testing.assert_array_equal(rilievo.fog(image, metres, density=0), image)


def test_thick_fog_is_of_its_colour():
    image = np.zeros((1, 2, 3), np.uint8)
    foggy = rilievo.fog(image, DepthMap(np.array([[0.0, 1.0]], np.float32)), density=50, color="#8040c0")
    assert foggy[0, 0].tolist() == [0x80, 0x40, 0xC0]
    assert foggy[0, 1].tolist() == [0, 0, 0]
    for wrong in ("blue", "#12345", ""):
        with pytest.raises(ValueError, match="no colour"):
            rilievo.fog(image, np.zeros((1, 2), np.float32), color=wrong)


# --- masks ------------------------------------------------------------------------------------------


def test_a_depth_mask_is_one_inside_and_fades_outside():
    nearness = np.linspace(0, 1, 101, dtype=np.float32)[None]
    mask = rilievo.depth_mask(nearness, far=0.4, near=0.6, feather=0.1)[0]
    assert (mask[40:61] == 1).all()
    assert (mask[:30] == 0).all()
    assert (mask[71:] == 0).all()
    assert mask[35] == pytest.approx(0.5, abs=0.01)
    assert (np.diff(mask[30:41]) > 0).all()
    inverse = rilievo.depth_mask(nearness, far=0.4, near=0.6, feather=0.1, invert=True)[0]
    np.testing.assert_allclose(inverse, 1 - mask, atol=1e-6)
    hard = rilievo.depth_mask(nearness, far=0.4, near=0.6, feather=0)[0]
    assert set(hard) == {0.0, 1.0}


def test_a_depth_mask_takes_the_range_it_is_told():
    depth = rilievo.DepthMap(np.linspace(0, 1, 11, dtype=np.float32)[None])
    hard = rilievo.depth_mask(depth, far=0.3, near=0.65, feather=0)
    assert hard.tolist() == [[0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]]
    soft = rilievo.depth_mask(depth, far=0.5, near=1, feather=0.2)
    np.testing.assert_allclose(soft, [[0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1, 1]], atol=1e-6)
    turned = rilievo.depth_mask(depth, far=0.5, near=1, feather=0.2, invert=True)
    np.testing.assert_allclose(turned, [[1, 1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0]], atol=1e-6)
    with pytest.raises(ValueError, match="above the near end"):
        rilievo.depth_mask(depth, far=0.6, near=0.5)
    with pytest.raises(ValueError, match="feather"):
        rilievo.depth_mask(depth, feather=-1)


# --- parallax ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", _native.parallax_presets())
def test_every_camera_comes_back(noise, preset):
    smooth = np.asarray(
        Image.fromarray(noise).resize((8, 6)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    )
    slope = np.linspace(0.2, 0.8, HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, 1)
    frames = rilievo.parallax_frames(smooth, slope, preset=preset, frames=4, strength=4)
    assert frames.shape == (4, HEIGHT, WIDTH, 3)
    assert frames.dtype == np.uint8
    assert (frames[1] != frames[3]).any() or preset.startswith("dolly")
    assert (frames[0] != frames[2]).any() or preset in ("horizontal", "vertical")
    if preset in ("horizontal", "vertical"):
        np.testing.assert_array_equal(frames[0], frames[2])


def test_parallax_is_as_large_as_it_says():
    # A bright bar on a dark ground: near things move against the focus by strength times nearness.
    image = np.zeros((64, 200, 3), np.uint8)
    image[:, 95:105] = 255
    nearness = np.zeros((64, 200), np.float32)
    nearness[:, 93:107] = 1.0
    frames = rilievo.parallax_frames(image, nearness, preset="horizontal", frames=4, strength=5, focus=0.0)
    place = [
        (linear(frame)[32, :, 0] * np.arange(200)).sum() / linear(frame)[32, :, 0].sum() for frame in frames
    ]
    zoom = 1 / (1 - 2 * 0.05)
    assert place[1] - place[0] == pytest.approx(0.05 * 200 * zoom, abs=0.5)
    assert place[0] - place[3] == pytest.approx(0.05 * 200 * zoom, abs=0.5)


def test_what_is_uncovered_is_of_the_background():
    image = np.full((HEIGHT, WIDTH, 3), (0, 0, 200), np.uint8)
    image[30:66, 40:90] = (200, 0, 0)
    nearness = np.zeros((HEIGHT, WIDTH), np.float32)
    nearness[29:67, 39:91] = 1.0
    frames = rilievo.parallax_frames(image, nearness, preset="circle", frames=6, strength=6, focus=0.0)
    area = (frames[..., 0] > 100).sum((1, 2))
    # The square keeps its size, wherever it is seen: neither smeared nor eaten.
    assert area.max() - area.min() < 0.03 * area.mean()
    mixed = (frames[..., 0] > 20) & (frames[..., 0] < 180)
    assert mixed.mean() < 0.03


def test_large_pictures_are_shrunk(noise):
    frames = rilievo.parallax_frames(noise, np.zeros((HEIGHT, WIDTH), np.float32), frames=1, max_size=64)
    assert frames.shape == (1, 48, 64, 3)
    for wrong in ({"frames": 0}, {"strength": 30}, {"preset": "spiral"}, {"max_size": 1}):
        with pytest.raises(ValueError, match=r"must be a number|can be circle"):
            rilievo.parallax_frames(noise, np.zeros((HEIGHT, WIDTH), np.float32), **wrong)


# --- the funnel -------------------------------------------------------------------------------------


def test_the_funnel_makes_all_effects_and_saves_them(noise, tmp_path):
    ramp = np.linspace(0, 1, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, 0)
    outputs = list(
        rilievo.generate(
            noise,
            depth_maps=[DepthMap(ramp)],
            do_output_depth=False,
            gen_dof=True,
            gen_fog=True,
            fog_color="fff",
            gen_depth_mask=True,
            gen_parallax=True,
            parallax_frames=3,
            parallax_fps=10,
        )
    )
    assert [output.kind for output in outputs] == ["dof", "fog", "depth_mask", "parallax"]
    assert outputs[2].payload.dtype == np.uint8
    assert outputs[2].payload.shape == (HEIGHT, WIDTH)
    saver = rilievo.Saver(tmp_path)
    paths = [saver.save(output, "x-0000") for output in outputs]
    assert [path.name for path in paths] == [
        "x-0000-dof.png",
        "x-0000-fog.png",
        "x-0000-depth_mask.png",
        "x-0000-parallax.webp",
    ]
    with Image.open(paths[3]) as animation:
        assert animation.n_frames == 3
        animation.load()
        assert animation.info["duration"] == 100
        assert animation.info["loop"] == 0
    assert outputs[3].image.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("format", ["gif", "png"])
def test_other_animations(noise, tmp_path, format):
    (output,) = rilievo.generate(
        noise,
        depth_maps=[np.zeros((HEIGHT, WIDTH), np.float32)],
        do_output_depth=False,
        gen_parallax=True,
        parallax_frames=2,
        parallax_preset="dolly",
        parallax_strength=10,
        parallax_format=format,
    )
    path = rilievo.Saver(tmp_path).save(output, "x")
    with Image.open(path) as animation:
        assert animation.format == format.upper()


def test_wrong_options_get_a_sentence():
    for options, message in [
        ({"fog_color": "grass"}, "a colour such as"),
        ({"dof_blades": 2}, "3 to 16, or 0"),
        ({"gen_depth_mask": True, "depth_mask_far": 0.9, "depth_mask_near": 0.1}, "swap them"),
    ]:
        with pytest.raises(ValueError, match=message):
            rilievo.Options(**options)


def test_clipping_reaches_the_effects():
    nearness = np.linspace(0, 1, 11, dtype=np.float32)[None]
    (output,) = rilievo.generate(
        np.zeros((1, 11, 3), np.uint8),
        depth_maps=[DepthMap(nearness)],
        do_output_depth=False,
        clipdepth=True,
        clipdepth_near=0.5,
        gen_depth_mask=True,
        depth_mask_far=0.99,
        depth_mask_feather=0.0,
    )
    assert output.payload[0].tolist() == [0] * 5 + [255] * 6


def test_adjusted_depth():
    depth = DepthMap(np.array([[1.0, 2.0, 5.0]], np.float32), "metric")
    np.testing.assert_allclose(rilievo.adjust_depth(depth).values, [[1, 0.75, 0]])
    np.testing.assert_allclose(rilievo.adjust_depth(depth, invert=True).values, [[0, 0.25, 1]])
    kept = rilievo.adjust_depth(np.array([[0.2, 0.4]], np.float32), normalize=False)
    np.testing.assert_allclose(kept.values, [[0.2, 0.4]])
    assert kept.kind == "inverse"


def linear(image: np.ndarray) -> np.ndarray:
    value = image / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
