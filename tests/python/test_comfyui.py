"""The ComfyUI nodes' contracts, without ComfyUI: a stand-in with the host's few functions, arrays for tensors."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import rilievo
from PIL import Image
from rilievo.depth import stretched_together
from rilievo.hosts import comfyui
from rilievo.hosts.comfyui import host, models, sockets, widgets
from rilievo.options import rows

ROOT = Path(__file__).parents[2]
NODES = comfyui.NODE_CLASS_MAPPINGS
TYPES = {"IMAGE", "MASK", "DEPTH_MAP", "DEPTH_MODEL", "MESH", "STRING", "INT", "FLOAT", "BOOLEAN"}


class Interrupted(BaseException):
    pass


@pytest.fixture
def comfy(monkeypatch, tmp_path):
    """A stand-in for the host: records progress, has folders, can be interrupted."""
    state = SimpleNamespace(interrupted=False, bars=[], freed=[], root=tmp_path)
    for name in ("input", "output", "models"):
        (tmp_path / name).mkdir()

    def module(name, **members):
        made = ModuleType(name)
        vars(made).update(members)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    class Bar:
        def __init__(self, total):
            self.total, self.seen, self.previews = total, [], []
            state.bars.append(self)

        def update_absolute(self, value, total=None, preview=None):
            self.seen.append(value)
            if preview:
                self.previews.append(preview)

    def throw():
        if state.interrupted:
            state.interrupted = False
            raise Interrupted

    module("comfy")
    module("comfy.utils", ProgressBar=Bar)
    module("comfy.cli_args", args=SimpleNamespace(disable_metadata=False))
    module(
        "comfy.model_management",
        processing_interrupted=lambda: state.interrupted,
        throw_exception_if_processing_interrupted=throw,
        get_torch_device=lambda: SimpleNamespace(type="cuda"),
        free_memory=lambda size, device: state.freed.append(size),
        vram_state=SimpleNamespace(name="NORMAL_VRAM"),
    )
    module("torch", from_numpy=lambda array: array)
    folders = {}

    def save_path(prefix, folder, width, height):
        sub, _, name = prefix.rpartition("/")
        full = Path(folder, sub)
        full.mkdir(parents=True, exist_ok=True)
        return str(full), name, 1, sub, prefix

    module(
        "folder_paths",
        models_dir=str(tmp_path / "models"),
        folder_names_and_paths=folders,
        add_model_folder_path=lambda key, path: folders.setdefault(key, ([], set()))[0].append(path),
        get_folder_paths=lambda key: folders[key][0],
        get_input_directory=lambda: str(tmp_path / "input"),
        get_output_directory=lambda: str(tmp_path / "output"),
        get_annotated_filepath=lambda name: str(tmp_path / "input" / name),
        get_save_image_path=save_path,
    )
    monkeypatch.setattr(rilievo.models, "_extra", [])
    models.register_folder()
    return state


@pytest.fixture
def batch():
    photo = Image.open(ROOT / "docs/photos/portrait_astronaut.jpg").convert("RGB").resize((80, 64))
    first = np.asarray(photo, np.float32) / 255
    return np.stack([first, first[:, ::-1]])


@pytest.fixture
def ramp():
    return np.linspace(0, 1, 80, dtype=np.float32)[None, None].repeat(64, 1)


def run(name, **inputs):
    """What a node gives back, by output name; widgets that are not given have their defaults."""
    node = NODES[name]()
    declared = node.INPUT_TYPES()
    given = {}
    for section in ("required", "optional"):
        for key, (_, *more) in declared.get(section, {}).items():
            if more and "default" in more[0]:
                given[key] = more[0]["default"]
    result = getattr(node, node.FUNCTION)(**{**given, **inputs})
    result = result["result"] if isinstance(result, dict) else result
    assert len(result) == len(node.RETURN_TYPES)
    return dict(zip(node.RETURN_NAMES, result))


# --- what every node must keep to -------------------------------------------------------------------


@pytest.mark.parametrize("name", NODES)
def test_every_node_keeps_the_contract(name, comfy):
    node = NODES[name]
    assert name == node.ID
    assert name.startswith("Rilievo")
    assert comfyui.NODE_DISPLAY_NAME_MAPPINGS[name] == node.TITLE
    assert node.CATEGORY == "depth"
    assert node.DESCRIPTION.endswith(".")
    assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(node.OUTPUT_TOOLTIPS)
    assert set(node.RETURN_TYPES) <= TYPES
    assert len(set(node.RETURN_NAMES)) == len(node.RETURN_NAMES)
    if hasattr(node, "OUTPUT_IS_LIST"):
        assert len(node.OUTPUT_IS_LIST) == len(node.RETURN_TYPES)
    declared = node.INPUT_TYPES()
    assert set(declared) <= {"required", "optional", "hidden"}
    parameters = inspect.signature(getattr(node, node.FUNCTION)).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for section in ("required", "optional"):
        for key, (kind, about) in declared.get(section, {}).items():
            assert takes_any or key in parameters, key
            assert about["tooltip"], key
            if isinstance(kind, list):
                assert key in ("file",) or about["default"] in kind, key
            else:
                assert set(kind.split(",")) <= TYPES, key
            if kind in ("INT", "FLOAT"):
                assert about["min"] <= about["default"] <= about["max"], key
                assert about["step"] > 0, key
                assert isinstance(about["default"], int if kind == "INT" else float), key
            if section == "optional" and not isinstance(kind, list) and kind not in TYPES:
                assert parameters[key].default is None
    json.dumps(declared)


def test_the_table_of_nodes_that_people_expect():
    assert sorted(comfyui.NODE_DISPLAY_NAME_MAPPINGS.values()) == [
        "Depth Adjust",
        "Depth Estimate",
        "Depth Mask",
        "Depth of Field",
        "Depth to Mesh",
        "Depth to Point Cloud",
        "Fog",
        "Heat Map",
        "Load 16-bit Depth",
        "Load Depth Model",
        "Normal Map",
        "Parallax Frames",
        "Save 16-bit Depth",
        "Stereo Image",
    ]


def test_saved_workflows_find_the_sockets_and_widgets_they_know(monkeypatch):
    """Workflows keep the values of widgets by position, and links by the names and types of sockets."""
    monkeypatch.setattr(models, "labels", lambda: ["auto", "pocket"])
    expected = json.loads((ROOT / "tests/golden/comfyui_nodes.json").read_text())
    found = {}
    for name, node in NODES.items():
        inputs = {
            section: [
                [key, kind, more[0].get("default") if more else None]
                for key, (kind, *more) in (
                    (key, [put] if isinstance(put, str) else put) for key, put in declared.items()
                )
            ]
            for section, declared in node.INPUT_TYPES().items()
        }
        found[name] = {
            "title": node.TITLE,
            "category": node.CATEGORY,
            "returns": [list(pair) for pair in zip(node.RETURN_TYPES, node.RETURN_NAMES)],
            "inputs": inputs,
        }
    assert found == expected


def test_widgets_go_there_and_back():
    for group in ("network", "stereo", "normal", "mesh", "dof", "fog", "mask", "parallax"):
        names = [name for name in widgets.group(group) if rows()[name].type != "several"]
        made = widgets.widgets(names)
        back = widgets.values(names, {name: about["default"] for name, (_, about) in made.items()})
        assert rilievo.Options(**back) == rilievo.Options(), group


def test_nothing_of_the_host_is_imported_by_importing():
    code = (
        "import sys, rilievo.hosts.comfyui; "
        "print([name for name in ('torch', 'comfy', 'folder_paths', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_door_says_what_to_do_when_the_wheel_is_missing(tmp_path):
    code = f"""
