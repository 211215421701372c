"""Gradio components for the rows of the option table, and values back into options.

The panel, the scripts in txt2img and img2img and the Extras script are all
made of these.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

import rilievo
from rilievo.options import DEFAULTS, Options, Row, rows
from rilievo.ui import gradio_compat as compat
from rilievo.ui.host import Host

# What a panel does not offer: raw numbers, which no gallery can show, and files of the server.
LEFT_OUT = frozenset(
    ["do_output_depth_prediction", *(name for name, row in rows().items() if row.type == "path")]
)
# What few people need lies behind a line at the end of its group.
FOLDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "network": ("More about the network", ("precision", "refine")),
    "depth": ("About depth maps of your own", ("depth_map_kind", "depth_map_scale")),
}
# Their help is about command lines.
_WITHOUT_INFO = ("compute_device", "model_type", "stereo_modes")
AUTO = "auto"
_DEVICES = ("GPU", "CPU")
_SWITCH = ("auto", "on", "off")


def names(host: Host, without: Collection[str] = ()) -> list[str]:
    """The options a panel offers, in table order; it is also the order of a script's arguments."""
    settings = host.settings()
    left_out = {*LEFT_OUT, *without, *settings.options()}
    if not settings.heatmap:
        left_out.update(name for name, row in rows().items() if row.group == "heatmap")
    return [name for name in rows() if name not in left_out]


@dataclass
class Fields:
    """The components by option name, in the order of :func:`names`."""

    components: dict[str, Any]
    host: Host

    def inputs(self) -> list[Any]:
        """The components, to be handed to an event."""
        return list(self.components.values())

    def options(self, values: Sequence[Any]) -> Options:
        """The options that these values of :meth:`inputs` mean."""
        return to_options(dict(zip(self.components, values)))


def build(
    host: Host,
    elem_id: Callable[[str], str],
    *,
    without: Collection[str] = (),
    after_model: Callable[[Any, Any], None] | None = None,
) -> Fields:
    """The options, but for ``without``, as components inside the current block, with their visibility rules.

    ``after_model`` is called with the model's component and what is said about it
    (see :func:`model_card`) right below them, to add what belongs there.
    """
    host.model_folders_ready()
    fields = Fields({}, host)
    wanted = names(host, without)
    made: dict[str, Any] = {}
    table = rows()
    for group in dict.fromkeys(table[name].group for name in wanted):
        inside = [name for name in wanted if table[name].group == group]
        with gr.Group(elem_id=elem_id(f"group_{group}")):
            title, folded = FOLDED.get(group, ("", ()))
            for name in [name for name in inside if name not in folded]:
                made[name] = component(name, table[name], host, elem_id(name))
                if name == "model_type":
                    _model_card(made, after_model, elem_id)
            hidden = [name for name in inside if name in folded]
            if hidden:
                with gr.Accordion(title, open=False, elem_id=elem_id(f"more_{group}")):
                    for name in hidden:
                        made[name] = component(name, table[name], host, elem_id(name))
    fields.components = {name: made[name] for name in wanted}
    _follow_model(made)
    _visibility(made)
    _keep_in_order(made.get("clipdepth_far"), made.get("clipdepth_near"))
    return fields


def component(name: str, row: Row, host: Host, elem_id: str) -> Any:
    """The component of one option."""
    kind, more = _kind(name, row, host)
    if kind is not gr.Checkbox and name not in _WITHOUT_INFO:
        more["info"] = row.help
    made = kind(label=row.label, elem_id=elem_id, visible=_shown(name, DEFAULTS), **more)
    # What the host would remember of these would be the size of yesterday's model.
    made.do_not_save_to_config = name in ("net_width", "net_height")
    return made


def _kind(name: str, row: Row, host: Host) -> tuple[Any, dict[str, Any]]:
    """Which component an option gets, and what that is told."""
    default = DEFAULTS[name]
    special: dict[str, tuple[Any, dict[str, Any]]] = {
        "model_type": (gr.Dropdown, {"choices": model_titles(), "value": AUTO}),
        "compute_device": (gr.Radio, {"choices": list(_DEVICES), "value": "GPU"}),
        "stereo_modes": (gr.CheckboxGroup, {"choices": list(host.stereo_modes()), "value": default}),
        "net_width": (gr.Slider, {"value": _own_size(AUTO)[0]}),
        "net_height": (gr.Slider, {"value": _own_size(AUTO)[1]}),
    }
    by_type: dict[str, tuple[Any, dict[str, Any]]] = {
        "flag": (gr.Checkbox, {"value": default}),
        "several": (gr.CheckboxGroup, {"choices": list(row.choices), "value": default}),
        "choice": (
            gr.Radio if len(row.choices) <= 6 else gr.Dropdown,
            {"choices": list(row.choices), "value": default},
        ),
        "text": (gr.Textbox, {"value": default or "", "max_lines": 1}),
        "color": (gr.Textbox, {"value": default, "max_lines": 1}),
    }
    if row.type == "flag" and default is None:
        return gr.Radio, {"choices": list(_SWITCH), "value": "auto"}
    if row.type in ("number", "whole") and default is None and name not in special:
        # A slider always has a value, and Gradio's field of a number shows 0 where there is none.
        return gr.Textbox, {"value": "", "placeholder": AUTO, "max_lines": 1}
    kind, more = special.get(name) or by_type.get(row.type) or (gr.Number, {"value": default})
    if row.low is not None and row.high is not None:
        return gr.Slider, {
            "value": default,
            **more,
            "minimum": row.low,
            "maximum": row.high,
            "step": row.step,
        }
    return kind, more


