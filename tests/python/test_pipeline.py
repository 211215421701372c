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


def test_a_long_run_of_the_network_is_told_and_stops_at_its_next_step(small):
    steps = []
    rilievo.estimate_depth(small, progress=lambda *step: steps.append(step))
    assert "network" not in [stage for stage, _, _ in steps], "telling would take longer than computing"
    cancel = threading.Event()

    def progress(stage, done, total):
        steps.append((stage, done))
        if (stage, done) == ("network", 2):
            cancel.set()

    with pytest.raises(rilievo.Cancelled):
        rilievo.estimate_depth(
            small.resize((1024, 1024)), net_size=(1024, 1024), progress=progress, cancel=cancel
        )
    assert steps[-1] == ("network", 2)


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
    from rilievo.loaded import LOADED

    def load_two():
        rilievo.unload_models()
        for tiling in (False, True):
            rilievo.estimate_depth(small, "pocket", tiling=tiling)
        return len(LOADED)

    assert load_two() == 1
    rilievo.keep_models_loaded()
    assert load_two() == 2
    rilievo.keep_models_loaded(False)
    assert len(LOADED) == 1
    rilievo.unload_models()
    assert not LOADED


def run_alone(path: Path, **options: object) -> dict[str, Path]:
    """The files that one picture becomes, by kind."""
    saver = rilievo.Saver(path)
    stem = saver.start("a")
    depth_map = options.pop("depth_map", None)
    picture = options.pop("picture")
    maps = None if depth_map is None else [depth_map]
    return {
        output.kind: saver.save(output, stem)
        for output in rilievo.generate(picture, depth_maps=maps, do_output_depth=False, **options)
    }


def test_every_mesh_and_cloud_lands_on_disk(small, tmp_path):
    for kind, names in {
        "glb": ["a-0000-simple.glb"],
        "obj": ["a-0000-simple.obj"],
        "obj-textured": ["a-0000-simple-texture.png", "a-0000-simple.mtl", "a-0000-simple.obj"],
        "ply": ["a-0000-simple.ply"],
    }.items():
        files = run_alone(tmp_path / kind, picture=small, gen_simple_mesh=True, mesh_format=kind)
        assert sorted(path.name for path in (tmp_path / kind).iterdir()) == names
        assert files["simple_mesh"].name == names[-1]
    assert b"mtllib a-0000-simple.mtl" in (tmp_path / "obj-textured/a-0000-simple.obj").read_bytes()[:200]


def test_axes_of_meshes_and_clouds(small, tmp_path):
    depth = rilievo.DepthMap(np.full((64, 96), 2, np.float32), "metric")
    more = {"picture": small, "depth_map": depth, "gen_simple_mesh": True, "gen_point_cloud": True}
    for number, (options, mesh_axes, cloud_axes) in enumerate(
        [
            ({"mesh_format": "obj"}, "pytorch3d", "gltf"),
            ({"mesh_format": "ply"}, "gltf", "gltf"),
            ({"mesh_format": "ply", "mesh_axes": "blender"}, "blender", "blender"),
            ({"mesh_format": "obj", "mesh_axes": "opencv"}, "opencv", "opencv"),
        ]
    ):
        files = run_alone(tmp_path / str(number), **more, **options)
        assert rilievo.read_mesh(files["simple_mesh"]).axes == mesh_axes
        cloud = rilievo.read_mesh(files["point_cloud"])
        assert cloud.axes == cloud_axes
        # The first point is the picture's top left one.
        direction = {"gltf": (-1, 1, -1), "blender": (-1, 1, 1), "opencv": (-1, -1, 1)}[cloud_axes]
        assert tuple(np.sign(cloud.vertices[0])) == direction