import importlib.util, sys
sys.modules["rilievo"] = None
spec = importlib.util.spec_from_file_location("custom_nodes_rilievo", {str(ROOT / "__init__.py")!r})
try:
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "need the wheel of rilievo" in done.stdout
    assert "pip install" in done.stdout
    assert "install.py" in done.stdout


def test_the_door_hands_over():
    spec = importlib.util.spec_from_file_location("custom_nodes_rilievo", ROOT / "__init__.py")
    door = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(door)
    assert door.NODE_CLASS_MAPPINGS is NODES


# --- depth ------------------------------------------------------------------------------------------


def test_an_image_alone_becomes_depth(comfy, batch):
    out = run("RilievoDepthEstimate", image=batch)
    assert out["image"].shape == batch.shape
    assert out["image"].dtype == np.float32
    assert out["mask"].shape == batch.shape[:3]
    np.testing.assert_array_equal(out["image"][..., 0], out["mask"])
    assert len(np.unique(out["mask"][0])) > 256
    for plane in out["mask"]:
        assert (plane.min(), plane.max()) == (0, 1)
    assert len(out["depth_map"]) == 2
    assert out["depth_map"].maps[0].kind == "inverse"
    inverted = run("RilievoDepthEstimate", image=batch, invert=True)
    np.testing.assert_allclose(inverted["mask"], 1 - out["mask"], atol=1e-6)