def to_options(values: dict[str, Any]) -> Options:
    """Values as the components (or a script's caller) give them, as options.

    Missing ones, and ``None`` where an option has a default, are the defaults.
    """
    given = {name: value for name, value in values.items() if value is not None and value != ""}
    if isinstance(given.get("refine"), str):
        given["refine"] = {"auto": None, "on": True, "off": False}.get(given["refine"], given["refine"])
    if given.get("boost"):
        # Hidden while boost is on, and so not meant.
        given.pop("tiling_mode", None)
    model = str(given.get("model_type", AUTO))
    given["model_type"] = AUTO if model.lower() == AUTO else model
    size = (given.get("net_width"), given.get("net_height"))
    if size == _own_size(given["model_type"]):
        # Untouched sliders mean what an absent option means: the network knows best.
        given["net_width"] = given["net_height"] = None
    return Options.from_mapping(given)


# --- models ----------------------------------------------------------------------------------------


def model_titles() -> list[str]:
    """What the model's list offers."""
    return [AUTO, *(row["title"] for row in rilievo.models.depth_networks())]


def model_row(title: str) -> dict[str, Any]:
    """The row of the catalog that a title, name or number means; ``auto`` is the best installed."""
    table = rilievo.models.table()
    if str(title).lower() == AUTO:
        return next(row for row in table if row["default"])
    wanted = rilievo._native.find_model(str(title))
    return next(row for row in table if row["id"] == wanted)


def _own_size(title: str) -> tuple[int, int]:
    try:
        width, height = model_row(title)["net_size"]
    except (ValueError, rilievo.RilievoError):
        return (0, 0)
    return (int(width), int(height))


def can_be_downloaded(row: dict[str, Any]) -> bool:
    """Whether the network is not here but could be."""
    return not row["installed"] and bool(row["megabytes"])


def model_card(title: str) -> str:
    """What a person should know of a model before using it, as HTML."""
    row = model_row(title)
    size = f"{row['megabytes']} MB" if row["megabytes"] else "built in"
    state = "on this machine" if row["installed"] else "not downloaded yet"
    parts = [f"<b>{html.escape(row['title'])}</b>", size, html.escape(row["licence"])]
    if not row["commercial"]:
        parts.append("<span class='rilievo-warn'>no commercial use</span>")
    parts.append(f"<span class='rilievo-{'ok' if row['installed'] else 'warn'}'>{state}</span>")
    return (
        f"<div class='rilievo-card'><div>{' · '.join(parts)}</div>"
        f"<div class='rilievo-advice'>{html.escape(row['advice'])}</div></div>"
    )


def _model_card(
    made: dict[str, Any], after_model: Callable[[Any, Any], None] | None, elem_id: Callable[[str], str]
) -> None:
    model = made["model_type"]
    card = gr.HTML(model_card(AUTO), elem_id=elem_id("model_card"))
    compat.on_event(model.change, model_card, [model], [card], show_progress=False, queue=False)
    if after_model is not None:
        after_model(model, card)


def _follow_model(made: dict[str, Any]) -> None:
    """The net size goes to the model's own when another is chosen."""
    if "net_width" not in made:
        return

    def sizes(title: str) -> list[Any]:
        width, height = _own_size(title)
        return [gr.update(value=width), gr.update(value=height)] if width else [gr.update(), gr.update()]

    compat.on_event(
        made["model_type"].change,
        sizes,
        [made["model_type"]],
        [made["net_width"], made["net_height"]],
        show_progress=False,
        queue=False,
    )


# --- rules -----------------------------------------------------------------------------------------


def _switches(rule: str | None) -> list[str]:
    """The flags that a ``shown_if`` names."""
    return rule.lstrip("!").split("|") if rule else []


def _shown(name: str, values: dict[str, Any]) -> bool:
    """Whether an option has anything to say while the others have these values."""
    rule = rows()[name].shown_if
    if rule is None:
        return True
    wanted = not rule.startswith("!")
    return any(bool(values.get(switch)) == wanted and _shown(switch, values) for switch in _switches(rule))


def _visibility(made: dict[str, Any]) -> None:
    """Every switch shows and hides the options that hang on it."""
    table = rows()
    named = {switch for name in made for switch in _switches(table[name].shown_if)}
    switches = [name for name in made if name in named]
    hanging = [name for name in made if table[name].shown_if]

    def show(*states: Any) -> list[Any]:
        values = dict(zip(switches, states))
        return [gr.update(visible=_shown(name, values)) for name in hanging]

    for switch in switches:
        compat.on_event(
            made[switch].change,
            show,
            [made[name] for name in switches],
            [made[name] for name in hanging],
            show_progress=False,
            queue=False,
        )


def _keep_in_order(far: Any, near: Any) -> None:
    """The far clip never passes the near clip: one pushes the other."""
    if far is None or near is None:
        return

    def push_near(low: float, high: float) -> Any:
        return gr.update(value=low) if low > high else gr.update()

    def push_far(low: float, high: float) -> Any:
        return gr.update(value=high) if high < low else gr.update()

    quiet = {"show_progress": False, "queue": False}
    compat.on_event(far.change, push_near, [far, near], [near], **quiet)
    compat.on_event(near.change, push_far, [far, near], [far], **quiet)
