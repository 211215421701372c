"""The whole panel: input tabs and options on the left, results on the right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

import rilievo
from rilievo.errors import explain
from rilievo.options import Options
from rilievo.ui import fields, jobs, style
from rilievo.ui import gradio_compat as compat
from rilievo.ui.host import Host
from rilievo.ui.run import Batch, Results, download, run
from rilievo.ui.tabs import ALL

log = logging.getLogger("rilievo")


def build(host: Host, *, title: str = "rilievo") -> Any:
    """The panel as a Gradio ``Blocks``, to be launched or put into a host's tab."""
    with gr.Blocks(analytics_enabled=False, title=title) as blocks:
        gr.HTML(style.CSS)
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=360):
                tabs = _tabs(host)
                save = gr.Checkbox(label="Save Outputs", value=True, elem_id="depthmap_save_output")
                form = fields.build(
                    host,
                    lambda name: f"depthmap_{name}",
                    after_model=lambda model, card: _model_buttons(host, model, card),
                )
            with gr.Column(scale=6, min_width=360):
                _results(host, tabs, save, form)
    return blocks


@dataclass
class _Tabs:
    """The input tabs: which one is open, all their components, and which belong to which."""

    mode: Any
    inputs: list[Any] = field(default_factory=list)
    spans: dict[str, slice] = field(default_factory=dict)


def _tabs(host: Host) -> _Tabs:
    tabs = _Tabs(gr.State(ALL[0].ID))
    with gr.Tabs(elem_id="depthmap_tabs"):
        for tab in ALL:
            with gr.TabItem(tab.TITLE, elem_id=f"depthmap_tab_{tab.ID}") as item:
                mine = tab.build(host)
            tabs.spans[tab.ID] = slice(len(tabs.inputs), len(tabs.inputs) + len(mine))
            tabs.inputs += mine
            compat.on_event(
                item.select,
                lambda chosen=tab.ID: chosen,
                None,
                [tabs.mode],
                show_progress=False,
                queue=False,
            )
    return tabs


def _results(host: Host, tabs: _Tabs, save: Any, form: fields.Fields) -> None:
    with gr.Row():
        generate = gr.Button("Generate", variant="primary", elem_id="depthmap_generate", scale=3)
        stop = gr.Button("Interrupt", elem_id="depthmap_interrupt", interactive=False)
        skip = gr.Button("Skip", elem_id="depthmap_skip", interactive=False)
    running = gr.State("")
    progress = gr.HTML("", elem_id="depthmap_progress")
    gallery = compat.gallery("Results", elem_id="depthmap_gallery")
    message = gr.HTML("", elem_id="depthmap_message")
    viewer = compat.viewer("3D mesh", elem_id="depthmap_mesh")
    files = compat.downloads("Files", elem_id="depthmap_files", visible=False)
    if host.may_name_folders():
        folder = gr.Button("Open output folder", size="sm", elem_id="depthmap_open_folder")
        compat.on_event(folder.click, lambda: _open(host), None, [message], show_progress=False, queue=False)

    def on_generate(chosen: str, saving: bool, *values: Any) -> Iterator[list[Any]]:
        given, options = values[: len(tabs.inputs)], values[len(tabs.inputs) :]
        tab = next(tab for tab in ALL if chosen == tab.ID)

        def asked() -> tuple[Batch, Options]:
            return tab.work(host, given[tabs.spans[chosen]]), form.options(options)

        yield from _generate(host, asked, saving)

    compat.on_event(
        generate.click,
        on_generate,
        [tabs.mode, save, *tabs.inputs, *form.inputs()],
        [running, generate, stop, skip, progress, gallery, viewer, files, message],
        show_progress=False,
        concurrency_limit=4,
    )
    compat.on_event(stop.click, _stop, [running], None, show_progress=False, queue=False)
    compat.on_event(skip.click, _skip, [running], None, show_progress=False, queue=False)


