"""Nodes that make depth maps, change them and show them."""

from __future__ import annotations

from typing import Any

import rilievo
from rilievo.depth import DepthMap, stretched_together
from rilievo.hosts.comfyui import host, models, sockets, widgets
from rilievo.hosts.comfyui.node import (
    DEPTH_INPUT,
    DEPTH_NAMES,
    DEPTH_TOOLTIPS,
    DEPTH_TYPES,
    IMAGE_INPUT,
    Inputs,
    Node,
)
from rilievo.options import Options
from rilievo.outputs import Numbers

PER_IMAGE, WHOLE_BATCH, RAW = "per image", "whole batch", "raw"
NORMALIZATION = {
    "tooltip": "per image: every image uses the full range. whole batch: one scale for all, so that the frames of a "
    "video do not flicker. raw: the network's own numbers (metres, for metric models), not stretched."
}
KEEP = "keep"


class LoadDepthModel(Node):
    ID = "RilievoLoadDepthModel"
    TITLE = "Load Depth Model"
    DESCRIPTION = (
        "Chooses a depth network. Files are looked for in models/rilievo, in the folders of extra_model_paths.yaml "
        "(key: rilievo) and where other depth nodes keep them; a missing one is downloaded when the node runs."
    )
    RETURN_TYPES = ("DEPTH_MODEL",)
    RETURN_NAMES = ("depth_model",)
    OUTPUT_TOOLTIPS = ("For Depth Estimate. The network is loaded when it is first used.",)

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        chosen = widgets.widgets(["precision", "compute_device"])
        return {
            "required": {
                "model": (
                    models.labels(),
                    {
                        "default": "auto",
                        "tooltip": "auto: the best one on this machine; pocket is built in. "
                        "Those marked (download, ... MB) are fetched when the node runs.",
                    },
                ),
            },
            "optional": {
                "precision": chosen["precision"],
                "device": (
                    ["auto", "cpu", "cuda", "metal"],
                    {**chosen["compute_device"][1], "default": "auto"},
                ),
                "keep_loaded": (
                    "BOOLEAN",
                    {
                        "default": True,
                        "tooltip": "Keep the network in memory between runs. Off frees it every time.",
                    },
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, model: str) -> bool | str:
        # Naming `model` switches off the host's own check: a label changes when its file has been downloaded.
        try:
            models.row_of(model)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def IS_CHANGED(cls, model: str, **_: Any) -> str:
        # What auto means, and whether a file is there, can change from run to run.
        models.use_folders()
        row = models.row_of(model)
        if row is None:
            return rilievo.models.choice(Options()).line
        return f"{row['id']} {row['path']}"

    def run(
        self, model: str, precision: str = "auto", device: str = "auto", keep_loaded: bool = True
    ) -> tuple[models.DepthModel]:
        models.use_folders()
        row = models.row_of(model)
        if row is not None and not row["installed"]:
            with host.node_run(1) as run:
                rilievo.models.download(row["id"], progress=run.step, cancel=run.cancel)
                run.finished()
        return (models.DepthModel(models.id_of(model), device, precision, keep_loaded),)


class DepthEstimate(Node):
    ID = "RilievoDepthEstimate"
    TITLE = "Depth Estimate"
    DESCRIPTION = (
        "Depth from an image: white = near, at the image's own size. Works without a model connected: it then takes "
        "the best one on this machine."
    )
    RETURN_TYPES = DEPTH_TYPES
    RETURN_NAMES = DEPTH_NAMES
    OUTPUT_TOOLTIPS = DEPTH_TOOLTIPS

    # Everything about networks but the choice of one, which is a node of its own.
    OPTIONS = tuple(
        widgets.group("network", without=("compute_device", "model_type", "weights", "precision"))
    )

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        return {
            "required": {"image": IMAGE_INPUT},
            "optional": {
                "depth_model": (
                    sockets.DEPTH_MODEL,
                    {"tooltip": "From Load Depth Model. Without it: the best network on this machine."},
                ),
                "normalization": ([PER_IMAGE, WHOLE_BATCH, RAW], {"default": PER_IMAGE, **NORMALIZATION}),
                "invert": ("BOOLEAN", {"default": False, "tooltip": "Black = near in image and mask."}),
                **widgets.widgets(cls.OPTIONS),
            },
        }

    @classmethod
    def IS_CHANGED(cls, depth_model: Any = None, **given: Any) -> str:
        # The host passes constants only, so a connected model is never seen here; it has an IS_CHANGED of its own.
        models.use_folders()
        return rilievo.models.choice(Options(**widgets.values(cls.OPTIONS, given))).line

    def run(
        self,
        image: Any,
        depth_model: models.DepthModel | None = None,
        normalization: str = PER_IMAGE,
        invert: bool = False,
        **given: Any,
    ) -> tuple[Any, Any, sockets.Depths]:
        model = depth_model or models.DepthModel("auto")
        options = model.options(**widgets.values(self.OPTIONS, given))
        models.use_folders()
        pictures = sockets.frames(image)
        try:
            host.make_room(rilievo.models.megabytes(options), model.device)
            maps = _estimate(pictures, options, normalization)
        finally:
            if not model.keep_loaded or host.is_short_of_memory():
                rilievo.unload()
        return _depth_outputs(maps, normalization, invert)


def _estimate(pictures: list[Any], options: Options, normalization: str) -> list[DepthMap]:
    options = options.replace(do_output_depth=False, output_depth_values=True)
    maps = []
    with host.node_run(len(pictures)) as run:
        for output in rilievo.generate_clip(
            pictures,
            options,
            scale="clip" if normalization == WHOLE_BATCH else "frame",
            progress=run.step,
            cancel=run.cancel,
        ):
            assert isinstance(output.content, Numbers)
            maps.append(output.content.depth)
            run.preview(sockets.bytes_of(maps[-1].nearness()))
    return maps


def _depth_outputs(maps: list[DepthMap], normalization: str, invert: bool) -> tuple[Any, Any, sockets.Depths]:
    planes = [one.values if normalization == RAW else one.nearness() for one in maps]
    units = tuple(planes) if normalization == WHOLE_BATCH else None
    if invert:
        planes = [
            plane.max() + plane.min() - plane if normalization == RAW else 1.0 - plane for plane in planes
        ]
    alone = tuple(DepthMap(one.values, one.kind) for one in maps)
    return sockets.image_of(planes), sockets.mask_of(planes), sockets.Depths(alone, units)


class DepthAdjust(Node):
    ID = "RilievoDepthAdjust"
    TITLE = "Depth Adjust"
    DESCRIPTION = "Cuts, bends, turns over and smooths depth, in this order."
    RETURN_TYPES = DEPTH_TYPES
    RETURN_NAMES = DEPTH_NAMES
    OUTPUT_TOOLTIPS = (*DEPTH_TOOLTIPS[:2], "The adjusted depth for the other depth nodes, without a unit.")

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        end = {"min": 0.0, "max": 1.0, "step": 0.001, "round": 0.001}
        return {
            "required": {"depth": DEPTH_INPUT},
            "optional": {
                "normalization": (
                    [PER_IMAGE, WHOLE_BATCH, KEEP],
                    {
                        "default": PER_IMAGE,
                        "tooltip": "per image: stretch every map to the full range. whole batch: one scale for all. "
                        "keep: the depth is in 0..1 already, leave its scale alone.",
                    },
                ),
                "clip": (
                    ["off", "range", "outliers"],
                    {
                        "default": "off",
                        "tooltip": "Cut off what is too far and too near. range: at fractions of the range; "
                        "outliers: at fractions of the pixels.",
                    },
                ),
                "far": (
                    "FLOAT",
                    {"default": 0.0, **end, "tooltip": "Where clip cuts the background, 0 to 1."},
                ),
                "near": (
                    "FLOAT",
                    {"default": 1.0, **end, "tooltip": "Where clip cuts the foreground, 0 to 1."},
                ),
                "gamma": (
                    "FLOAT",
                    {
                        "default": 1.0,
                        "min": 0.05,
                        "max": 20.0,
                        "step": 0.05,
                        "round": 0.001,
                        "tooltip": "Above 1 lifts the background, below 1 pushes it back.",
                    },
                ),
                "invert": ("BOOLEAN", {"default": False, "tooltip": "Turn near and far around."}),
                "blur": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 200.0,
                        "step": 0.5,
                        "round": 0.01,
                        "tooltip": "Sigma of a Gaussian blur in pixels.",
                    },
                ),
            },
        }

    def run(
        self,
        *,
        depth: Any,
        normalization: str = PER_IMAGE,
        clip: str = "off",
        far: float = 0.0,
        near: float = 1.0,
        gamma: float = 1.0,
        invert: bool = False,
        blur: float = 0.0,
    ) -> tuple[Any, Any, sockets.Depths]:
        given = sockets.depths(depth)
        maps = list(given.maps)
        if normalization == WHOLE_BATCH:
            maps = [DepthMap(unit) for unit in stretched_together(maps)]
        elif normalization == KEEP:
            maps = [DepthMap(given.nearness(index)) for index in range(len(given))]
        units = []
        with host.node_run(len(maps)) as run:
            for one in maps:
                adjusted = rilievo.adjust_depth(
                    one,
                    clip=None if clip == "off" else clip.capitalize(),
                    far=far,
                    near=near,
                    normalize=normalization == PER_IMAGE,
                    gamma=gamma,
                    invert=invert,
                    blur=blur,
                )
                units.append(adjusted.values)
                run.finished(sockets.bytes_of(adjusted.values))
        adjusted_maps = sockets.Depths(tuple(DepthMap(unit) for unit in units), tuple(units))
        return sockets.image_of(units), sockets.mask_of(units), adjusted_maps


NODES: tuple[type[Node], ...] = (LoadDepthModel, DepthEstimate, DepthAdjust)
