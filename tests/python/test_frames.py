"""Clips: frames drawn when they are asked for, and files they are written to one by one."""

import pickle
import threading

import numpy as np
import pytest
import rilievo
from PIL import Image, ImageSequence
from rilievo import _native
from rilievo.watch import Watch

HEIGHT, WIDTH = 60, 80
OPTIONS = {"preset": "circle", "frames": 5, "strength": 8.0, "focus": None, "max_size": 64}


@pytest.fixture(scope="module")
def scene():
    noise = np.random.default_rng(5).integers(0, 256, (12, 16, 3), np.uint8)
    image = np.asarray(Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    depth[20:40, 25:55] = 1.0
    return image, _native.Relief(depth)


def animation(path):
    with Image.open(path) as file:
        frames = [
            (np.asarray(frame.convert("RGB")), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(file)
        ]
        return file.info.get("loop"), frames


def write_with_pillow(path, frames, fps):
    first, *others = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=others, duration=round(1000 / fps), loop=0)


def write(path, format, frames, fps):
    height, width, _ = frames[0].shape
    with _native.AnimationWriter(path, format, width, height, len(frames), fps) as writer:
        for frame in frames:
            if format == "png":
                writer.add(frame)
            else:
                indexed = Image.fromarray(frame).convert("P", palette=Image.Palette.ADAPTIVE)
                writer.add(np.asarray(indexed), np.array(indexed.getpalette(), np.uint8).reshape(-1, 3))


def test_frames_are_drawn_in_any_order(scene):
    image, relief = scene
    seen = []
    clip = _native.ParallaxFrames(image, relief, OPTIONS, Watch(lambda *step: seen.append(step)))
    assert (len(clip), clip.size) == (5, (64, 48))
    frames = list(clip)
    whole = rilievo.parallax_frames(image, np.asarray(relief.nearness), **OPTIONS)
    np.testing.assert_array_equal(np.stack(frames), whole)
    np.testing.assert_array_equal(clip.frame(3, Watch(lambda *step: seen.append(step))), frames[3])
    assert seen == [("parallax", 0, 5), ("parallax", 4, 5)]
    np.testing.assert_array_equal(clip[1], frames[1])
    assert [frame.dtype for frame in clip] == [np.uint8] * 5
    with pytest.raises(ValueError, match="there is no frame 5"):
        clip.frame(5)
    stop = threading.Event()
    stop.set()
    with pytest.raises(rilievo.Cancelled):
        clip.frame(0, Watch(cancel=stop))
    with pytest.raises(ValueError, match="spiral"):
        _native.ParallaxFrames(image, relief, OPTIONS | {"preset": "spiral"})


@pytest.mark.parametrize("max_size", [64, 1024])
def test_a_clip_pickles(scene, max_size):
    clip = _native.ParallaxFrames(*scene, OPTIONS | {"max_size": max_size})
    again = pickle.loads(pickle.dumps(clip))
    for one, other in zip(clip, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("format", ["png", "gif"])
@pytest.mark.parametrize(("count", "fps"), [(7, 24), (2, 16), (1, 24)])
def test_a_file_says_what_pillow_would_say(tmp_path, scene, format, count, fps):
    frames = list(_native.ParallaxFrames(*scene, OPTIONS | {"frames": count}))
    ours, theirs = tmp_path / f"ours.{format}", tmp_path / f"theirs.{format}"
    write(ours, format, frames, fps)
    write_with_pillow(theirs, frames, fps)
    (loop, shown), (their_loop, expected) = animation(ours), animation(theirs)
    assert loop == their_loop
    assert len(shown) == len(expected) == count
    for (frame, duration), (their_frame, their_duration) in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(frame, their_frame)
        if count > 1:
            assert duration == their_duration


def test_an_animation_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "a.png"
    frame = np.zeros((3, 4, 3), np.uint8)

    def begin(path=path, format="png", width=4, frames=2, fps=24):
        return _native.AnimationWriter(path, format, width, 3, frames, fps)

    def fail(error):
        with begin() as writer:
            writer.add(frame)
            if error:
                raise error

    with pytest.raises(KeyError):
        fail(KeyError())
    with pytest.raises(ValueError, match="1 of 2 frames"):
        fail(None)
    writer = begin()
    writer.abort()
    with pytest.raises(ValueError, match="finished or given up"):
        writer.finish()
    for wrong in ({"format": "webp"}, {"frames": 0}, {"fps": 0}, {"width": 0}):
        with pytest.raises(ValueError, match=r"give|can be|choose"):
            begin(**wrong)
    with pytest.raises(FileNotFoundError):
        begin(tmp_path / "none" / "a.png")
    assert not list(tmp_path.iterdir())
