"""Outputs: every kind is saved, looked at, described and pickled in the same way."""

from __future__ import annotations

import gc
import io
import os
import pickle
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rilievo
from PIL import Image
from rilievo import Frames, Numbers, Picture, Solid, recipes
from rilievo.options import Options
from rilievo.outputs import MEDIA_TYPES, Output, extension
from rilievo.recipes import KINDS, RECIPES, asking_for
from rilievo.watch import Watch

HEIGHT, WIDTH = 24, 32


def picture() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 7 % 256, y * 9 % 256, (x + y) * 4 % 256], -1).astype(np.uint8)


def depth() -> rilievo.DepthMap:
    return rilievo.DepthMap(
        np.linspace(1, 9, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH), "metric"
    )


@pytest.fixture(scope="module")
def outputs() -> dict[str, Output]:
    options = Options(**asking_for(KINDS), parallax_frames=3)
    return {output.kind: output for output in rilievo.generate(picture(), options, depth_maps=[depth()])}


def same(one: Output, other: Output) -> bool:
    if isinstance(one.content, Solid):
        parts = ("vertices", "faces", "colors", "uv", "texture")
        pairs = [(getattr(one.payload, part), getattr(other.payload, part)) for part in parts]
        return all((a is None and b is None) or np.array_equal(a, b) for a, b in pairs)
    return np.array_equal(one.payload, other.payload)


@pytest.mark.parametrize("kind", KINDS)
def test_every_output_is_saved_in_every_format_of_its_recipe(outputs, kind, tmp_path):
    for format in KINDS[kind].formats:
        assert format in MEDIA_TYPES
        path = outputs[kind].save(tmp_path / "new folder" / f"a.{format}")
        file = io.BytesIO()
        outputs[kind].save(file, format)
        assert file.getvalue() == path.read_bytes(), format
        assert file.getvalue()
        before = path.read_bytes()
        path.write_bytes(b"older")
        with pytest.raises(FileExistsError):
            outputs[kind].save(path, overwrite=False)
        assert path.read_bytes() == b"older"
        outputs[kind].save(path)
        assert path.read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_every_output_describes_itself_and_comes_back_from_a_pickle(outputs, kind):
    output = outputs[kind]
    again = pickle.loads(pickle.dumps(output))
    assert (again.index, again.kind, again.format, again.save_options) == (
        output.index, output.kind, output.format, output.save_options
    )  # fmt: skip
    assert same(again, output)
    assert again.content.describe() == output.content.describe()
    if isinstance(output.content, Solid):
        assert set(output.content.describe()) == {"vertices", "faces"}
        with pytest.raises(TypeError, match="not a picture"):
            _ = output.preview
    else:
        size = output.content.describe()
        assert output.preview.size == (size["width"], size["height"])
        assert output.preview.mode in ("L", "RGB", "RGBA")


def test_the_loop_of_the_readme_saves_everything_under_its_usual_name(outputs, tmp_path):
    for output in outputs.values():
        path = output.save(tmp_path / f"{output.index}-{output.kind}")
        assert path.name == f"0-{output.kind}.{extension(output.format or KINDS[output.kind].formats[0])}"
    assert len(list(tmp_path.iterdir())) == len(KINDS)


def test_what_cannot_be_is_refused_and_leaves_what_was_there(outputs, tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"older")
    with pytest.raises(
        ValueError, match=r"a\.jpg: this cannot be saved as 'jpg'; it can be png, npy, exr, tiff"
    ):
        outputs["depth"].save(path)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        outputs["fog"].save(path)
    assert path.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_an_obj_with_its_material_is_three_files_or_none(outputs, tmp_path):
    mesh = outputs["simple_mesh"].content
    mesh.save(tmp_path / "a.obj", "obj-textured")
    assert sorted(os.listdir(tmp_path)) == ["a-texture.png", "a.mtl", "a.obj"]
    Solid(mesh.mesh, "obj-textured").save(tmp_path / "b.obj")
    assert b"mtllib b.mtl" in (tmp_path / "b.obj").read_bytes()
    with pytest.raises(ValueError, match="more than one file"):
        mesh.save(io.BytesIO(), "obj-textured")


def test_floats_have_the_bits_they_are_asked_for(tmp_path):
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(2, 0)
    np.testing.assert_array_equal(Picture(ramp).pixels[0], np.arange(256))
    Picture(ramp, bits=16).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png"))[0], np.arange(256) * 257)
    with pytest.raises(ValueError, match="'png8'"):
        Numbers(depth()).save(tmp_path / "a.npy", "png8")


class Counted:
    """Frames that are made when asked for, and counted while they live."""

    size = (WIDTH, HEIGHT)

    def __init__(self, count: int):
        self.count, self.alive, self.most = count, 0, 0

    def __len__(self) -> int:
        return self.count

    def frame(self, index: int, watch: Watch) -> np.ndarray:
        made = np.roll(picture(), index, axis=1)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(made, self._gone)
        return made

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_clip_is_saved_frame_by_frame(count, tmp_path):
    source = Counted(count)
    Frames(source, 20).save(tmp_path / "a.webp")
    gc.collect()
    assert source.most <= 3
    with Image.open(tmp_path / "a.webp") as film:
        assert getattr(film, "n_frames", 1) == count
        assert film.size == (WIDTH, HEIGHT)
    assert Frames(source).describe() == {"width": WIDTH, "height": HEIGHT, "frames": count}


