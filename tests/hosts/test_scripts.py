"""The scripts of txt2img, img2img and Extras, and the helpers, under the host's contract and its traps."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rilievo
from PIL import Image
from rilievo.hosts.webui import DepthExtras, DepthForm, DepthHelpers, DepthScript, generation, helpers, memory
from rilievo.options import Options
from rilievo.ui import fields


def generated(host: Any, *, grid: bool = True, mode: str = "RGB", extra: bool = True) -> Any:
    """What the host gives: a grid first, the pictures, then whatever another script appended."""
    from modules import processing

    def make(p: Any) -> Any:
        pictures = [processing.picture(number, mode) for number in range(len(p.all_prompts))]
        texts = [f"{prompt}\nSeed: {seed}" for prompt, seed in zip(p.all_prompts, p.all_seeds)]
        if grid:
            pictures.insert(0, processing.picture(3, mode))
            texts.insert(0, "grid")
        if extra:
            pictures.append(processing.picture(2))
        return processing.Processed(pictures, texts, int(grid))

    host.processing.result = make
    return make


def values(**changed: Any) -> list[Any]:
    """A script's arguments by position, as its components give them at first, some changed."""
    from rilievo.options import DEFAULTS

    width, height = next(row["net_size"] for row in rilievo.models.table() if row["id"] == "pocket")
    known = {
        **DEFAULTS,
        "net_width": width,
        "net_height": height,
        "refine": "auto",
        "compute_device": "GPU",
        **changed,
    }
    return [known[name] for name in generation.names()]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_only_generated_pictures_are_processed(host: Any, tmp_path: Path, mode: str) -> None:
    generated(host, mode=mode)
    p = host.processing.make(tmp_path)
    processed = DepthScript().run(p, *values(gen_normalmap=True))
    # grid, two pictures, one of another script, and two outputs for each of the two pictures
    assert len(processed.images) == 4 + 4
    for place, (depth, normal) in enumerate(zip(processed.images[4::2], processed.images[5::2]), start=1):
        expected = list(rilievo.generate(processed.images[place].convert("RGB"), gen_normalmap=True))
        np.testing.assert_array_equal(np.asarray(depth), expected[0].payload)
        np.testing.assert_array_equal(np.asarray(normal), expected[1].payload)
    assert processed.infotexts[-4:] == ["a cup\nSeed: 11"] * 2 + ["a drum\nSeed: 12"] * 2
    assert p.extra_generation_params == {"Depth model": "Pocket (embedded)"}
    assert processed.images[4].info["parameters"] == "a cup\nSeed: 11"


def test_files_have_the_hosts_names_and_keep_16_bits(forge: Any, tmp_path: Path) -> None:
    """Also with Forge's traps: its writer changes the caller's picture and cannot write grey ones."""
    generated(forge)
    p = forge.processing.make(tmp_path / "out")
    processed = DepthScript().run(p, *values(gen_normalmap=True))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "00000-11-a cup-depth.png",
        "00000-11-a cup-normalmap.png",
        "00001-12-a drum-depth.png",
        "00001-12-a drum-normalmap.png",
    ]
    saved = Image.open(tmp_path / "out" / names[0])
    np.testing.assert_array_equal(np.asarray(saved), np.asarray(processed.images[4]))
    assert np.asarray(saved).max() > 255
    assert saved.info["parameters"] == "a cup\nSeed: 11"
    assert processed.images[5].mode == "RGB", "the gallery's picture is not the one the writer changed"
    assert processed.images[4].already_saved_as == str(tmp_path / "out" / names[0])


def test_masks_between_the_pictures_are_left_alone(host: Any, tmp_path: Path) -> None:
    from modules import processing

    host.shared.opts.return_mask = True
    masks = [Image.new("RGB", (96, 64), "white")] * 2
    pictures = [processing.picture(0), masks[0], processing.picture(1), masks[1]]
    processed = processing.Processed(pictures, ["first", "second"], 0)
    p = processing.make(tmp_path, mask_for_overlay=masks[0])
    assert generation.generated(p, processed) == [0, 2]
    generation.process(p, processed, Options())
    assert processed.infotexts[2:] == ["first", "second"]