def test_metres_and_intrinsics_make_a_measured_cloud(small, tmp_path):
    millimetres = np.full((64, 96), 2500, np.uint16)
    millimetres[:, :5] = 0  # nothing measured there
    Image.fromarray(millimetres).save(tmp_path / "depth.png")
    common = {"picture": small, "gen_point_cloud": True, "camera_intrinsics": "80,90,47.5,31.5"}
    files = run_alone(
        tmp_path / "out",
        depth_map=tmp_path / "depth.png",
        depth_map_kind="metric",
        depth_map_scale=0.001,
        output_depth_values=True,
        depth_values_format="png",
        mesh_axes="opencv",
        **common,
    )
    cloud = rilievo.read_mesh(files["point_cloud"])
    rows, columns = np.mgrid[:64, 5:96]
    expected = np.stack([(columns - 47.5) / 80, (rows - 31.5) / 90, np.ones_like(rows)], -1) * 2.5
    np.testing.assert_allclose(cloud.vertices, expected.reshape(-1, 3), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(cloud.colors, np.asarray(small)[:, 5:].reshape(-1, 3))
    # Written and read again, the millimetres are the same.
    np.testing.assert_array_equal(np.asarray(Image.open(files["depth_values"])), millimetres)
    for extension in ("npy", "exr", "tiff"):
        path = tmp_path / f"depth.{extension}"
        rilievo.save_depth(path, (millimetres / 1000).astype(np.float32))
        again = run_alone(
            tmp_path / extension, depth_map=path, depth_map_kind="metric", mesh_axes="opencv", **common
        )
        np.testing.assert_allclose(
            rilievo.read_mesh(again["point_cloud"]).vertices, cloud.vertices, rtol=1e-6
        )


def test_what_was_not_measured_is_far_in_pictures(small):
    metres = np.full((64, 96), 3, np.float32)
    metres[:, 50:] = 1
    metres[10:20, 60:70] = 0
    (output,) = rilievo.generate(small, depth_maps=[metres], depth_map_kind="metric")
    assert (output.payload[10:20, 60:70] == 0).all()
    assert output.payload[0, 60] == 65535


def test_thinning_and_flying_pixels_are_options(small):
    metres = np.full((64, 96), 3, np.float32)
    metres[:, 48:] = 1

    def count(**options):
        (output,) = rilievo.generate(
            small, depth_maps=[rilievo.DepthMap(metres, "metric")], do_output_depth=False,
            gen_point_cloud=True, **options
        )  # fmt: skip
        return len(output.payload.vertices)

    assert count(point_cloud_edges=0) == 64 * 96
    assert count() == 64 * 94
    assert 100 < count(point_cloud_voxel=0.1) < 64 * 48


def test_depth_values_are_the_networks_own(small, tmp_path):
    depth = rilievo.DepthMap(np.linspace(1, 7, 64 * 96, dtype=np.float32).reshape(64, 96), "metric")
    for extension, read in {
        "npy": np.load,
        "tiff": lambda path: np.asarray(Image.open(path)),
        "exr": lambda path: rilievo.DepthMap.from_numbers(path, "metric").values,
        "png": lambda path: np.asarray(Image.open(path)) / 1000,
    }.items():
        files = run_alone(
            tmp_path / extension,
            picture=small,
            depth_map=depth,
            output_depth_values=True,
            depth_values_format=extension,
        )
        assert files["depth_values"].name == f"a-0000-values.{extension}"
        np.testing.assert_allclose(
            read(files["depth_values"]), depth.values, atol=0.0005 if extension == "png" else 0
        )


def test_camera_normals_and_their_green(small):
    depth = rilievo.DepthMap(np.linspace(1, 2, 64, dtype=np.float32)[:, None].repeat(96, 1), "metric")
    made = {
        green: {
            output.kind: output.payload
            for output in rilievo.generate(
                small,
                depth_maps=[depth],
                do_output_depth=False,
                gen_normalmap=True,
                gen_camera_normalmap=True,
                normalmap_green=green,
            )
        }
        for green in ("opengl", "directx")
    }
    for kind in ("normalmap", "camera_normalmap"):
        up, down = made["opengl"][kind].astype(int), made["directx"][kind].astype(int)
        # Near is above: the surface looks down.
        assert (up[5:-5, 5:-5, 1] < 120).all(), kind
        assert (down[5:-5, 5:-5, 1] > 135).all(), kind
        np.testing.assert_array_equal(up[..., [0, 2]], down[..., [0, 2]])
    np.testing.assert_array_equal(
        rilievo.camera_normal_map(depth, green="directx"), made["directx"]["camera_normalmap"]
    )


def test_hole_masks_and_single_eyes_are_modes(small):
    depth = np.zeros((64, 96), np.uint16)
    depth[20:40, 30:60] = 60000
    outputs = {
        output.kind: output
        for output in rilievo.generate(
            small,
            depth_maps=[depth],
            gen_stereo=True,
            stereo_divergence=10,
            stereo_modes=["left-only", "only-right", "left-holes", "right-holes"],
        )
    }
    *_, left, right = rilievo.stereo_eyes(small, depth, divergence=10)
    for kind, holes in (("left-holes", left), ("right-holes", right)):
        assert holes.any()
        np.testing.assert_array_equal(outputs[kind].payload, np.dstack([holes] * 3) * np.uint8(255))


def test_transparency_moves_along_if_asked(small, tmp_path):
    alpha = np.zeros((64, 96), np.uint8)
    alpha[20:40, 30:60] = 255
    rgba = np.dstack([np.asarray(small), alpha])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    depth = (alpha > 0).astype(np.uint16) * 60000
    asked = {
        "gen_stereo": True,
        "stereo_modes": ["only-right", "red-cyan-anaglyph"],
        "do_output_depth": False,
    }
    for picture in (rgba, Image.fromarray(rgba), tmp_path / "a.png"):
        eye, anaglyph = rilievo.generate(picture, depth_maps=[depth], stereo_alpha=True, **asked)
        assert eye.payload.shape == (64, 96, 4)
        # 2.5 % of 96 pixels, half of it this eye's: one pixel and a bit to the left.
        assert (eye.payload[30, 29, 3], eye.payload[30, 57, 3]) == (255, 255)
        assert eye.payload[30, 59, 3] < 255
        assert anaglyph.payload.shape == (64, 96, 3)
        opaque, _ = rilievo.generate(picture, depth_maps=[depth], **asked)
        assert opaque.payload.shape == (64, 96, 3)
    np.testing.assert_array_equal(
        rilievo.stereo_images(rgba, depth, modes=["only-right"], alpha=True)["only-right"], eye.payload
    )


@pytest.mark.parametrize("text", ["1,2,3", "0,1,2,3", "a,b,c,d", "1,1,nan,1", "1,2,3,4,5"])
def test_impossible_intrinsics_are_named(text):
    with pytest.raises(ValueError, match="camera_intrinsics"):
        rilievo.Options(camera_intrinsics=text)


def test_options_that_do_not_go_together():
    with pytest.raises(ValueError, match="simple_mesh_spherical"):
        rilievo.Options(camera_intrinsics="1,1,1,1", simple_mesh_spherical=True)
    with pytest.raises(ValueError, match="mesh_axes"):
        rilievo.Options(gen_simple_mesh=True, mesh_axes="blender")


def test_a_network_takes_the_names_of_generate_and_the_short_ones(small):
    one = rilievo.estimate_depth(small, "pocket", net_width=128, net_height=96, compute_device="cpu")
    other = rilievo.estimate_depth(small, "pocket", net_size=(128, 96), device="cpu")
    np.testing.assert_array_equal(one.values, other.values)
    with pytest.raises(TypeError, match=r"gen_stereo.*net_width"):
        rilievo.estimate_depth(small, gen_stereo=True)
