"""Depth as help for img2img: an inpaint mask from a range of depth, and depth maps ready for ControlNet and depth2img."""

from __future__ import annotations

from typing import Any

import numpy as np
from modules import scripts

import rilievo
from rilievo.errors import explain
from rilievo.hosts.webui import memory, saving, settings
from rilievo.hosts.webui.generation import MODEL_KEY
from rilievo.hosts.webui.host import Interrupts, report, use_models_folder
from rilievo.options import Options
from rilievo.outputs import Output, Picture

TITLE = "Depth for img2img"
MASK, DEPTH2IMG = "inpaint mask", "depth2img input"
MAPS = ("off", "8-bit", "16-bit")


class DepthHelpers(scripts.Script):  # type: ignore[misc]
    """Always there in img2img."""

    def title(self) -> str:
        """What the API calls it."""
        return TITLE

    def show(self, is_img2img: bool) -> Any:
        """In img2img only."""
        return scripts.AlwaysVisible if is_img2img else False

    def ui(self, is_img2img: bool) -> list[Any]:
        """What depth is used for, and the range of depth."""
        import gradio as gr

        from rilievo.ui import fields

        # What only AUTOMATIC1111's WebUI can do is not offered elsewhere.
        uses = ["off", MASK] if memory.is_forge() else ["off", MASK, DEPTH2IMG]
        with gr.Accordion(TITLE, open=False, elem_id=self.elem_id("accordion")):
            use = gr.Radio(uses, value="off", label="Use the picture's depth as", elem_id=self.elem_id("use"))
            model = gr.Dropdown(
                fields.model_titles(), value=fields.AUTO, label="Depth model", elem_id=self.elem_id("model")
            )
            with gr.Row():
                far = gr.Slider(
                    0, 1, 0.5, step=0.01, label="From (0 = farthest)", elem_id=self.elem_id("far")
                )
                near = gr.Slider(0, 1, 1.0, step=0.01, label="To (1 = nearest)", elem_id=self.elem_id("near"))
            with gr.Row():
                feather = gr.Slider(
                    0,
                    0.5,
                    0.05,
                    step=0.01,
                    label="Feather (fades outside the range)",
                    elem_id=self.elem_id("feather"),
                )
                invert = gr.Checkbox(False, label="Everything but this range", elem_id=self.elem_id("invert"))
            control = gr.Radio(
                list(MAPS),
                value="off",
                label="Depth map for ControlNet, in the size of the result",
                elem_id=self.elem_id("control"),
            )
        return [use, model, far, near, feather, invert, control]

    def process(self, p: Any, *args: Any) -> None:
        """Before generating: gives the mask or the depth to the host."""
        given = arguments(args)
        if given["use"] == "off" and given["control"] == "off":
            return
        try:
            self._prepare(p, given)
        except Exception as error:
            p.rilievo_comment = f"{TITLE}: {explain(error).sentence}"
            raise

    def _prepare(self, p: Any, given: dict[str, Any]) -> None:
        options = model_options(given["model"])
        with memory.room(options):
            if given["use"] == MASK:
                picture = p.init_images[0].convert("RGB")
                p.image_mask = mask_of(picture, options, given)
                p.extra_generation_params["Depth mask"] = (
                    f"{given['far']:g} to {given['near']:g}, feather {given['feather']:g}"
                    + (", inverted" if given["invert"] else "")
                )
            elif given["use"] == DEPTH2IMG:
                p.depth2img_image_conditioning = conditioning(p, options)
            if given["control"] != "off":
                p.rilievo_control = control_map(p, options)
        p.extra_generation_params[MODEL_KEY] = rilievo.models.choice(options).id
        p.rilievo_helped = True

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
        """After generating: the depth map joins the results; what went wrong is said."""
        comment = p.__dict__.pop("rilievo_comment", None)
        if comment:
            processed.comments += f"\n{comment}"
        if p.__dict__.pop("rilievo_helped", False) and not settings.read().keep_models:
            rilievo.unload()
        depth = p.__dict__.pop("rilievo_control", None)
        if depth is None:
            return
        if arguments(args)["control"] == "8-bit":
            depth = np.repeat(Picture(depth).preview()[..., None], 3, axis=2)
        output = Output(0, "control", Picture(depth))
        text = processed.infotexts[0] if processed.infotexts else processed.info
        if not p.do_not_save_samples:
            saving.GenerationSaver(p, p.all_seeds[0], p.all_prompts[0], output.image, text).save(output)
        processed.images.append(output.image)
        processed.infotexts.append(text)


DEFAULTS = {
    "use": "off",
    "model": "auto",
    "far": 0.5,
    "near": 1.0,
    "feather": 0.05,
    "invert": False,
    "control": "off",
}


def arguments(args: Any) -> dict[str, Any]:
    """The arguments by name: given by position, or as one mapping."""
    given = args[0] if args and isinstance(args[0], dict) else dict(zip(DEFAULTS, args))
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"{TITLE} knows no {', '.join(unknown)}; it takes {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **{name: value for name, value in given.items() if value is not None}}


def model_options(model: str) -> Options:
    """Options that name only the model."""
    from rilievo.ui import fields

    use_models_folder()
    return fields.to_options({"model_type": model})


def estimate(picture: Any, options: Options) -> rilievo.DepthMap:
    """The depth of a picture, with the WebUI's progress and Interrupt."""
    return rilievo.estimate_depth(picture, options.model_type, progress=report, cancel=Interrupts())


def mask_of(picture: Any, options: Options, given: dict[str, Any]) -> Any:
    """The mask as a picture: white is what will be painted anew."""
    from PIL import Image

    mask = rilievo.depth_mask(
        estimate(picture, options),
        far=float(given["far"]),
        near=float(given["near"]),
        feather=float(given["feather"]),
        invert=bool(given["invert"]),
    )
    return Image.fromarray((mask * 255.0 + 0.5).astype("uint8"))


def control_map(p: Any, options: Options) -> Any:
    """The 16-bit depth of the picture as it goes into the network: its size, its crop."""
    from modules import images

    picture = images.resize_image(p.resize_mode, p.init_images[0].convert("RGB"), p.width, p.height)
    return estimate(picture.convert("RGB"), options).to_u16()


def conditioning(p: Any, options: Options) -> Any:
    """What takes the place of the host's MiDaS in front of a depth2img checkpoint.

    As the host's own, it maps the source (``[N, 3, H, W]``, -1..1, one picture
    N times) to ``[batch, 1, H / 8, W / 8]``: near is large, stretched to -1..1.
    """

    def of(source: Any) -> Any:
        import torch
        from PIL import Image

        pixels = ((source[0].float().cpu().numpy().transpose(1, 2, 0) + 1) * 127.5).clip(0, 255)
        with memory.room(options):
            near = estimate(pixels.round().astype(np.uint8), options).nearness()
        latent = (source.shape[3] // 8, source.shape[2] // 8)
        small = np.asarray(Image.fromarray(near).resize(latent, Image.Resampling.BICUBIC))
        low, high = float(small.min()), float(small.max())
        stretched = 2.0 * (small - low) / max(high - low, 1e-6) - 1.0
        batch = np.repeat(stretched[None, None], p.batch_size, axis=0).astype(np.float32)
        return torch.from_numpy(batch).to(device=source.device, dtype=source.dtype)

    return of