def test_options_by_name_through_the_api(host: Any, tmp_path: Path) -> None:
    generated(host)
    p = host.processing.make(tmp_path, do_not_save_samples=True)
    processed = DepthScript().run(
        p, {"GEN_STEREO": True, "stereo_modes": ["top-bottom"], "do_output_depth": False}
    )
    assert [image.size for image in processed.images[4:]] == [(96, 128)] * 2
    assert list(tmp_path.glob("*.png")) == [], "the caller did not want files"
    with pytest.raises(ValueError, match="there is no option 'depth_of_field'"):
        DepthScript().run(p, {"depth_of_field": 1})
    with pytest.raises(ValueError, match="weights cannot be given here"):
        DepthScript().run(p, {"weights": "/etc/passwd"})


def test_a_model_that_is_not_there_is_an_error_before_anything_is_generated(
    host: Any, tmp_path: Path
) -> None:
    host.processing.result = lambda p: pytest.fail("generated although it cannot be finished")
    with pytest.raises(rilievo.RilievoError, match="depth_anything_v2_small"):
        DepthScript().run(host.processing.make(tmp_path), *values(model_type="Depth Anything v2 Small"))


def test_the_form_goes_with_every_script(host: Any, tmp_path: Path) -> None:
    make = generated(host)
    form = DepthForm()
    p = host.processing.make(tmp_path)
    off = [False, *values()]
    form.process(p, *off)
    processed = make(p)
    form.postprocess(p, processed, *off)
    assert len(processed.images) == 4
    assert p.extra_generation_params == {}
    on = [True, *values()]
    form.process(p, *on)
    form.postprocess(p, processed, *on)
    assert len(processed.images) == 6
    assert p.extra_generation_params == {"Depth model": "Pocket (embedded)"}
    by_name = make(p)
    form.postprocess(p, by_name, {"gen_normalmap": True})
    assert len(by_name.images) == 8


def test_the_form_tells_the_person_what_failed(host: Any, tmp_path: Path) -> None:
    make = generated(host)
    p = host.processing.make(tmp_path)
    processed = make(p)
    with pytest.raises(ValueError, match="clipdepth_far"):
        DepthForm().postprocess(
            p, processed, {"clipdepth": True, "clipdepth_far": 0.9, "clipdepth_near": 0.1}
        )
    assert "clipdepth_far" in processed.comments


def test_meshes_are_written_beside_the_pictures(host: Any, tmp_path: Path) -> None:
    generated(host)
    p = host.processing.make(tmp_path)
    processed = DepthScript().run(p, *values(do_output_depth=False, gen_simple_mesh=True, mesh_format="obj"))
    assert sorted(path.name for path in tmp_path.glob("*.obj")) == [
        "00000-11-a cup-simple.obj",
        "00001-12-a drum-simple.obj",
    ]
    assert len(processed.images) == 4
    assert "00000-11-a cup-simple.obj" in processed.comments
    assert str(tmp_path) not in processed.comments, "clients do not learn the server's folders"


