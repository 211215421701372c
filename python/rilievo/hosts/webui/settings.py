"""The settings page, under the reference's keys, so that the values in people's config.json stay valid."""

from __future__ import annotations

from typing import Any

from rilievo.ui.host import PanelSettings

SECTION = ("depthmap-script", "Depthmap extension")
PREFIX = "depthmap_script_"

# key, default, label, whether the UI must be reloaded to see it
_SWITCHES = (
    ("keepmodels", False, "Keep depth models loaded.", False),
    ("show_3d", True, "Show the 3D mesh of the Depth tab in an interactive view.", False),
    ("gen_heatmap_from_ui", False, "Offer heat maps in the panel.", True),
    ("extra_stereomodes", False, "Offer all stereo modes, not only the usual ones.", True),
)
# key, default, label, and the slider's ends and step
_NUMBERS = (
    ("boost_rmax", 1600, "Largest net size for the whole picture with BOOST, in pixels.", (512, 4096, 32)),
    ("mesh_maxsize", 2048, "Largest side of a mesh's grid, in pixels.", (64, 8192, 64)),
)


def settings_page() -> None:
    """Adds the page (the host's ``on_ui_settings``)."""
    import gradio as gr
    from modules import shared

    for key, default, label, reload in _SWITCHES:
        info = shared.OptionInfo(default, label, section=SECTION)
        shared.opts.add_option(PREFIX + key, info.needs_reload_ui() if reload else info)
    for key, number, label, (low, high, step) in _NUMBERS:
        ends = {"minimum": low, "maximum": high, "step": step}
        info = shared.OptionInfo(number, label, gr.Slider, ends, section=SECTION)
        shared.opts.add_option(PREFIX + key, info)


def read() -> PanelSettings:
    """The settings as they are now; the API of the host may have made floats of numbers."""
    from modules import shared

    values: dict[str, Any] = shared.opts.data
    on = {key: bool(values.get(PREFIX + key, default)) for key, default, _, _ in _SWITCHES}
    return PanelSettings(
        keep_models=on["keepmodels"],
        show_3d=on["show_3d"],
        heatmap=on["gen_heatmap_from_ui"],
        all_stereo_modes=on["extra_stereomodes"],
        **{key: int(values.get(PREFIX + key, default)) for key, default, _, _ in _NUMBERS},
    )
