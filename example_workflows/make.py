"""Makes the example workflows in both of ComfyUI's formats, from the lists below.

    python example_workflows/make.py http://127.0.0.1:8188

asks a running ComfyUI (with these nodes) which inputs its nodes have; so the
files are laid out and filled in as its own editor would do it. Preview pictures
are made by ``tests/hosts/real_comfyui.py --previews``.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Ships with ComfyUI, in its input folder.
PICTURE = {"image": "example.png"}

# Each node: its name here, its class, its inputs. An input "name.2" is output 2 of that node.
Nodes = list[tuple[str, str, dict[str, Any]]]
WORKFLOWS: dict[str, tuple[str, Nodes]] = {
    "depth": (
        "Depth, heat map and normal map of an image. The best network on this machine is used; Load Depth Model "
        "chooses another one, or downloads it.",
        [
            ("load", "LoadImage", PICTURE),
            ("model", "RilievoLoadDepthModel", {"model": "auto"}),
            ("depth", "RilievoDepthEstimate", {"image": "load.0", "depth_model": "model.0"}),
            (
                "adjust",
                "RilievoDepthAdjust",
                {"depth": "depth.2", "clip": "outliers", "far": 0.02, "near": 0.98},
            ),
            ("normal", "RilievoNormalMap", {"depth": "depth.2"}),
            ("heat", "RilievoHeatMap", {"depth": "depth.2"}),
            ("show_depth", "PreviewImage", {"images": "adjust.0"}),
            ("show_normal", "PreviewImage", {"images": "normal.0"}),
            ("show_heat", "PreviewImage", {"images": "heat.0"}),
            ("save", "RilievoSaveDepth", {"depth": "depth.2", "filename_prefix": "depth/example"}),
        ],
    ),
    "stereo_from_batch": (
        "Stereo pictures of a batch. Put the frames of a video in place of the two images: with 'whole batch' they "
        "share one depth scale and do not flicker.",
        [
            ("load", "LoadImage", PICTURE),
            ("other", "LoadImage", PICTURE),
            ("batch", "ImageBatch", {"image1": "load.0", "image2": "other.0"}),
            ("depth", "RilievoDepthEstimate", {"image": "batch.0", "normalization": "whole batch"}),
            ("stereo", "RilievoStereoImage", {"image": "batch.0", "depth": "depth.2", "mode": "left-right"}),
            (
                "anaglyph",
                "RilievoStereoImage",
                {"image": "batch.0", "depth": "depth.2", "mode": "dubois-anaglyph", "convergence": 0.5},
            ),
            ("holes", "MaskToImage", {"mask": "stereo.3"}),
            ("save", "SaveImage", {"images": "stereo.0", "filename_prefix": "stereo/example"}),
            ("show_anaglyph", "PreviewImage", {"images": "anaglyph.0"}),
            ("show_holes", "PreviewImage", {"images": "holes.0"}),
        ],
    ),
    "depth_controlnet": (
        "The depth of an image guides a new one. Needs a Stable Diffusion 1.5 checkpoint and a depth ControlNet.",
        [
            ("load", "LoadImage", PICTURE),
            ("depth", "RilievoDepthEstimate", {"image": "load.0"}),
            ("show_depth", "PreviewImage", {"images": "depth.0"}),
            ("checkpoint", "CheckpointLoaderSimple", {"ckpt_name": "v1-5-pruned-emaonly-fp16.safetensors"}),
            (
                "control",
                "ControlNetLoader",
                {"control_net_name": "control_v11f1p_sd15_depth_fp16.safetensors"},
            ),
            (
                "positive",
                "CLIPTextEncode",
                {"clip": "checkpoint.1", "text": "a glass sculpture, studio light"},
            ),
            ("negative", "CLIPTextEncode", {"clip": "checkpoint.1", "text": "blurry, low quality"}),
            (
                "apply",
                "ControlNetApplyAdvanced",
                {
                    "positive": "positive.0",
                    "negative": "negative.0",
                    "control_net": "control.0",
                    "image": "depth.0",
                    "strength": 0.8,
                },
            ),
            ("latent", "EmptyLatentImage", {"width": 512, "height": 512}),
            (
                "sample",
                "KSampler",
                {
                    "model": "checkpoint.0",
                    "positive": "apply.0",
                    "negative": "apply.1",
                    "latent_image": "latent.0",
                },
            ),
            ("decode", "VAEDecode", {"samples": "sample.0", "vae": "checkpoint.2"}),
            ("save", "SaveImage", {"images": "decode.0", "filename_prefix": "controlnet/example"}),
        ],
    ),
    "mesh_preview": (
        "A textured mesh of an image, to be turned around in Preview 3D, and a point cloud.",
        [
            ("load", "LoadImage", PICTURE),
            ("depth", "RilievoDepthEstimate", {"image": "load.0"}),
            ("mesh", "RilievoDepthToMesh", {"image": "load.0", "depth": "depth.2"}),
            ("show_mesh", "Preview3D", {"model_file": "mesh.1"}),
            (
                "points",
                "RilievoDepthToPointCloud",
                {"image": "load.0", "depth": "depth.2", "format": "glb"},
            ),
            ("show_points", "Preview3D", {"model_file": "points.0"}),
        ],
    ),
    "parallax_video": (
        "A loop in which the camera moves a little around the image, as a video.",
        [
            ("load", "LoadImage", PICTURE),
            ("depth", "RilievoDepthEstimate", {"image": "load.0"}),
            (
                "parallax",
                "RilievoParallax",
                {"image": "load.0", "depth": "depth.2", "frames": 48, "maxsize": 768},
            ),
            ("video", "CreateVideo", {"images": "parallax.0", "fps": 24.0}),
            ("save", "SaveVideo", {"video": "video.0", "filename_prefix": "video/parallax", "format": "mp4"}),
        ],
    ),
    "depth_of_field_and_fog": (
        "The image through a lens of large aperture, in fog, and cut out by depth.",
        [
            ("load", "LoadImage", PICTURE),
            ("depth", "RilievoDepthEstimate", {"image": "load.0"}),
            ("lens", "RilievoDepthOfField", {"image": "load.0", "depth": "depth.2", "f_number": 1.8}),
            ("fog", "RilievoFog", {"image": "load.0", "depth": "depth.2"}),
            ("mask", "RilievoDepthMask", {"depth": "depth.2", "far": 0.5}),
            ("mask_image", "MaskToImage", {"mask": "mask.0"}),
            ("show_lens", "PreviewImage", {"images": "lens.0"}),
            ("show_fog", "PreviewImage", {"images": "fog.0"}),
            ("show_mask", "PreviewImage", {"images": "mask_image.0"}),
        ],
    ),
}

WIDTH, GAP = 320, 60
SHOWING = {"PreviewImage", "SaveImage", "Preview3D", "SaveVideo", "LoadImage", "RilievoSaveDepth"}


def main(address: str) -> None:
    """Writes all files."""
    with urllib.request.urlopen(address.rstrip("/") + "/object_info") as answer:
        known = json.load(answer)
    for name, (text, nodes) in WORKFLOWS.items():
        api = api_format(nodes, known)
        write(HERE / "api" / f"{name}.json", api)
        write(HERE / f"{name}.json", editor_format(text, nodes, api, known))


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def declared(about: dict[str, Any]) -> list[tuple[str, Any, dict[str, Any], bool]]:
    """The inputs of a node: name, type, settings, whether it may be left out."""
    return [
        (name, spec[0], spec[1] if len(spec) > 1 else {}, section == "optional")
        for section in ("required", "optional")
        for name, spec in about["input"].get(section, {}).items()
    ]


def is_widget(kind: Any, settings: dict[str, Any]) -> bool:
    return (
        isinstance(kind, list) or kind in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
    ) and not settings.get("forceInput")


def usual(kind: Any, settings: dict[str, Any]) -> Any:
    """What a widget shows at first."""
    if "default" in settings:
        return settings["default"]
    choices = kind if isinstance(kind, list) else settings.get("options", [])
    if choices or isinstance(kind, list):
        return choices[0] if choices else ""
    return {"INT": 0, "FLOAT": 0.0, "BOOLEAN": False}.get(kind, "")


def api_format(nodes: Nodes, known: dict[str, Any]) -> dict[str, Any]:
    """The format of the HTTP API."""
    numbers = {name: str(number) for number, (name, _, _) in enumerate(nodes, 1)}
    workflow = {}
    for name, kind, given in nodes:
        inputs: dict[str, Any] = {}
        for key, type_, settings, _ in declared(known[kind]):
            value = given.get(key, usual(type_, settings) if is_widget(type_, settings) else None)
            source, _, slot = value.partition(".") if isinstance(value, str) else ("", "", "")
            if source in numbers and slot.isdigit():
                inputs[key] = [numbers[source], int(slot)]
            elif value is not None:
                inputs[key] = value
        unknown = set(given) - set(inputs)
        assert not unknown, f"{kind} has no input {unknown}"
        workflow[numbers[name]] = {
            "class_type": kind,
            "inputs": inputs,
            "_meta": {"title": known[kind]["display_name"]},
        }
    return workflow


def editor_format(text: str, nodes: Nodes, api: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The format of the editor: the same with places, sizes and links."""
    columns: dict[str, int] = {}
    for number, node in api.items():
        sources = [value[0] for value in node["inputs"].values() if isinstance(value, list)]
        columns[number] = max((columns[source] + 1 for source in sources), default=0)
    bottoms: dict[int, int] = {}
    links: list[list[Any]] = []
    made: dict[str, dict[str, Any]] = {}
    for order, (number, node) in enumerate(api.items()):
        kind = node["class_type"]
        about = known[kind]
        inputs, widgets = [], []
        for key, type_, settings, _ in declared(about):
            link = None
            value = node["inputs"].get(key)
            shown = "COMBO" if isinstance(type_, list) else type_
            if isinstance(value, list):
                links.append([len(links) + 1, int(value[0]), value[1], int(number), len(inputs), shown])
                link = len(links)
                source = made[value[0]]["outputs"][value[1]]
                source["links"] = [*(source["links"] or []), link]
                links[-1][5] = source["type"]
            entry: dict[str, Any] = {"name": key, "type": shown, "link": link}
            if is_widget(type_, settings):
                entry["widget"] = {"name": key}
                widgets.append("" if link else value)
                if settings.get("control_after_generate") or (kind == "KSampler" and key == "seed"):
                    widgets.append("fixed")
                if settings.get("image_upload"):
                    widgets.append("image")
            inputs.append(entry)
        height = 60 + 24 * (len(widgets) + max(len(inputs) - len(widgets), len(about["output"])))
        height += 260 if kind in SHOWING else 0
        column = columns[number]
        top = bottoms.get(column, 120)
        bottoms[column] = top + height + GAP
        made[number] = {
            "id": int(number),
            "type": kind,
            "pos": [40 + column * (WIDTH + 100), top],
            "size": [WIDTH, height],
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": inputs,
            "outputs": [
                {"name": name, "type": type_, "links": None}
                for name, type_ in zip(about["output_name"], about["output"])
            ],
            "properties": {"Node name for S&R": kind},
            "widgets_values": widgets,
        }
    note = {
        "id": len(made) + 1,
        "type": "MarkdownNote",
        "pos": [40, -60],
        "size": [WIDTH + 200, 120],
        "flags": {},
        "order": len(made),
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [text],
    }
    return {
        "last_node_id": len(made) + 1,
        "last_link_id": len(links),
        "nodes": [*made.values(), note],
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


if __name__ == "__main__":
    main(sys.argv[1])