def test_interrupt_and_skip(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated(host)
    p = host.processing.make(tmp_path)
    host.shared.state.interrupted = True
    assert len(DepthScript().run(p, *values()).images) == 4
    host.shared.state.interrupted = False
    # Skip is pressed while the first picture is in work.
    tell = generation.report
    pressed = []

    def press(stage: str, done: int, total: int, picture: int = 0, pictures: int = 1) -> None:
        tell(stage, done, total, picture, pictures)
        if not pressed:
            pressed.append(stage)
            host.shared.state.skipped = True

    monkeypatch.setattr(generation, "report", press)
    processed = DepthScript().run(p, *values(gen_stereo=True))
    assert processed.infotexts[-1] == "a drum\nSeed: 12"
    assert not any("Seed: 11" in text for text in processed.infotexts[4:])
    assert host.shared.state.skipped is False
    assert host.shared.state.textinfo.startswith("depth: ")


def test_jpeg_settings_get_8_bit_pictures_and_16_bit_files(host: Any, tmp_path: Path) -> None:
    generated(host)
    host.shared.opts.samples_format = "jpg"
    processed = DepthScript().run(host.processing.make(tmp_path), *values(gen_normalmap=True))
    assert processed.images[4].mode == "L"
    names = sorted(path.suffix for path in tmp_path.iterdir() if path.is_file())
    assert names == [".jpg", ".jpg", ".png", ".png"]


def test_extras(host: Any) -> None:
    from modules import processing

    extras = DepthExtras()
    pp = host.scripts_postprocessing.PostprocessedImage(processing.picture(0, "RGBA"))
    # The host's API calls every script with None for everything.
    extras.process(pp, enabled=None, gen_stereo=None, model_type=None)
    assert pp.extra_images == []
    extras.process(pp, enabled=True, gen_normalmap=True, model_type=None)
    assert [extra.nametags for extra in pp.extra_images] == [["depth"], ["normalmap"]]
    assert all(extra.disable_processing for extra in pp.extra_images)
    assert pp.extra_images[0].image.mode == "I;16"
    assert pp.info == {"Depth model": "pocket"}


def test_extras_on_forge_stays_writable(forge: Any) -> None:
    from modules import processing

    pp = forge.scripts_postprocessing.PostprocessedImage(processing.picture(0))
    DepthExtras().process(pp, enabled=True)
    assert pp.extra_images[0].image.mode == "RGB"


def test_a_range_of_depth_becomes_the_inpaint_mask(host: Any, tmp_path: Path) -> None:
    p = host.processing.make(tmp_path)
    DepthHelpers().process(p, "inpaint mask", "auto", 0.6, 1.0, 0.0, False, "off")
    near = rilievo.estimate_depth(p.init_images[0]).nearness()
    np.testing.assert_array_equal(np.asarray(p.image_mask), np.where(near >= 0.6, 255, 0))
    assert p.image_mask.mode == "L"
    assert p.extra_generation_params["Depth mask"] == "0.6 to 1, feather 0"
    inverted = host.processing.make(tmp_path)
    DepthHelpers().process(inverted, {"use": "inpaint mask", "far": 0.6, "feather": 0, "invert": True})
    np.testing.assert_array_equal(np.asarray(inverted.image_mask), 255 - np.asarray(p.image_mask))


@pytest.mark.parametrize(("control", "mode"), [("8-bit", "RGB"), ("16-bit", "I;16")])
def test_a_control_map_has_the_size_of_the_result(host: Any, tmp_path: Path, control: str, mode: str) -> None:
    make = generated(host)
    p = host.processing.make(tmp_path)
    arguments = {"control": control}
    DepthHelpers().process(p, arguments)
    processed = make(p)
    DepthHelpers().postprocess(p, processed, arguments)
    depth = processed.images[-1]
    assert depth.mode == mode
    assert depth.size == (p.width, p.height)
    (path,) = tmp_path.glob("*-control.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(depth))


class Tensor:
    """As much of a tensor as the helper uses; its values are an array's."""

    def __init__(self, values: Any, device: str = "cpu", dtype: str = "float32") -> None:
        self.values, self.device, self.dtype = values, device, dtype
        self.shape = values.shape

    def __getitem__(self, place: int) -> Tensor:
        return Tensor(self.values[place], self.device, self.dtype)

    def float(self) -> Tensor:
        return Tensor(self.values, self.device)

    def cpu(self) -> Tensor:
        return Tensor(self.values, "cpu", self.dtype)

    def numpy(self) -> Any:
        assert (self.device, self.dtype) == ("cpu", "float32"), "numpy sees only these"
        return self.values

    def to(self, device: str, dtype: str) -> Tensor:
        return Tensor(self.values, device, dtype)


def test_depth_takes_the_place_of_midas_before_a_depth2img_checkpoint(
    host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=Tensor))
    p = host.processing.make(tmp_path)
    p.batch_size = 3
    DepthHelpers().process(p, {"use": "depth2img input"})
    picture = np.asarray(p.init_images[0].convert("RGB").resize((96, 64)))
    source = Tensor((picture.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32), "cuda:0", "float16")
    found = p.depth2img_image_conditioning(source)
    assert found.shape == (3, 1, 8, 12)
    assert (found.device, found.dtype) == ("cuda:0", "float16")
    assert found.values.dtype == np.float32
    assert found.values.flags.c_contiguous
    assert (found.values == found.values[:1]).all()
    assert (found.values.min(), found.values.max()) == (-1.0, 1.0)
    near = rilievo.estimate_depth(picture).nearness()
    blocks = near.reshape(8, 8, 12, 8).mean(axis=(1, 3))
    assert np.corrcoef(blocks.ravel(), found.values[0, 0].ravel())[0, 1] > 0.98
    DepthHelpers().postprocess(p, generated(host)(p), {"use": "depth2img input"})
    assert not rilievo.loaded.LOADED, "the setting says that models are not kept"


def test_a_flat_picture_conditions_without_dividing_by_nothing(
    host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=Tensor))
    flat = rilievo.DepthMap(np.full((64, 96), 2.0, np.float32))
    monkeypatch.setattr(helpers, "estimate", lambda *_: flat)
    of = helpers.conditioning(host.processing.make(tmp_path), Options())
    found = of(Tensor(np.zeros((1, 3, 64, 96), np.float32)))
    assert np.isfinite(found.values).all()


