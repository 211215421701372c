"""Clips: frames in time share one scale, and memory does not grow with their number."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import rilievo
from rilievo.clips import FRAME

HEIGHT, WIDTH = 40, 56


def frame(number: int) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([(x * 5 + number) % 256, y * 6 % 256, (x + y) * 2 % 256], -1).astype(np.uint8)


def ramp(low: float, high: float, kind: str = "inverse") -> rilievo.DepthMap:
    values = np.linspace(low, high, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    return rilievo.DepthMap(values, kind)


FRAMES = [frame(number) for number in range(3)]


def payloads(outputs, kind="depth"):
    return [output.payload for output in outputs if output.kind == kind]


def test_one_range_for_all_frames():
    maps = [ramp(0, 10), ramp(5, 20)]
    outputs = list(rilievo.generate_clip(FRAMES[:2], depth_maps=maps))
    assert [(output.index, output.kind) for output in outputs] == [(0, "depth"), (1, "depth")]
    first, second = payloads(outputs)
    assert (first.min(), second.max()) == (0, 65535)
    assert abs(int(first.max()) - 32767) <= 1
    assert abs(int(second.min()) - 16383) <= 1
    each = payloads(rilievo.generate_clip(FRAMES[:2], depth_maps=maps, scale="frame"))
    for one, image, depth_map in zip(each, FRAMES, maps):
        np.testing.assert_array_equal(one, payloads(rilievo.generate(image, depth_maps=[depth_map]))[0])


@pytest.mark.parametrize("kind", ["inverse", "depth", "metric"])
def test_a_clip_of_one_frame_is_that_picture(kind):
    asked = {"gen_heatmap": True, "gen_stereo": True, "gen_simple_mesh": True, "gen_camera_normalmap": True}
    for more in ({}, {"clipdepth": True, "clipdepth_far": 0.2, "clipdepth_near": 0.7}):
        depth = ramp(1.5, 17, kind)
        clip = list(rilievo.generate_clip(FRAMES[:1], depth_maps=[depth], **asked, **more))
        alone = list(rilievo.generate(FRAMES[0], depth_maps=[depth], **asked, **more))
        assert [output.kind for output in clip] == [output.kind for output in alone]
        for one, other in zip(clip, alone):
            if one.kind == "simple_mesh":
                np.testing.assert_array_equal(one.payload.vertices, other.payload.vertices)
            else:
                np.testing.assert_array_equal(one.payload, other.payload, err_msg=one.kind)


def test_effects_share_the_range_too():
    maps = [ramp(0, 10), ramp(5, 20)]
    asked = {
        "do_output_depth": False,
        "gen_depth_mask": True,
        "depth_mask_far": 0.4,
        "depth_mask_feather": 0.0,
    }
    masks = payloads(rilievo.generate_clip(FRAMES[:2], depth_maps=maps, **asked), "depth_mask")
    for mask, depth in zip(masks, maps):
        np.testing.assert_array_equal(mask, (depth.values >= 8) * np.uint8(255))


@pytest.mark.parametrize("kind", ["inverse", "metric"])
def test_outliers_are_those_of_all_pixels(kind):
    values = np.random.default_rng(3).gamma(2.0, 3.0, (3, HEIGHT, WIDTH)).astype(np.float32) + 0.5
    maps = [rilievo.DepthMap(one, kind) for one in values]
    clip = {"clipdepth": True, "clipdepth_mode": "Outliers", "clipdepth_far": 0.1, "clipdepth_near": 0.85}
    found = np.stack(payloads(rilievo.generate_clip(FRAMES, depth_maps=maps, **clip)))
    tall = rilievo.DepthMap(values.reshape(-1, WIDTH), kind)
    expected = tall.to_u16(clip="Outliers", far=0.1, near=0.85).reshape(found.shape)
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=1)


def test_depth_pictures_keep_their_scale_and_what_was_not_measured_is_far():
    gray = [np.full((HEIGHT, WIDTH), level, np.uint16) for level in (10000, 40000)]
    found = payloads(rilievo.generate_clip(iter(FRAMES[:2]), depth_maps=iter(gray)))
    np.testing.assert_array_equal(np.stack(found), np.stack(gray))
    metres = [np.full((HEIGHT, WIDTH), distance, np.float32) for distance in (2, 6)]
    metres[0][:5] = 0
    near, far = payloads(rilievo.generate_clip(FRAMES[:2], depth_maps=metres, depth_map_kind="metric"))
    assert (near[:5] == 0).all()
    assert (near[5:] == 65535).all()
    assert (far == 0).all()


def test_frames_that_come_only_once_are_put_by():
    clip = payloads(rilievo.generate_clip(FRAMES, gen_fog=True), "fog")
    once = payloads(rilievo.generate_clip(iter(FRAMES), gen_fog=True), "fog")
    stacked = payloads(rilievo.generate_clip(np.stack(FRAMES), gen_fog=True), "fog")
    np.testing.assert_array_equal(np.stack(clip), np.stack(once))
    np.testing.assert_array_equal(np.stack(clip), np.stack(stacked))
    assert len(clip) == 3


@pytest.mark.parametrize("scale", ["clip", "frame"])
def test_memory_does_not_grow_with_the_number_of_frames(scale):
    def peak(count: int) -> int:
        def frames() -> Iterator[np.ndarray]:
            return (np.full((200, 300, 3), number % 256, np.uint8) for number in range(count))

        def maps() -> Iterator[rilievo.DepthMap]:
            line = np.linspace(0, 1, 300, dtype=np.float32)
            return (rilievo.DepthMap(line[None].repeat(200, 0) + number) for number in range(count))

        tracemalloc.start()
        for output in rilievo.generate_clip(frames(), depth_maps=maps(), scale=scale, gen_heatmap=True):
            assert output.payload.size
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    few, many = peak(4), peak(60)
    # One frame with its depth is 420 kB; sixty would be 25 MB.
    assert many < few + 200_000


def test_every_frame_is_told_and_a_clip_can_be_stopped():
    steps = []
    list(rilievo.generate_clip(FRAMES, progress=lambda *step: steps.append(step)))
    assert [step for step in steps if step[0] == FRAME] == [(FRAME, 1, 3), (FRAME, 2, 3), (FRAME, 3, 3)]
    cancel = threading.Event()

    def progress(stage, done, total):
        if stage == FRAME:
            cancel.set()

    maps = [ramp(0, 1)] * 3
    with pytest.raises(rilievo.Cancelled):
        list(rilievo.generate_clip(FRAMES, depth_maps=maps, progress=progress, cancel=cancel))


def test_what_does_not_go_together_is_a_sentence():
    with pytest.raises(ValueError, match="scale is 'video'; it can be clip or frame"):
        rilievo.generate_clip(FRAMES, scale="video")
    for count in (2, 4):
        with pytest.raises(ValueError, match="give one entry a frame"):
            list(rilievo.generate_clip(FRAMES, depth_maps=[ramp(0, 1)] * count))
    with pytest.raises(ValueError, match="no scale in common"):
        list(rilievo.generate_clip(FRAMES[:2], depth_maps=[ramp(1, 2), ramp(1, 2, "metric")]))
    assert list(rilievo.generate_clip([])) == []