@pytest.mark.parametrize("format", ["webp", "gif", "png"])
def test_a_clip_is_the_same_from_an_array_and_frame_by_frame(outputs, format):
    frames = outputs["parallax"].content
    lazy = Counted(len(frames))
    lazy.frame = lambda index, watch: frames.plain[index]
    files = []
    for clip in (frames, Frames(lazy, frames.rate)):
        files.append(io.BytesIO())
        clip.save(files[-1], format)
    assert files[0].getvalue() == files[1].getvalue()


def test_an_output_is_added_in_one_place(monkeypatch, tmp_path):
    """What CONTRIBUTING.md says: a function, and everything else follows."""
    for table in (RECIPES, KINDS):
        # Taken out again afterwards.
        monkeypatch.setitem(table, "edges", None)

    @recipes._recipe("edges", "gen_heatmap", "heatmap", ("png", "webp"))
    def _edges(scene, watch):
        return Picture((np.abs(np.diff(scene.depth_u16.astype(int), axis=1)) > 400).astype(np.float32))

    found = {output.kind: output for output in rilievo.generate(picture(), gen_heatmap=True)}
    assert list(found) == ["depth", "heatmap", "edges"]
    assert recipes.asking_for(["edges"])["gen_heatmap"] is True
    path = rilievo.Saver(tmp_path).save(found["edges"], "a")
    assert path.name == "a-edges.png"


def test_depth_alone_is_enough_for_what_does_not_look_at_the_picture():
    (heat,) = rilievo.generate([None], depth_maps=[depth()], do_output_depth=False, gen_heatmap=True)
    np.testing.assert_array_equal(heat.payload, rilievo.heat_map(depth()))
    with pytest.raises(ValueError, match="no picture"):
        list(rilievo.generate([None], depth_maps=[depth()], gen_fog=True))
    with pytest.raises(ValueError, match="no picture"):
        list(rilievo.generate([None]))


def test_a_network_runs_only_for_what_needs_depth(monkeypatch):
    def estimate(*_):
        raise AssertionError("nothing asked for depth")

    monkeypatch.setattr("rilievo.scene.estimate", estimate)
    assert list(rilievo.generate(picture(), do_output_depth=False)) == []
    with pytest.raises(AssertionError):
        list(rilievo.generate(picture()))


def test_an_export_of_a_path_is_returned_and_a_file_object_has_none(outputs, tmp_path):
    assert outputs["depth"].save(str(tmp_path / "a.TIFF")) == Path(tmp_path, "a.TIFF")
    assert outputs["depth"].save(io.BytesIO()) is None


def test_a_predicted_camera_reaches_what_is_built_in_space() -> None:
    picture = np.zeros((6, 8, 3), np.uint8)
    values = np.full((6, 8), 2.0, np.float32)
    alone = rilievo.DepthMap(values, "metric")
    seen = rilievo.DepthMap(values, "metric", intrinsics=(10.0, 11.0, 3.0, 2.0))

    def built(depth: rilievo.DepthMap, **options: Any) -> Any:
        outputs = rilievo.generate(
            picture,
            do_output_depth=False,
            gen_simple_mesh=True,
            gen_point_cloud=True,
            depth_maps=[depth],
            **options,
        )
        return [output.payload.camera for output in outputs]

    assert built(seen) == [((10.0, 11.0, 3.0, 2.0), 8, 6)] * 2
    # Another camera goes before the predicted one, however it is described.
    assert built(seen, simple_mesh_fov=70) == built(alone, simple_mesh_fov=70)
    assert built(seen, camera_intrinsics="5,5,4,3") == [((5.0, 5.0, 4.0, 3.0), 8, 6)] * 2
    assert built(seen, simple_mesh_spherical=True) == [(None, 8, 6)] * 2
    mesh, cloud = rilievo.simple_mesh(picture, seen), rilievo.point_cloud(seen)
    assert mesh.camera == cloud.camera == ((10.0, 11.0, 3.0, 2.0), 8, 6)
    clip = rilievo.generate_clip(
        [picture] * 2, do_output_depth=False, gen_simple_mesh=True, depth_maps=[seen] * 2
    )
    assert [output.payload.camera for output in clip] == [((10.0, 11.0, 3.0, 2.0), 8, 6)] * 2


@pytest.mark.parametrize("spherical", [False, True])
def test_a_pickled_mesh_is_saved_as_the_mesh_itself(tmp_path: Path, spherical: bool) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)
    (output,) = rilievo.generate(
        picture,
        do_output_depth=False,
        gen_simple_mesh=True,
        simple_mesh_spherical=spherical,
        depth_maps=[rilievo.DepthMap(np.full((6, 8), 2.0, np.float32), "metric")],
    )
    again = pickle.loads(pickle.dumps(output))
    assert output.save(tmp_path / "a.glb").read_bytes() == again.save(tmp_path / "b.glb").read_bytes()
