"""A person at the panel: what she sees, presses and gets."""

from __future__ import annotations

import base64
import http.server
import io
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rilievo
from checkpoints import network
from PIL import Image

from .conftest import ROOT, Server, serve

PHOTO = ROOT / "docs/photos/table_coffee.jpg"
DONE = "#depthmap_message .rilievo-info"
FAILED = "#depthmap_message .rilievo-error"


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small photo, so that the machine that runs the tests is not kept busy."""
    path = tmp_path_factory.mktemp("photos") / "coffee.png"
    image = Image.open(PHOTO).convert("RGB")
    image.thumbnail((320, 320))
    image.save(path)
    return path


def upload(page: Any, where: str, *files: Path) -> None:
    page.set_input_files(f"#{where} input[type=file]", [str(file) for file in files])


def upload_picture(page: Any, file: Path, where: str = "depthmap_input_image") -> None:
    upload(page, where, file)
    page.wait_for_selector(f"#{where} img")


def switch(page: Any, name: str, on: bool = True) -> None:
    page.set_checked(f"#depthmap_{name} input[type=checkbox]", on)


def generate(page: Any, result: str = DONE) -> str:
    page.click("#depthmap_generate")
    page.wait_for_selector(result)
    return str(page.inner_text("#depthmap_message"))


def open_tab(page: Any, title: str) -> None:
    page.get_by_role("tab", name=title).or_(
        page.locator("#depthmap_tabs .tab-nav button", has_text=title)
    ).first.click()


def fetched(page: Any, source: str) -> bytes:
    """What is behind an address of the page, as the browser gets it."""
    if source.startswith("data:"):
        return base64.b64decode(source.split(",", 1)[1])
    return bytes(page.request.get(source).body())


def gallery(page: Any, count: int) -> list[np.ndarray[Any, Any]]:
    """The pictures in the gallery, at full size, in order."""
    thumbnails = page.locator("#depthmap_gallery .thumbnails img, #depthmap_gallery .grid-container img")
    page.wait_for_function(
        "n => document.querySelectorAll('#depthmap_gallery .thumbnails img, #depthmap_gallery .grid-container img').length >= n",
        arg=count,
    )
    sources = [thumbnails.nth(i).evaluate("img => img.src") for i in range(thumbnails.count())]
    return [np.asarray(Image.open(io.BytesIO(fetched(page, source)))) for source in dict.fromkeys(sources)]


def downloads(page: Any) -> dict[str, bytes]:
    """The files offered, by the end of their names."""
    page.wait_for_selector("#depthmap_files a[href]")
    links = page.locator("#depthmap_files a[href]").evaluate_all(
        "all => all.map(a => [a.download || a.href, a.href])"
    )
    return {Path(name).name: fetched(page, href) for name, href in links}


def test_options_show_and_hide_each_other(page: Any) -> None:
    def seen(name: str) -> bool:
        return bool(page.locator(f"#depthmap_{name}").is_visible())

    assert seen("gen_stereo")
    assert seen("net_width")
    assert not seen("stereo_divergence")
    switch(page, "gen_stereo")
    page.wait_for_selector("#depthmap_stereo_divergence", state="visible")
    switch(page, "gen_normalmap")
    page.wait_for_selector("#depthmap_normalmap_sobel_kernel", state="visible")
    assert not seen("normalmap_pre_blur_kernel")
    switch(page, "gen_normalmap", False)
    # A rule of a rule: the kernel hangs on a switch that hangs on another.
    page.wait_for_selector("#depthmap_normalmap_sobel_kernel", state="hidden")
    # A rule with several switches: any of them shows what it needs.
    assert not seen("simple_mesh_fov")
    switch(page, "gen_point_cloud")
    page.wait_for_selector("#depthmap_simple_mesh_fov", state="visible")
    switch(page, "gen_camera_normalmap")
    switch(page, "gen_point_cloud", False)
    page.wait_for_selector("#depthmap_point_cloud_voxel", state="hidden")
    assert seen("simple_mesh_fov")
    switch(page, "gen_camera_normalmap", False)
    page.wait_for_selector("#depthmap_simple_mesh_fov", state="hidden")
    switch(page, "net_size_match")
    page.wait_for_selector("#depthmap_net_width", state="hidden")
    switch(page, "clipdepth")
    page.wait_for_selector("#depthmap_clipdepth_far", state="visible")
    page.fill("#depthmap_clipdepth_near input[type=number]", "0.3")
    page.press("#depthmap_clipdepth_near input[type=number]", "Enter")
    page.fill("#depthmap_clipdepth_far input[type=number]", "0.6")
    page.press("#depthmap_clipdepth_far input[type=number]", "Enter")
    page.wait_for_function(
        "() => document.querySelector('#depthmap_clipdepth_near input[type=number]').value == '0.6'"
    )


def test_results_are_those_of_generate(page: Any, server: Server, photo: Path) -> None:
    upload_picture(page, photo)
    for name in ("gen_stereo", "gen_normalmap", "gen_dof"):
        switch(page, name)
    text = generate(page)
    expected = list(rilievo.generate(photo, gen_stereo=True, gen_normalmap=True, gen_dof=True))
    assert f"{len(expected)} results of 1 picture" in text
    assert "model: pocket" in text
    shown = gallery(page, len(expected))
    assert len(shown) == len(expected)
    for output, seen in zip(expected, shown):
        values = output.payload
        wanted = (values >> 8).astype(np.uint8) if values.dtype == np.uint16 else values
        np.testing.assert_array_equal(seen, wanted, err_msg=output.kind)
    files = downloads(page)
    assert len(files) == len(expected)
    depth = next(data for name, data in files.items() if name.endswith("0000.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(depth))), expected[0].payload)
    assert sorted(path.name for path in server.output.iterdir() if path.name.startswith("depthmap-0000")) == [
        "depthmap-0000-dof.png",
        "depthmap-0000-left-right.png",
        "depthmap-0000-normalmap.png",
        "depthmap-0000-red-cyan-anaglyph.png",
        "depthmap-0000.png",
    ]


def test_a_custom_map_keeps_its_16_bits(page: Any, server: Server, photo: Path, tmp_path: Path) -> None:
    width, height = Image.open(photo).size
    ramp = np.linspace(0, 65000, width * height).astype(np.uint16).reshape(height, width)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    upload_picture(page, photo)
    switch(page, "use_custom")
    upload_picture(page, tmp_path / "ramp.png", "depthmap_custom")
    switch(page, "save_output", False)
    before = set(server.output.glob("*"))
    generate(page)
    (data,) = downloads(page).values()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), ramp)
    assert set(server.output.glob("*")) == before, "saving was switched off"


def test_a_mesh_is_shown_and_offered(page: Any, photo: Path, tmp_path: Path) -> None:
    # Tiny: without a graphics card the browser draws every triangle itself.
    Image.open(photo).resize((48, 32)).save(tmp_path / "tiny.png")
    upload_picture(page, tmp_path / "tiny.png")
    switch(page, "do_output_depth", False)
    switch(page, "gen_simple_mesh")
    page.wait_for_selector("#depthmap_mesh_format", state="visible")
    generate(page)
    page.wait_for_selector("#depthmap_mesh canvas", state="attached")
    files = downloads(page)
    (name,) = files
    assert name.endswith("-simple.glb")
    assert files[name][:4] == b"glTF"


def test_batch_of_uploads_keeps_their_names(page: Any, server: Server, photo: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    second = tmp_path / "second.png"
    second.write_bytes(photo.read_bytes())
    open_tab(page, "Batch Process")
    upload(page, "depthmap_batch_files", photo, broken, second)
    page.wait_for_function(
        "() => document.querySelector('#depthmap_batch_files').innerText.includes('second')"
    )
    text = generate(page)
    assert "2 results of 2 pictures" in text
    assert "broken" in text
    assert {"coffee-0000.png", "second-0000.png"} <= {path.name for path in server.output.iterdir()}


def test_batch_from_directory_reuses_maps(page: Any, photo: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for name in ("a.png", "b.png"):
        (source / name).write_bytes(photo.read_bytes())
    width, height = Image.open(photo).size
    ramp = np.linspace(0, 65000, width * height).astype(np.uint16).reshape(height, width)
    Image.fromarray(ramp).save(target / "a-0000.png")
    open_tab(page, "Batch from Directory")
    page.fill("#depthmap_batch_input_dir textarea, #depthmap_batch_input_dir input", str(source))
    page.fill("#depthmap_batch_output_dir textarea, #depthmap_batch_output_dir input", str(target))
    switch(page, "gen_heatmap")
    text = generate(page)
    assert "3 results of 2 pictures, 1 with the depth map that was there" in text
    np.testing.assert_array_equal(
        np.asarray(Image.open(target / "a-0001-heatmap.png")), rilievo.heat_map(ramp)
    )
    assert sorted(path.name for path in target.iterdir()) == [
        "a-0000.png",
        "a-0001-heatmap.png",
        "b-0000-heatmap.png",
        "b-0000.png",
    ]


def test_errors_are_sentences(page: Any, tmp_path: Path) -> None:
    assert "there is no picture yet" in generate(page, FAILED)
    open_tab(page, "Batch from Directory")
    # The first error stands there until the second takes its place.
    page.click("#depthmap_generate")
    page.wait_for_selector(f"{FAILED}:has-text('there is no input directory')")
    page.fill(
        "#depthmap_batch_input_dir textarea, #depthmap_batch_input_dir input", str(tmp_path / "nowhere")
    )
    page.click("#depthmap_generate")
    page.wait_for_selector(f"{FAILED}:has-text('there is no such folder')")


def test_progress_is_seen_and_interrupt_stops(page: Any, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    # Large enough that every picture is seen at work on a fast machine.
    noise = np.random.default_rng(1).integers(0, 255, (2400, 3200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(source / "00.jpg")
    for number in range(1, 30):
        shutil.copy(source / "00.jpg", source / f"{number:02}.jpg")
    open_tab(page, "Batch from Directory")
    page.fill("#depthmap_batch_input_dir textarea, #depthmap_batch_input_dir input", str(source))
    page.fill("#depthmap_batch_output_dir textarea, #depthmap_batch_output_dir input", str(tmp_path / "out"))
    for name in ("gen_stereo", "gen_normalmap"):
        switch(page, name)
    page.click("#depthmap_generate")
    page.wait_for_selector("#depthmap_progress .rilievo-bar:has-text('picture 2 of 30')")
    assert page.is_disabled("#depthmap_generate")
    page.click("#depthmap_skip")
    page.wait_for_selector("#depthmap_progress .rilievo-bar:has-text('picture 4 of 30')")
    page.click("#depthmap_interrupt")
    page.wait_for_selector(DONE)
    text = page.inner_text("#depthmap_message")
    assert "1 skipped" in text
    assert "stopped" in text
    page.wait_for_selector("#depthmap_generate:not([disabled])")
    assert not page.locator("#depthmap_progress .rilievo-bar").count()


def test_models_say_what_they_are_and_can_be_fetched(chromium: Any, server: Server, tmp_path: Path) -> None:
    # Nothing leaves this machine: the hub is an address nobody listens at.
    with serve(server.version, tmp_path, HF_ENDPOINT="http://127.0.0.1:9", RILIEVO_RETRIES="0") as other:
        page = chromium.new_page()
        page.set_default_timeout(120_000)
        page.goto(other.url)
        page.wait_for_selector("#depthmap_generate")
        assert "Pocket" in page.inner_text("#depthmap_model_card")
        page.click("#depthmap_model_type input")
        page.locator("ul li", has_text="Depth Anything v2 Base").first.click()
        page.wait_for_selector("#depthmap_model_card:has-text('CC-BY-NC-4.0')")
        card = page.inner_text("#depthmap_model_card")
        assert "390 MB" in card
        assert "no commercial use" in card
        assert "not downloaded yet" in card
        assert page.input_value("#depthmap_net_width input[type=number]") == "518"
        page.click("#depthmap_download")
        page.wait_for_selector("#depthmap_download_progress .rilievo-error")
        said = page.inner_text("#depthmap_download_progress")
        assert "127.0.0.1:9" in said
        assert page.is_visible("#depthmap_download"), "it can be tried again"
        page.close()


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub with one file, which it sends drop by drop until ``hurry`` is set."""

    body = network("depth_anything_v2_vits")
    piece = 256 * 1024
    hurry: threading.Event
    ranges: list[str]

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.ranges.append(asked)
        start = int(asked[len("bytes=") : -1]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("ETag", '"one"')
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        try:
            for place in range(start, len(self.body), self.piece):
                self.wfile.write(self.body[place : place + self.piece])
                self.hurry.wait(0.2)
        except ConnectionError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    """Where it is."""
    Hub.hurry, Hub.ranges = threading.Event(), []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    Hub.hurry.set()
    server.shutdown()
    server.server_close()


def test_a_download_is_stopped_goes_on_and_ends(
    chromium: Any, server: Server, tmp_path: Path, hub: str
) -> None:
    with serve(server.version, tmp_path, HF_ENDPOINT=hub, NO_PROXY="127.0.0.1") as other:
        page = chromium.new_page()
        page.set_default_timeout(120_000)
        page.goto(other.url)
        page.wait_for_selector("#depthmap_generate")
        page.click("#depthmap_model_type input")
        page.locator("ul li", has_text="Depth Anything v2 Small").first.click()
        page.wait_for_selector("#depthmap_model_card:has-text('not downloaded yet')")
        page.wait_for_selector("#depthmap_download:has-text('Depth Anything v2 Small')")
        page.click("#depthmap_download")
        bar = page.locator("#depthmap_download_progress .rilievo-bar")
        page.wait_for_function(
            "() => / [1-9]\\d? %/.test(document.querySelector('#depthmap_download_progress').innerText)"
        )
        assert not page.is_visible("#depthmap_download"), "one at a time"
        page.click("#depthmap_download_stop")
        page.wait_for_selector("#depthmap_download_progress .rilievo-info:has-text('Stopped')")
        assert page.is_visible("#depthmap_download")
        assert not page.is_visible("#depthmap_download_stop")
        Hub.hurry.set()
        page.click("#depthmap_download")
        page.wait_for_selector("#depthmap_model_card:has-text('on this machine')")
        assert "is on this machine now" in page.inner_text("#depthmap_download_progress")
        assert not bar.count()
        assert not page.is_visible("#depthmap_download")
        assert Hub.ranges[0] == ""
        assert re.fullmatch(r"bytes=[1-9]\d*-", Hub.ranges[1]), "it began anew"
        (path,) = (tmp_path / "data").rglob("depth_anything_v2_vits.pth")
        assert path.read_bytes() == Hub.body
        page.close()


def test_the_panel_has_no_public_api_of_folders(server: Server) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    place = "gradio_api/info" if server.version == "5" else "info"
    with opener.open(server.url + place, timeout=60) as answer:
        text = answer.read().decode()
    assert "depthmap_batch_input_dir" not in text
    assert '"named_endpoints":{}' in text.replace(" ", "")
