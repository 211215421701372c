"""The Depth tab's host: its queue, its progress, its folders, its files."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rilievo.hosts.webui.host import WebUIHost
from rilievo.options import Options
from rilievo.ui import jobs, run, style
from rilievo.ui.tabs import folder, single


def picture() -> Image.Image:
    from modules import processing

    made = processing.picture(0)
    made.info["parameters"] = "a cup\nSeed: 11"
    return made


def finish(
    host: Any, batch: run.Batch, options: Options, job: jobs.PanelJob, save: bool = True
) -> run.Results:
    results = run.Results()
    for results in run.run(host, batch, options, job, save=save):  # noqa: B007
        pass
    return results


def test_files_go_where_extras_goes_with_its_names_and_texts(forge: Any, tmp_path: Path) -> None:
    folder = tmp_path / "extras"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "depthmap-0041.png")
    batch = single.work(WebUIHost(), [picture(), False, None])
    results = finish(WebUIHost(), batch, Options(gen_normalmap=True), jobs.PanelJob())
    assert results.outputs == 2
    depth, normal = folder / "depthmap-0042.png", folder / "depthmap-0042-normalmap.png"
    assert np.asarray(Image.open(depth)).max() > 255
    text = Image.open(normal).info
    assert text["parameters"] == "a cup\nSeed: 11"
    assert text["extras"].startswith("Depth output: normalmap, gen_normalmap: True")
    assert forge.images.saved == [(str(normal), "extras", None)]


def test_it_waits_in_the_hosts_queue(host: Any) -> None:
    job = jobs.PanelJob()
    with host.call_queue.queue_lock:
        worker = threading.Thread(
            target=finish,
            args=(WebUIHost(), single.work(WebUIHost(), [picture(), False, None]), Options(), job),
        )
        worker.start()
        time.sleep(0.5)
        assert job.stage == "waiting for the WebUI's other work"
        assert host.shared.state.jobs == []
    worker.join(60)
    assert host.shared.state.jobs == ["depth", "end"]
    assert not host.call_queue.queue_lock.locked()


def test_interrupt_while_waiting(host: Any) -> None:
    job = jobs.PanelJob()
    with host.call_queue.queue_lock:
        steps = run.run(
            WebUIHost(), single.work(WebUIHost(), [picture(), False, None]), Options(), job, save=True
        )
        next(steps)
        job.stop()
        assert next(steps).stopped
    time.sleep(0.3)
    assert not list(Path(host.shared.opts.outdir_extras_samples).glob("*"))
    assert not host.call_queue.queue_lock.locked()


def test_the_hosts_interrupt_works_in_the_tab(host: Any) -> None:
    job = jobs.PanelJob()
    job.begun = True
    job.report("network", 3, 10)
    host.shared.state.skipped = True
    WebUIHost().mirror(job)
    assert job.is_set()
    assert not job.stopped
    assert host.shared.state.skipped is False
    assert (host.shared.state.sampling_step, host.shared.state.sampling_steps) == (3, 10)
    host.shared.state.interrupted = True
    WebUIHost().mirror(job)
    assert job.stopped


def test_hidden_folders_are_hidden(host: Any, tmp_path: Path) -> None:
    host.shared.cmd_opts.hide_ui_dir_config = True
    place = WebUIHost()
    with pytest.raises(ValueError, match="--hide-ui-dir-config"):
        folder.work(place, [str(tmp_path), "", True])
    place.open_folder()
    assert host.util.opened == []
    host.shared.cmd_opts.hide_ui_dir_config = False
    place.open_folder()
    assert host.util.opened == [host.shared.opts.outdir_extras_samples]


def test_a_long_stage_says_how_long_it_still_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    job = jobs.PanelJob()
    job.report("boost: whole picture", 0, 1000)
    now[0] += 2
    job.report("boost: whole picture", 100, 1000)
    assert job.seconds_left() is None, "too early to tell"
    now[0] += 8
    job.report("boost: patch 1 of 6", 250, 1000)
    assert job.seconds_left() == 30
    assert "about 30 s left" in style.bar(job)
    now[0] += 190
    assert "about 10 min left" in style.bar(job)
    job.report("upsample", 0, 1)
    assert job.seconds_left() is None
    assert "left" not in style.bar(job)