def test_helpers_that_fail_say_so(host: Any, tmp_path: Path) -> None:
    make = generated(host)
    p = host.processing.make(tmp_path)
    with pytest.raises(ValueError, match=r"far end of the depth mask, 0\.9, is above the near end, 0\.1"):
        DepthHelpers().process(p, {"use": "inpaint mask", "far": 0.9, "near": 0.1})
    processed = make(p)
    DepthHelpers().postprocess(p, processed, {"use": "inpaint mask"})
    assert "the far end of the depth mask, 0.9, is above the near end, 0.1" in processed.comments
    with pytest.raises(ValueError, match="knows no blur"):
        helpers.arguments([{"blur": 3}])


def test_the_graphics_card_is_asked_for_and_given_back(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "uses_gpu", lambda options: True)
    with memory.room(Options()):
        assert host.devices.calls == ["checkpoint to cpu"]
    assert host.devices.calls == ["checkpoint to cpu", "gc", "checkpoint to gpu"]
    host.devices.calls.clear()
    with pytest.raises(ZeroDivisionError), memory.room(Options()):
        raise ZeroDivisionError
    assert host.devices.calls[-1] == "checkpoint to gpu"
    monkeypatch.setattr(host.sd_models.model_data, "sd_model", None)
    host.devices.calls.clear()
    with memory.room(Options()):
        pass
    assert host.devices.calls == []


def test_nothing_is_moved_for_a_run_on_the_processor(host: Any) -> None:
    with memory.room(Options(compute_device="cpu")):
        pass
    assert host.devices.calls == []


def test_models_stay_loaded_only_if_the_setting_says_so(host: Any, tmp_path: Path) -> None:
    generated(host)
    DepthScript().run(host.processing.make(tmp_path), *values())
    assert not rilievo.loaded.LOADED
    host.shared.opts.data["depthmap_script_keepmodels"] = True
    DepthScript().run(host.processing.make(tmp_path), *values())
    assert rilievo.loaded.LOADED


def test_settings_have_the_keys_of_the_reference(host: Any) -> None:
    from rilievo.hosts.webui.settings import read, settings_page

    settings_page()
    known = host.shared.opts.data_labels
    assert set(known) == {
        f"depthmap_script_{name}"
        for name in (
            "keepmodels",
            "show_3d",
            "gen_heatmap_from_ui",
            "extra_stereomodes",
            "mesh_maxsize",
            "boost_rmax",
        )
    }
    # The host's API makes floats of numbers.
    host.shared.opts.data["depthmap_script_mesh_maxsize"] = 512.0
    host.shared.opts.data["depthmap_script_gen_heatmap_from_ui"] = True
    assert read().mesh_maxsize == 512
    from rilievo.hosts.webui.host import WebUIHost

    assert "gen_heatmap" in fields.names(WebUIHost())
    assert not {"mesh_maxsize", "boost_rmax"} & set(fields.names(WebUIHost()))
    assert len(WebUIHost().stereo_modes()) == 5


def test_every_form_can_be_built_and_read(host: Any) -> None:
    import gradio as gr

    with gr.Blocks() as blocks:
        script = DepthScript().ui(False)
        form = DepthForm()
        always = form.ui(True)
        extras = DepthExtras().ui()
        DepthHelpers().ui(True)
    assert fields.to_options(dict(zip(generation.names(), [part.value for part in script]))) == Options(
        compute_device="GPU"
    )
    assert len(always) == len(script) + 1
    assert next(iter(extras)) == "enabled"
    assert "gen_simple_mesh" not in extras
    labels = [block.label for block in script]
    assert all(labels)
    assert len(set(labels)) == len(labels), "the host stores values by label"
    ids = [block.elem_id for block in blocks.blocks.values() if getattr(block, "elem_id", None)]
    assert len(set(ids)) == len(ids)