def test_a_batch_can_share_one_scale_or_none(comfy, batch):
    dim = np.stack([batch[0], batch[0] * 0.2 + 0.4])
    together = run("RilievoDepthEstimate", image=dim, normalization="whole batch")
    assert (together["mask"].min(), together["mask"].max()) == (0, 1)
    raw = run("RilievoDepthEstimate", image=dim, normalization="raw")
    low, high = raw["mask"].min(), raw["mask"].max()
    np.testing.assert_allclose(together["mask"], (raw["mask"] - low) / (high - low), atol=1e-5)
    np.testing.assert_array_equal(raw["mask"][0], raw["depth_map"].maps[0].values)
    # What follows keeps that scale instead of stretching frame by frame.
    np.testing.assert_array_equal(together["depth_map"].given(1), together["mask"][1])


def test_the_network_has_most_of_a_frames_bar(comfy):
    run = host.NodeRun(2)
    for step in [("prepare", 1, 1), ("network", 1, 2), ("network", 2, 2), ("upsample", 1, 1)]:
        run.step(*step)
    run.finished()
    run.step("parallax", 1, 4)
    (bar,) = comfy.bars
    assert bar.seen == [5, 45, 85, 99, 100, 125]


def test_progress_goes_up_frame_by_frame_with_previews(comfy, batch):
    run("RilievoDepthEstimate", image=batch)
    (bar,) = comfy.bars
    assert bar.seen == sorted(bar.seen)
    assert bar.seen[-1] == bar.total == 200
    assert 100 in bar.seen
    assert len(bar.previews) == 2
    format, picture, side = bar.previews[0]
    assert (format, picture.size, side) == ("JPEG", (80, 64), 512)


def test_a_whole_batch_is_told_frame_by_frame_too(comfy, batch):
    run("RilievoDepthEstimate", image=batch, normalization="whole batch")
    (bar,) = comfy.bars
    assert bar.seen == sorted(bar.seen)
    assert 100 in bar.seen
    assert bar.seen[-1] == bar.total == 200
    assert len(bar.previews) == 2


@pytest.mark.parametrize("name", ["RilievoDepthEstimate", "RilievoDepthOfField", "RilievoStereoImage"])
def test_an_interrupt_leaves_as_the_host_expects(comfy, batch, ramp, name):
    comfy.interrupted = True
    inputs = {"image": batch} if name == "RilievoDepthEstimate" else {"image": batch, "depth": ramp}
    with pytest.raises(Interrupted):
        run(name, **inputs)
    assert not comfy.interrupted


def test_room_is_made_on_the_gpu_and_given_back(comfy, batch, monkeypatch):
    unloaded = []
    monkeypatch.setattr(rilievo, "unload", lambda: unloaded.append(True))
    run("RilievoDepthEstimate", image=batch)
    assert len(comfy.freed) == 1
    assert not unloaded
    run("RilievoDepthEstimate", image=batch, depth_model=models.DepthModel("pocket", "cpu"))
    assert len(comfy.freed) == 1
    run("RilievoDepthEstimate", image=batch, depth_model=models.DepthModel("pocket", keep_loaded=False))
    assert len(unloaded) == 1
    sys.modules["comfy.model_management"].vram_state.name = "LOW_VRAM"
    run("RilievoDepthEstimate", image=batch)
    assert len(unloaded) == 2


def test_adjust_does_what_the_function_does(comfy, ramp):
    out = run("RilievoDepthAdjust", depth=ramp, clip="range", far=0.25, near=0.75, gamma=2.0, invert=True)
    expected = rilievo.adjust_depth(
        rilievo.DepthMap(ramp[0]), clip="Range", far=0.25, near=0.75, gamma=2.0, invert=True
    )
    np.testing.assert_array_equal(out["mask"][0], expected.values)
    kept = run("RilievoDepthAdjust", depth=ramp * 0.5, normalization="keep")
    np.testing.assert_allclose(kept["mask"], ramp * 0.5)
    together = run(
        "RilievoDepthAdjust", depth=np.concatenate([ramp * 0.5, ramp]), normalization="whole batch"
    )
    np.testing.assert_allclose(together["mask"][0], ramp[0] * 0.5, atol=1e-6)


