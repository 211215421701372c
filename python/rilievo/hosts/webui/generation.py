"""The script of txt2img and img2img, as a script to select and as a form that goes with every script."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from modules import scripts

import rilievo
from rilievo.errors import explain
from rilievo.hosts.webui import memory, saving, settings
from rilievo.hosts.webui.host import Interrupts, WebUIHost, report, use_models_folder
from rilievo.options import Options
from rilievo.outputs import Output
from rilievo.recipes import KINDS

log = logging.getLogger("rilievo")

TITLE = "DepthMap"
FORM_TITLE = "DepthMap with any script"
MODEL_KEY = "Depth model"
# What is generated comes without depth maps.
WITHOUT = ("depth_map_kind", "depth_map_scale")


def names() -> list[str]:
    """The options by position, as a script takes them."""
    from rilievo.ui import fields

    return fields.names(WebUIHost(), WITHOUT)


class DepthScript(scripts.Script):  # type: ignore[misc]
    """Selected in the list of scripts: generates, then makes depth of what came out."""

    def title(self) -> str:
        """The reference's title."""
        return TITLE

    def show(self, is_img2img: bool) -> bool:
        """In both tabs."""
        return True

    def ui(self, is_img2img: bool) -> list[Any]:
        """The options, in the order of :func:`names`."""
        from rilievo.ui import fields

        return fields.build(WebUIHost(), self.elem_id, without=WITHOUT).inputs()

    def run(self, p: Any, *args: Any) -> Any:
        """Generates the pictures, then their depth.

        ``args`` are the options by position, or one mapping of names to values.
        """
        from modules import processing

        options = options_of(args)
        announce(p, options)
        processed = processing.process_images(p)
        process(p, processed, options)
        return processed


class DepthForm(scripts.Script):  # type: ignore[misc]
    """Always there: makes depth of what came out, whatever other script is selected."""

    def title(self) -> str:
        """What the API calls it."""
        return FORM_TITLE

    def show(self, is_img2img: bool) -> Any:
        """Always."""
        return scripts.AlwaysVisible

    def ui(self, is_img2img: bool) -> list[Any]:
        """A switch, then the options."""
        import gradio as gr

        from rilievo.ui import fields

        with gr.Accordion("DepthMap", open=False, elem_id=self.elem_id("accordion")):
            enabled = gr.Checkbox(
                label="Make depth of every generated picture", value=False, elem_id=self.elem_id("enabled")
            )
            form = fields.build(WebUIHost(), self.elem_id, without=WITHOUT)
        self.infotext_fields = [
            (enabled, lambda found: MODEL_KEY in found),
            (form.components["model_type"], MODEL_KEY),
        ]
        self.paste_field_names = [MODEL_KEY]
        return [enabled, *form.inputs()]

    def process(self, p: Any, *args: Any) -> None:
        """Before anything is generated: the infotext will say which model is used."""
        given = _enabled(args)
        if given is not None:
            announce(p, options_of(given))

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
        """After a batch of pictures was generated."""
        given = _enabled(args)
        if given is None:
            return
        try:
            process(p, processed, options_of(given))
        except Exception as error:
            # The host would only log it, and the person would wonder.
            processed.comments += f"\nDepthMap: {explain(error).sentence}"
            raise


def _enabled(args: Sequence[Any]) -> Sequence[Any] | None:
    """The options' arguments of the form if it is switched on; a mapping may take the switch's place."""
    if not args or not args[0]:
        return None
    if isinstance(args[0], dict):
        return None if args[0].get("enabled") is False else args
    return args[1:]


def options_of(args: Sequence[Any]) -> Options:
    """The options that a script's arguments mean: by position, or the first one a mapping of names to values."""
    from rilievo.ui import fields

    use_models_folder()
    if args and isinstance(args[0], dict):
        named = {str(name).lower(): value for name, value in args[0].items() if name != "enabled"}
        refused = sorted(set(named) & {*fields.LEFT_OUT, *WITHOUT})
        if refused:
            raise ValueError(f"{', '.join(refused)} cannot be given here; leave it out")
        options = fields.to_options(named)
    else:
        options = fields.to_options(dict(zip(names(), args)))
    return options.replace(**settings.read().options())


def announce(p: Any, options: Options) -> None:
    """The infotext says which model was used; an unknown or missing one is an error now, not after minutes."""
    model = rilievo.models.choice(options).id
    title = next(row["title"] for row in rilievo.models.table() if row["id"] == model)
    p.extra_generation_params[MODEL_KEY] = title


def generated(p: Any, processed: Any) -> list[int]:
    """Where in ``processed.images`` the generated pictures are.

    The grid comes first; behind each picture may come its masks; at the end
    come pictures of other scripts.
    """
    from modules.shared import opts

    stride = 1
    if getattr(p, "mask_for_overlay", None) is not None:
        stride += bool(opts.return_mask) + bool(opts.return_mask_composite)
    first = int(processed.index_of_first_image)
    places = range(first, first + len(p.all_prompts) * stride, stride)
    return [place for place in places if place < len(processed.images)]


def process(p: Any, processed: Any, options: Options) -> None:
    """Makes depth of every generated picture and appends what came out to ``processed``."""
    from modules import shared
    from modules.shared import opts

    places = generated(p, processed)
    cancel = Interrupts()
    saving_on = bool(opts.samples_save) and not p.do_not_save_samples
    with memory.room(options):
        for count, place in enumerate(places):
            if shared.state.interrupted:
                break
            image = processed.images[place].convert("RGB")
            text = _text_of(processed, place, count)
            seed, prompt = p.all_seeds[count], p.all_prompts[count]
            saver = saving.GenerationSaver(p, seed, prompt, image, text) if saving_on else None
            made = _Made(processed, text, saver)

            def told(stage: str, done: int, total: int, count: int = count) -> None:
                report(stage, done, total, count, len(places))

            try:
                for output in rilievo.generate([image], options, progress=told, cancel=cancel):
                    made.add(output)
            except rilievo.Cancelled:
                shared.state.skipped = False
    if not settings.read().keep_models:
        rilievo.unload()


def _text_of(processed: Any, place: int, count: int) -> str:
    """The infotext of a generated picture."""
    texts = processed.infotexts
    # Masks have no infotext of their own, so the texts are counted without them.
    index = int(processed.index_of_first_image) + count
    if index < len(texts):
        return str(texts[index])
    return str(processed.images[place].info.get("parameters", processed.info))


class _Made:
    """Takes the outputs of one picture to the gallery, the API and the disk."""

    def __init__(self, processed: Any, text: str, saver: saving.GenerationSaver | None):
        self.processed = processed
        self.text = text
        self.saver = saver

    def add(self, output: Output) -> None:
        """One more output."""
        from modules.shared import opts

        path = self.saver.save(output) if self.saver else None
        if not output.is_picture:
            where = (
                f"saved as {path.name} beside the pictures" if path else "not saved, because pictures are not"
            )
            title = KINDS[output.kind].title
            was = "were" if title == KINDS[output.kind].titles else "was"
            self.processed.comments += f"\nDepthMap: the {title} {was} {where}"
            return
        image: Any = output.image
        if image.mode == "I;16" and not saving.sixteen_bits_survive():
            image = output.preview
        if opts.enable_pnginfo:
            image.info["parameters"] = self.text
        if path is not None and path.suffix.lower() == ".png":
            image.already_saved_as = str(path)
        self.processed.images.append(image)
        self.processed.infotexts.append(self.text)