def _generate(host: Host, asked: Callable[[], tuple[Batch, Options]], save: bool) -> Iterator[list[Any]]:
    """Yields updates of: running, generate, stop, skip, progress, gallery, viewer, files, message."""
    job = jobs.start()
    keep = gr.update()
    try:
        busy = [gr.update(interactive=False), gr.update(interactive=True), gr.update(interactive=True)]
        yield [job.id, *busy, style.bar(job), keep, keep, keep, ""]
        batch, options = asked()
        for results in run(host, batch, options, job, save=save):
            if results.finished:
                yield _finished(host, results)
            else:
                yield [job.id, *[keep] * 3, style.bar(job), *[keep] * 4]
    except Exception as error:
        yield _idle(_told(error, "the Depth tab failed"))
    finally:
        jobs.end(job)


def _finished(host: Host, results: Results) -> list[Any]:
    idle = _idle(style.summary(results))
    mesh = results.mesh if host.settings().show_3d else None
    idle[5] = results.previews
    idle[6] = gr.update(value=mesh, visible=mesh is not None)
    idle[7] = gr.update(value=results.files or None, visible=bool(results.files))
    return idle


def _idle(message: str) -> list[Any]:
    ready = [gr.update(interactive=True), gr.update(interactive=False), gr.update(interactive=False)]
    return ["", *ready, "", gr.update(), gr.update(), gr.update(), message]


def _told(error: Exception, what: str) -> str:
    """An error as the panel shows it; one that nobody foresaw goes to the log as well."""
    problem = explain(error)
    if not problem.expected:
        log.error(what, exc_info=error)
    return style.error(problem.sentence)


def _stop(job_id: str) -> None:
    job = jobs.find(job_id)
    if job is not None:
        job.stop()


def _skip(job_id: str) -> None:
    job = jobs.find(job_id)
    if job is not None:
        job.skip()


def _open(host: Host) -> str:
    try:
        host.open_folder()
    except OSError as error:
        return style.error(f"the folder cannot be opened: {explain(error).sentence}")
    return ""


def _model_buttons(host: Host, model: Any, card: Any) -> None:
    """Download, stop, unload; and what they say."""
    with gr.Row(elem_id="depthmap_model_buttons"):
        fetch = gr.Button("Download", size="sm", visible=False, elem_id="depthmap_download")
        stop = gr.Button("Stop download", size="sm", visible=False, elem_id="depthmap_download_stop")
        unload = gr.Button("Unload models", size="sm", elem_id="depthmap_unload_models")
    running = gr.State("")
    progress = gr.HTML("", elem_id="depthmap_download_progress")

    def offer(title: str) -> list[Any]:
        row = fields.model_row(title)
        label = f"Download {row['title']} ({row['megabytes']} MB)"
        return [gr.update(value=label, visible=fields.can_be_downloaded(row)), ""]

    def on_fetch(title: str) -> Iterator[list[Any]]:
        """Yields updates of: running, fetch, stop, progress, card."""
        job = jobs.start()
        row = fields.model_row(title)
        job.pictures = 1
        keep, hidden, shown = gr.update(), gr.update(visible=False), gr.update(visible=True)
        try:
            yield [job.id, hidden, shown, style.bar(job), keep]
            for _ in download(host, row["id"], job):
                yield [job.id, keep, keep, style.bar(job), keep]
            done = style.info(f"{row['title']} is on this machine now.")
            yield ["", hidden, hidden, done, fields.model_card(title)]
        except rilievo.Cancelled:
            stopped = style.info("Stopped; the next download goes on from here.")
            yield ["", shown, hidden, stopped, keep]
        except Exception as error:
            yield ["", shown, hidden, _told(error, "the download failed"), keep]
        finally:
            jobs.end(job)

    def on_unload() -> str:
        host.unload()
        return style.info("The loaded model was freed.")

    quiet = {"show_progress": False}
    compat.on_event(model.change, offer, [model], [fetch, progress], queue=False, **quiet)
    compat.on_event(fetch.click, on_fetch, [model], [running, fetch, stop, progress, card], **quiet)
    compat.on_event(stop.click, _stop, [running], None, queue=False, **quiet)
    compat.on_event(unload.click, on_unload, None, [progress], queue=False, **quiet)