def test_depth_comes_from_any_socket(comfy, batch, ramp):
    picture = ramp[..., None].repeat(3, 3)
    by_mask, by_picture = (run("RilievoHeatMap", depth=depth)["image"] for depth in (ramp, picture))
    np.testing.assert_array_equal(by_mask, by_picture)
    assert by_mask.shape == (1, 64, 80, 3)
    normal = run("RilievoNormalMap", depth=ramp, sobel_kernel=5)["normal"]
    expected = rilievo.normal_map(ramp[0], sobel=5)
    np.testing.assert_allclose(normal[0], expected / np.float32(255), atol=1e-6)


# --- models -----------------------------------------------------------------------------------------


def test_missing_models_are_marked_and_labels_last(comfy):
    labels = models.labels()
    assert labels[:2] == ["auto", "pocket"]
    missing = next(label for label in labels if label.startswith("depth_anything_v2_small"))
    assert missing == "depth_anything_v2_small (download, 99 MB)"
    node = NODES["RilievoLoadDepthModel"]
    for label in (missing, "depth_anything_v2_small", "auto"):
        assert node.VALIDATE_INPUTS(label) is True
    assert "there is no model 'nonsense'" in node.VALIDATE_INPUTS("nonsense")


def test_models_are_found_in_the_hosts_folders(comfy):
    before = NODES["RilievoLoadDepthModel"].IS_CHANGED("depth_anything_v2_small")
    for folder in ("models/depthanything", "models/rilievo"):
        path = comfy.root / folder / "depth_anything_v2_vits.pth"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"weights")
        assert "depth_anything_v2_small" in models.labels()
        assert models.row_of("depth_anything_v2_small")["path"] == str(path)
    assert NODES["RilievoLoadDepthModel"].IS_CHANGED("depth_anything_v2_small") != before


def test_a_folder_of_extra_model_paths_comes_first(comfy, tmp_path):
    extra = tmp_path / "elsewhere"
    sys.modules["folder_paths"].folder_names_and_paths["rilievo"][0].insert(0, str(extra))
    models.use_folders()
    assert rilievo.models.folders()[0] == str(extra)


def test_a_missing_model_offline_gets_a_sentence(comfy, monkeypatch):
    monkeypatch.setenv("RILIEVO_OFFLINE", "1")
    with pytest.raises(ValueError, match=r"downloads are switched off .* by hand"):
        run("RilievoLoadDepthModel", model="depth_anything_v2_small (download, 99 MB)")


# --- the others -------------------------------------------------------------------------------------


def test_stereo(comfy, batch, ramp):
    out = run("RilievoStereoImage", image=batch, depth=ramp, divergence=8.0, fill_technique="none")
    assert out["stereoscope"].shape == (2, 64, 160, 3)
    np.testing.assert_array_equal(out["stereoscope"][:, :, :80], out["left"])
    np.testing.assert_array_equal(out["stereoscope"][:, :, 80:], out["right"])
    assert set(np.unique(out["left_holes"])) == {0, 1}
    holes = out["left_holes"][0] > 0
    assert out["left"][0][holes].max() == 0
    anaglyph = run("RilievoStereoImage", image=batch, depth=ramp, mode="red-cyan-anaglyph")
    assert anaglyph["stereoscope"].shape == batch.shape
    mask = run("RilievoStereoImage", image=batch, depth=ramp, mode="left-holes", divergence=8.0)
    np.testing.assert_array_equal(mask["stereoscope"][..., 0], mask["left_holes"])


def test_depth_of_another_size_is_resized_or_refused(comfy, batch, ramp):
    half = ramp[:, ::2, ::2]
    assert run("RilievoStereoImage", image=batch, depth=half)["left"].shape == batch.shape
    with pytest.raises(ValueError, match="40x32 but the image is 80x64"):
        run("RilievoFog", image=batch, depth=sockets.Depths((rilievo.DepthMap(half[0]),)))
    with pytest.raises(ValueError, match="2 images but 3 depth maps"):
        run("RilievoFog", image=batch, depth=np.concatenate([ramp] * 3))


@pytest.mark.parametrize("name", ["RilievoDepthOfField", "RilievoFog", "RilievoParallax", "RilievoDepthMask"])
def test_effects(comfy, batch, ramp, name):
    inputs = {"depth": ramp} if name == "RilievoDepthMask" else {"image": batch, "depth": ramp}
    if name == "RilievoParallax":
        inputs["frames"] = 3
    ((_, value),) = run(name, **inputs).items()
    count = {"RilievoParallax": 6, "RilievoDepthMask": 1}.get(name, 2)
    assert value.shape[0] == count
    assert value.shape[1:3] == (64, 80)
    assert value.dtype == np.float32
    assert 0 <= value.min() < value.max() <= 1


