"""The Extras tab's script: depth among the other ways to work on a picture; needs no diffusion model."""

from __future__ import annotations

from typing import Any

from modules import scripts_postprocessing

import rilievo
from rilievo.hosts.webui import generation, memory, saving, settings
from rilievo.hosts.webui.host import Interrupts, WebUIHost, report, use_models_folder
from rilievo.options import rows


class DepthExtras(scripts_postprocessing.ScriptPostprocessing):  # type: ignore[misc]
    """Adds what is made of each picture after it, as ``...-depth.png`` and so on."""

    name = "DepthMap"
    order = 9000

    def ui(self) -> dict[str, Any]:
        """A switch and the options."""
        import gradio as gr

        from rilievo.ui import fields

        with gr.Accordion("DepthMap", open=False, elem_id="extras_depthmap_accordion"):
            enabled = gr.Checkbox(label="Make depth", value=False, elem_id="extras_depthmap_enabled")
            form = fields.build(WebUIHost(), lambda name: f"extras_depthmap_{name}", without=_no_pictures())
        return {"enabled": enabled, **form.components}

    def process(self, pp: Any, **values: Any) -> None:
        """One picture; the API of the host gives ``None`` for everything, which means off."""
        if not values.pop("enabled", None):
            return
        from rilievo.ui import fields

        use_models_folder()
        options = fields.to_options(values)
        image = pp.image.convert("RGB")
        try:
            with memory.room(options):
                for output in rilievo.generate([image], options, progress=report, cancel=Interrupts()):
                    pp.extra_images.append(
                        pp.create_copy(_picture(output), nametags=[output.kind], disable_processing=True)
                    )
        except rilievo.Cancelled:
            return
        finally:
            if not settings.read().keep_models:
                rilievo.unload()
        pp.info["Depth model"] = rilievo.models.choice(options).id


def _no_pictures() -> list[str]:
    """The options for meshes, animations and files of numbers: Extras takes pictures only, and only gives them."""
    return [
        *generation.WITHOUT,
        *(
            name
            for name, row in rows().items()
            if row.group in ("mesh", "parallax") or "depth_values" in name
        ),
    ]


def _picture(output: Any) -> Any:
    """The output as this host can write it: Forge cannot write 16 bits beside generation parameters."""
    from modules.shared import opts

    image = output.image
    safe = saving.sixteen_bits_survive() and not (memory.is_forge() and opts.enable_pnginfo)
    return image if image.mode != "I;16" or safe else output.preview.convert("RGB")