def test_metres_of_a_whole_batch_are_turned_over_for_effects(comfy):
    metres = [np.full((4, 5), z, np.float32) for z in (1.0, 2.0, 100.0)]
    maps = tuple(rilievo.DepthMap(plane, "metric") for plane in metres)
    together = sockets.Depths(maps, stretched_together(maps))
    masks = [run("RilievoDepthMask", depth=together, far=far, feather=0.0)["mask"] for far in (0.51, 0.49)]
    # 2 m is half way between 1 m and (nearly) infinity.
    assert [mask[:, 0, 0].tolist() for mask in masks] == [[1, 0, 0], [1, 1, 0]]


def test_meshes(comfy, batch, ramp):
    out = run("RilievoDepthToMesh", image=batch, depth=ramp)
    assert out["mesh_path"] == ["mesh/rilievo_00001_.glb", "mesh/rilievo_00002_.glb"]
    for path in out["mesh_path"]:
        assert (comfy.root / "output" / path).read_bytes()[:4] == b"glTF"
    mesh = out["mesh"][0]
    assert mesh.vertices.shape == (1, 64 * 80, 3)
    assert mesh.vertices.dtype == np.float32
    assert mesh.faces.shape[0] == 1
    # Upright and in front of the camera, as in glTF.
    assert mesh.vertices[0, :, 2].max() < 0
    assert mesh.vertices[0, 0, 1] > mesh.vertices[0, -1, 1]
    cloud = run("RilievoDepthToPointCloud", image=batch[:1], depth=ramp)
    assert (comfy.root / "output" / cloud["path"][0]).read_bytes()[:3] == b"ply"


@pytest.mark.parametrize("format", ["png16", "exr", "npy", "tiff"])
def test_depth_files_keep_all_bits(comfy, ramp, format):
    metres = sockets.Depths((rilievo.DepthMap(1 + 4 * ramp[0], "metric"),))
    (path,) = run("RilievoSaveDepth", depth=metres, format=format, prompt={"1": {}})["path"]
    source = comfy.root / "output" / path
    target = comfy.root / "input" / source.name
    target.write_bytes(source.read_bytes())
    load = NODES["RilievoLoadDepth"]
    assert target.name in load.INPUT_TYPES()["required"]["file"][0]
    assert load.VALIDATE_INPUTS(target.name) is True
    assert "not in ComfyUI's input folder" in load.VALIDATE_INPUTS("nothing.png")
    if format == "png16":
        loaded = run("RilievoLoadDepth", file=target.name)
        np.testing.assert_allclose(loaded["mask"][0], 1 - ramp[0], atol=1 / 65535)
        with Image.open(source) as picture:
            assert picture.mode.startswith("I")
            assert json.loads(picture.text["prompt"]) == {"1": {}}
    else:
        loaded = run("RilievoLoadDepth", file=target.name, meaning="metric")
        np.testing.assert_array_equal(loaded["depth_map"].maps[0].values, metres.maps[0].values)
        np.testing.assert_allclose(loaded["mask"][0], 1 - ramp[0], atol=1e-6)


def test_without_a_host_there_are_no_folders():
    assert host.module("comfy.utils") is None
    assert host.input_files((".png",)) == []


# --- the registry and the examples ------------------------------------------------------------------


def test_the_registry_finds_what_it_wants():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    comfy = project["tool"]["comfy"]
    assert comfy["PublisherId"]
    assert comfy["DisplayName"]
    assert project["project"]["urls"]["Repository"].startswith("https://")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "example_workflows").glob("**/*.json")), ids=lambda path: path.stem
)
def test_examples_use_nodes_and_inputs_that_exist(path, comfy):
    workflow = json.loads(path.read_text())
    if path.parent.name == "api":
        ours = [(node["class_type"], set(node["inputs"])) for node in workflow.values()]
    else:
        ours = [(node["type"], {put["name"] for put in node["inputs"]}) for node in workflow["nodes"]]
        assert path.with_suffix(".jpg").exists()
    ours = [(name, inputs) for name, inputs in ours if name.startswith("Rilievo")]
    assert ours
    for name, inputs in ours:
        declared = NODES[name].INPUT_TYPES()
        assert inputs <= set(declared["required"]) | set(declared.get("optional", {})), name
        assert set(declared["required"]) <= inputs, name


def test_every_node_is_in_an_example_or_makes_files():
    used = set()
    for path in (ROOT / "example_workflows" / "api").glob("*.json"):
        used |= {node["class_type"] for node in json.loads(path.read_text()).values()}
    assert set(NODES) - used <= {"RilievoLoadDepth"}
