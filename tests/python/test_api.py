"""HTTP: the reference's routes and the typed API, on an application that a host might have."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rilievo
from fastapi import FastAPI
from PIL import Image
from rilievo import _native, api
from rilievo.api import errors
from rilievo.options import Options, rows
from rilievo.recipes import KINDS, asking_for
from starlette.testclient import TestClient

GENERATE, JOBS = "/depth/v2/generate", "/depth/v2/jobs"


def picture(width: int = 48, height: int = 32) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 5 % 256, y * 7 % 256, (x + y) % 256], -1).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


PHOTO = png(picture())
PHOTO_64 = base64_of(PHOTO)
CUT_SHORT = PHOTO[: len(PHOTO) // 2]
DEPTH = np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) * 40


@contextlib.contextmanager
def served(**how: Any) -> Iterator[TestClient]:
    app = FastAPI()
    service = api.mount(app, **how)
    try:
        # Without raising: an unforeseen exception must be seen as a client sees it.
        with TestClient(app, raise_server_exceptions=False) as client:
            client.service = service
            yield client
    finally:
        service.close()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with served() as client:
        yield client


def decoded(text: str) -> np.ndarray:
    data = base64.b64decode(text)
    values = np.asarray(Image.open(io.BytesIO(data)))
    # Pillow 9 widens 16 bits to 32; the file itself says how many it has.
    return values.astype(np.uint16) if data[24] == 16 else values


def refused(answer: Any, status: int, code: str, *parts: str) -> None:
    assert answer.status_code == status, answer.text[:500]
    body = answer.json()
    assert body["code"] == code
    for part in parts:
        assert part in body["detail"]


# --- the reference's routes --------------------------------------------------------------------------


def test_version_and_options_answer_as_the_reference(client):
    assert client.get("/depth/version").json()["version"] == "v0.4.8"
    names = client.get("/depth/get_options").json()["options"]
    assert names == sorted(names)
    assert {"gen_stereo", "clipdepth_near", "stereo_modes"} <= set(names)
    assert "weights" not in names


def test_the_references_request_gives_its_answer(client):
    body = {
        "depth_input_images": ["data:image/png;base64," + PHOTO_64, PHOTO_64],
        "options": {
            "MODEL_TYPE": "pocket",
            "compute_device": "CPU",
            "Gen_Stereo": True,
            "stereo_modes": ["left-right"],
        },
    }
    answer = client.post("/depth/generate", json=body)
    assert answer.status_code == 200
    document = answer.json()
    assert set(document) == {"images", "info"}
    assert document["info"] == "Success"
    depth, stereo, again, _ = map(decoded, document["images"])
    assert depth.dtype == np.uint16
    assert depth.shape == (32, 48)
    assert stereo.shape == (32, 96, 3)
    np.testing.assert_array_equal(depth, again)
    expected = next(iter(rilievo.generate(picture(), model_type="pocket"))).payload
    np.testing.assert_array_equal(depth, expected)


def test_the_references_route_says_what_it_ignores(client):
    body = {"depth_input_images": [PHOTO_64], "options": {"magic": 1, "gen_simple_mesh": True}}
    document = client.post("/depth/generate", json=body).json()
    assert document["info"] == "Success"
    assert len(document["images"]) == 1
    assert "magic" in document["notes"][0]
    assert "/depth/v2" in document["notes"][1]


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({}, 422, "No images supplied"),
        ({"depth_input_images": []}, 422, "No images supplied"),
        ({"depth_input_images": ["#"]}, 422, "depth_input_images[0]"),
        ({"depth_input_images": [PHOTO_64], "options": {"clipdepth_far": 2}}, 422, "clipdepth_far"),
        ({"depth_input_images": [PHOTO_64], "options": {"model_type": "midas_v9"}}, 422, "midas_v9"),
        ({"depth_input_images": [PHOTO_64], "options": None}, 200, ""),
        ({"depth_input_images": [PHOTO_64], "options": [1]}, 422, "options"),
    ],
)
def test_the_references_route_fails_with_a_sentence(client, body, status, part):
    answer = client.post("/depth/generate", json=body)
    assert answer.status_code == status
    if status != 200:
        assert part in answer.json()["detail"]


def test_the_references_route_of_videos_says_what_there_is_instead(client):
    answer = client.post("/depth/generate/video", json={"options": {"model_type": 0}})
    assert answer.status_code == 404
    assert "parallax" in answer.json()["detail"]
    assert "/depth/generate/video" not in client.get("/depth/v2/openapi.json").json()["paths"]


# --- generate ----------------------------------------------------------------------------------------


def test_json_in_results_in_json(client):
    wanted = ["depth", "depth_prediction:exr", "left-right:webp", "heatmap", "simple_mesh:ply"]
    document = client.post(GENERATE, json={"images": [PHOTO_64], "outputs": wanted}).json()
    assert document["model"] == "pocket"
    found = {result["kind"]: result for result in document["results"]}
    assert {kind: result["format"] for kind, result in found.items()} == {
        "depth": "png",
        "depth_prediction": "exr",
        "left-right": "webp",
        "heatmap": "png",
        "simple_mesh": "ply",
    }
    assert decoded(found["depth"]["data"]).dtype == np.uint16
    assert found["depth"]["shape"] == {"width": 48, "height": 32}
    assert base64.b64decode(found["depth_prediction"]["data"])[:4] == b"\x76\x2f\x31\x01"
    assert base64.b64decode(found["simple_mesh"]["data"])[:4] == b"ply\n"
    assert set(found["simple_mesh"]["shape"]) == {"vertices", "faces"}
    for result in found.values():
        assert len(base64.b64decode(result["data"])) == result["bytes"]


def test_a_form_in_one_file_out(client):
    answer = client.post(
        GENERATE,
        params={"response": "file"},
        files={"image": ("a.png", PHOTO)},
        data={"outputs": "depth:npy"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-npy"
    assert answer.headers["content-disposition"] == 'attachment; filename="0-depth.npy"'
    values = np.load(io.BytesIO(answer.content))
    np.testing.assert_array_equal(values, next(iter(rilievo.generate(picture()))).payload)


def test_a_form_in_several_files_out(client):
    answer = client.post(
        GENERATE,
        params={"response": "file"},
        files=[("image", ("a.png", PHOTO)), ("image", ("b.png", PHOTO))],
        data={"gen_simple_mesh": "true", "mesh_format": "obj", "simple_mesh_occlude": "off"},
    )
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == ["0-depth.png", "0-simple_mesh.obj", "1-depth.png", "1-simple_mesh.obj"]
    assert archive.testzip() is None


@pytest.mark.parametrize("way", ["json", "form"])
def test_a_depth_map_of_its_own_keeps_its_16_bits(client, way):
    depth = png(DEPTH)
    if way == "json":
        body = {"images": [PHOTO_64, PHOTO_64], "depth_maps": [base64_of(depth), None], "outputs": ["depth"]}
        results = client.post(GENERATE, json=body).json()["results"]
        assert len(results) == 2
        values = decoded(results[0]["data"])
    else:
        files = {"image": ("a.png", PHOTO), "depth_map": ("d.png", depth)}
        answer = client.post(GENERATE, params={"response": "file"}, files=files, data={"outputs": "depth"})
        values = np.asarray(Image.open(io.BytesIO(answer.content)))
    np.testing.assert_array_equal(values, DEPTH)


def test_every_kind_can_be_had_in_every_format(client):
    for kind, about in KINDS.items():
        for format in about.formats:
            body = {
                "images": [PHOTO_64],
                "depth_maps": [base64_of(png(DEPTH))],
                "outputs": [f"{kind}:{format}"],
            }
            answer = client.post(GENERATE, json=body)
            assert [(r["kind"], r["format"]) for r in answer.json()["results"]] == [(kind, format)], (
                answer.text
            )


def test_a_mesh_with_a_material_comes_without_it(client):
    body = {"images": [PHOTO_64], "depth_maps": [base64_of(png(DEPTH))]}
    options = {"gen_simple_mesh": True, "do_output_depth": False, "mesh_format": "obj-textured"}
    (result,) = client.post(GENERATE, json={**body, "options": options}).json()["results"]
    assert (result["format"], result["media_type"]) == ("obj", "model/obj")
    assert b"mtllib" not in base64.b64decode(result["data"])


def test_the_table_of_kinds_holds_whatever_a_run_can_give():
    everything = asking_for(KINDS)
    assert everything["output_depth_both"] is True
    found = [output.kind for output in rilievo.generate(picture(), Options(**everything))]
    assert set(found) == set(KINDS)
    named_like_switches = {name for name in rows() if name.startswith(("gen_", "do_output_"))}
    assert named_like_switches <= set(everything), "a switch that KINDS does not know"


def test_pictures_carry_their_options_but_no_path(client):
    answer = client.post(
        GENERATE, json={"images": [PHOTO_64], "outputs": ["depth"], "options": {"clipdepth": True}}
    )
    image = Image.open(io.BytesIO(base64.b64decode(answer.json()["results"][0]["data"])))
    assert json.loads(image.text["rilievo"])["options"] == {"clipdepth": True}


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        ({}, 422, "invalid", "images"),
        ({"images": PHOTO_64}, 422, "invalid", "images must be a list"),
        ({"images": [7]}, 422, "invalid", "images[0]"),
        ({"images": ["http://127.0.0.1/a.png"]}, 422, "invalid", "fetches none"),
        ({"images": [{"path": "/etc/passwd"}]}, 422, "invalid", "images[0]"),
        ({"images": [base64_of(b"no picture at all")]}, 422, "unreadable_picture", "images[0]"),
        ({"images": [base64_of(CUT_SHORT)]}, 422, "unreadable_picture", "images[0]"),
        ({"images": [PHOTO_64], "more": 1}, 422, "invalid", "'more'"),
        ({"images": [PHOTO_64] * 17}, 413, "too_large", "17 pictures"),
        ({"images": [PHOTO_64], "depth_maps": [None, None]}, 422, "invalid", "2 depth maps"),
        ({"images": [PHOTO_64], "outputs": []}, 422, "invalid", "outputs"),
        ({"images": [PHOTO_64], "outputs": ["smell"]}, 422, "invalid", "'smell'"),
        ({"images": [PHOTO_64], "outputs": ["depth:gif"]}, 422, "invalid", "'gif'"),
        ({"images": [PHOTO_64], "outputs": ["depth", "depth:npy"]}, 422, "invalid", "twice"),
        (
            {"images": [PHOTO_64], "outputs": ["depth"], "options": {"gen_stereo": True}},
            422,
            "invalid",
            "gen_stereo",
        ),
        ({"images": [PHOTO_64], "options": {"magic": 1}}, 422, "invalid", "'magic'"),
        ({"images": [PHOTO_64], "options": {"gen_stereo": "yes"}}, 422, "invalid", "gen_stereo"),
        ({"images": [PHOTO_64], "options": {"net_width": 64.5}}, 422, "invalid", "net_width"),
        ({"images": [PHOTO_64], "options": {"net_width": 10**400}}, 422, "invalid", "net_width"),
        ({"images": [PHOTO_64], "options": {"weights": "/etc/passwd"}}, 422, "invalid", "'weights'"),
        ({"images": [PHOTO_64], "options": {"compute_device": "tpu"}}, 422, "invalid", "tpu"),
        ({"images": [PHOTO_64], "options": {"net_width": 8192}}, 413, "too_large", "8192x8192"),
        ({"images": [PHOTO_64], "options": {"model_type": "midas_v9"}}, 422, "invalid", "midas_v9"),
        (
            {"images": [PHOTO_64], "options": {"model_type": "depth_anything_v2_large"}},
            422,
            "model_missing",
            "rilievo models download",
        ),
    ],
)
def test_a_wrong_request_is_one_sentence_that_names_the_field(client, body, status, code, part):
    refused(client.post(GENERATE, json=body), status, code, part)


def test_bodies_that_are_no_request(client):
    def json_body(data: bytes) -> Any:
        return client.post(GENERATE, content=data, headers={"Content-Type": "application/json"})

    refused(json_body(b"{"), 400, "bad_request", "JSON")
    refused(json_body(b"[" * 100_000), 400, "bad_request", "JSON")
    refused(json_body(b"[1]"), 400, "bad_request", "object")
    refused(json_body(b"\xff\xfe"), 400, "bad_request", "JSON")
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        refused(
            client.post(GENERATE, content=b"x", headers={"Content-Type": kind}), 415, "unsupported_media_type"
        )
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = client.post(GENERATE, content=b"--y\r\nnothing", headers={"Content-Type": kind})
        assert answer.status_code in (400, 422)
        assert answer.json()["code"] in ("bad_request", "invalid")
    refused(client.post(GENERATE, data={"outputs": "depth"}, files={"magic": b"1"}), 422, "invalid", "magic")
    refused(client.post(GENERATE, files={"image": PHOTO}, data={"magic": "1"}), 422, "invalid", "magic")
    refused(
        client.post(GENERATE, files={"image": PHOTO}, data={"gen_stereo": "perhaps"}),
        422,
        "invalid",
        "gen_stereo",
    )
    refused(client.post(GENERATE, files={"outputs": PHOTO}), 422, "invalid", "outputs")


# --- limits ------------------------------------------------------------------------------------------


def bomb(side: int) -> bytes:
    """A small file of a large picture."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG", optimize=True)
    return file.getvalue()


def test_a_decompression_bomb_is_refused_before_it_is_decoded(client):
    data = bomb(12_000)
    assert len(data) < 40_000
    started = time.perf_counter()
    refused(client.post(GENERATE, json={"images": [base64_of(data)]}), 413, "too_large", "12000x12000")
    answer = client.post(GENERATE, files={"image": PHOTO, "depth_map": data})
    refused(answer, 413, "too_large", "depth_map[0]")
    assert time.perf_counter() - started < 2


def test_what_only_the_decoder_can_measure_is_refused_by_the_decoder():
    # Pillow does not know farbfeld.
    large = b"farbfeld" + (300).to_bytes(4, "big") * 2 + bytes(300 * 300 * 8)
    with served(limits=api.Limits(max_pixels=10_000)) as client:
        answer = client.post(GENERATE, json={"images": [base64_of(large)]})
        refused(answer, 422, "unreadable_picture", "images[0]", "10000")


def test_limits_are_limits():
    limits = api.Limits(max_pixels=48 * 32, max_pictures=1, max_body=10_000, max_net_pixels=1000)
    with served(limits=limits) as client:
        assert client.post(GENERATE, json={"images": [PHOTO_64]}).status_code == 200
        refused(client.post(GENERATE, files={"image": png(picture(49, 32))}), 413, "too_large", "49x32")
        refused(client.post(GENERATE, json={"images": [PHOTO_64] * 2}), 413, "too_large", "2 pictures")
        refused(client.post(GENERATE, json={"images": ["A" * 10_000]}), 413, "too_large", "10000 bytes")
        refused(client.post(GENERATE, files={"image": b"A" * 10_000}), 413, "too_large", "10000 bytes")
        matched = {"images": [PHOTO_64], "options": {"net_size_match": True}}
        refused(client.post(GENERATE, json=matched), 413, "too_large", "48x32")

        def endless() -> Iterator[bytes]:
            # Without a Content-Length, so only counting helps.
            for _ in range(1000):
                yield b"A" * 1000

        answer = client.post(GENERATE, content=endless(), headers={"Content-Type": "application/json"})
        refused(answer, 413, "too_large")
        assert client.get("/depth/v2").json()["limits"]["max_body"] == 10_000
    with pytest.raises(ValueError, match="max_queue is 0"):
        api.Limits(max_queue=0)


class Gate:
    """A host's lock that a test holds closed."""

    def __init__(self) -> None:
        self.open = threading.Event()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        self.open.wait(30)
        yield


def test_a_full_queue_says_when_to_come_again():
    gate = Gate()
    with served(limits=api.Limits(max_queue=2), around=gate) as client:
        jobs = []
        for _ in range(3):
            jobs.append(client.post(JOBS, json={"images": [PHOTO_64]}).json())
            # The first one leaves the queue for the worker.
            until = time.monotonic() + 10
            while (
                client.get(f"{JOBS}/{jobs[0]['id']}").json()["state"] == "queued" and time.monotonic() < until
            ):
                time.sleep(0.01)
        answer = client.post(JOBS, json={"images": [PHOTO_64]})
        refused(answer, 503, "queue_full", "2 requests")
        assert int(answer.headers["retry-after"]) >= 1
        assert [client.get(f"{JOBS}/{job['id']}").json()["position"] for job in jobs] == [None, 0, 1]
        gate.open.set()
        for job in jobs:
            assert client.get(f"{JOBS}/{job['id']}?wait=30").json()["state"] == "done"


def test_a_job_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(rilievo, "generate", never_ending)
    with served(limits=api.Limits(max_seconds=1)) as client:
        refused(client.post(GENERATE, json={"images": [PHOTO_64]}), 504, "timeout", "1 s")


def test_the_disk_is_bounded_and_old_results_make_room():
    with served(limits=api.Limits(max_stored=20_000)) as client:
        first, second = (
            client.get(f"{JOBS}/{client.post(JOBS, json=body).json()['id']}?wait=30").json()
            for body in [{"images": [base64_of(png(picture(64, 64)))], "outputs": ["depth:npy"]}] * 2
        )
        assert second["state"] == "done"
        third = client.post(GENERATE, json={"images": [PHOTO_64], "outputs": ["depth_prediction"]})
        assert third.status_code == 200
        refused(client.get(f"{JOBS}/{first['id']}"), 404, "not_found")
        too_much = {"images": [base64_of(png(picture(200, 200)))], "outputs": ["depth:npy"]}
        refused(client.post(GENERATE, json=too_much), 503, "storage_full")


def test_results_expire():
    with served(limits=api.Limits(keep_seconds=1)) as client:
        job = client.post(JOBS, json={"images": [PHOTO_64]}).json()
        done = client.get(f"{JOBS}/{job['id']}?wait=30").json()
        assert 0 < done["expires_in"] <= 1
        folder = client.service.jobs.find(job["id"]).folder
        assert folder.is_dir()
        time.sleep(1.1)
        refused(client.get(done["results"][0]["url"]), 404, "not_found", "expired")
        assert not folder.exists()


# --- jobs --------------------------------------------------------------------------------------------


def never_ending(*_: Any, progress: Any, cancel: Any, **__: Any) -> Iterator[Any]:
    for step in range(10_000):
        progress("waiting", step, 10_000)
        if cancel.is_set():
            raise _native.Cancelled("cancelled")
        time.sleep(0.01)
    yield from ()


def test_a_job_from_queue_to_results(client):
    answer = client.post(JOBS, files={"image": ("a.png", PHOTO)}, data={"outputs": "depth,heatmap:webp"})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    done = client.get(answer.headers["location"] + "?wait=30").json()
    assert done["state"] == "done"
    assert done["model"] == "pocket"
    assert done["progress"]["pictures"] == 1
    assert [(result["kind"], result["format"]) for result in done["results"]] == [
        ("depth", "png"),
        ("heatmap", "webp"),
    ]
    for result in done["results"]:
        file = client.get(result["url"])
        assert file.headers["content-type"] == result["media_type"]
        assert len(file.content) == result["bytes"] == int(file.headers["content-length"])
        assert Image.open(io.BytesIO(file.content)).size == (48, 32)
    folder = client.service.jobs.find(job["id"]).folder
    assert sorted(path.name for path in folder.iterdir()) == ["0-depth.png", "0-heatmap.webp"]
    refused(client.get(f"{JOBS}/{job['id']}/results/1-depth.png"), 404, "not_found", "1-depth.png")
    refused(client.get(f"{JOBS}/{job['id']}?wait=1000"), 422, "invalid", "1000")
    assert client.delete(f"{JOBS}/{job['id']}").json() == {"id": job["id"]}
    assert not folder.exists()
    refused(client.get(f"{JOBS}/{job['id']}"), 404, "not_found")
    refused(client.delete(f"{JOBS}/{job['id']}"), 404, "not_found")


def test_a_running_job_shows_progress_and_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(rilievo, "generate", never_ending)
    with served() as client:
        job, waiting = (client.post(JOBS, json={"images": [PHOTO_64]}).json()["id"] for _ in range(2))
        until = time.monotonic() + 10
        while (state := client.get(f"{JOBS}/{job}").json())["progress"] is None and time.monotonic() < until:
            time.sleep(0.01)
        assert state["state"] == "running"
        assert state["progress"]["stage"] == "waiting"
        refused(client.get(f"{JOBS}/{job}/results/0-depth.png"), 409, "not_ready")
        folders = [client.service.jobs.find(id_).folder for id_ in (job, waiting)]
        for id_ in (waiting, job):
            assert client.delete(f"{JOBS}/{id_}").status_code == 200
        while any(folder.exists() for folder in folders) and time.monotonic() < until:
            time.sleep(0.01)
        assert not any(folder.exists() for folder in folders)


def test_a_failed_job_says_why(client):
    body = {"images": [PHOTO_64, base64_of(CUT_SHORT)], "outputs": ["depth"]}
    job = client.post(JOBS, json=body).json()["id"]
    state = client.get(f"{JOBS}/{job}?wait=30").json()
    assert state["state"] == "failed"
    assert state["error"]["code"] == "unreadable_picture"
    assert state["error"]["field"] == "images[1]"
    assert len(state["results"]) == 1


def test_closing_ends_everything_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(rilievo, "generate", never_ending)
    with served() as client:
        jobs = [client.post(JOBS, json={"images": [PHOTO_64]}).json()["id"] for _ in range(2)]
        root = client.service.jobs.find(jobs[0]).folder.parent
        started = time.monotonic()
        client.service.close()
        assert time.monotonic() - started < 5
        assert not root.exists()
        refused(client.post(JOBS, json={"images": [PHOTO_64]}), 503, "closing")


# --- who may, and what is shown ----------------------------------------------------------------------


def test_with_credentials_every_route_wants_them():
    with served(auth=api.credentials("ann:secret,bob:geheim\u00fc")) as client:
        paths = client.get("/openapi.json").json()["paths"]
        assert len(paths) >= 10
        for path, methods in {**paths, "/depth/v2/openapi.json": {"get": {}}}.items():
            for method in methods:
                answer = client.request(method, path)
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"] == "Basic"
        assert client.get("/depth/version", auth=("ann", "wrong")).status_code == 401
        assert client.get("/depth/version", auth=("bob", "secret")).status_code == 401
        assert client.get("/depth/version", auth=("ann", "secret")).status_code == 200
        assert client.post(GENERATE, auth=("ann", "secret"), json={"images": [PHOTO_64]}).status_code == 200
    with pytest.raises(ValueError, match="USER:PASSWORD"):
        api.credentials("ann")


def test_files_of_the_server_only_from_folders_the_operator_allowed(tmp_path):
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    for folder in (allowed, other):
        folder.mkdir()
        (folder / "a.png").write_bytes(PHOTO)
    (allowed / "link.png").symlink_to(other / "a.png")
    with served(folders=[allowed]) as client:
        for path in ("a.png", str(allowed / "a.png")):
            body = {"images": [{"path": path}], "outputs": ["depth"]}
            assert client.post(GENERATE, json=body).status_code == 200, path
        assert (allowed / "a.png").is_file()
        for path in (str(other / "a.png"), "../other/a.png", "link.png", "gone.png", "a\0b", 7, None):
            answer = client.post(GENERATE, json={"images": [{"path": path}]})
            refused(answer, 422, "invalid", "images[0].path")
            assert str(tmp_path) not in answer.text
        answer = client.post(GENERATE, json={"images": [PHOTO_64], "options": {"weights": "a.png"}})
        assert answer.status_code == 422
        assert str(tmp_path) not in answer.text
        assert "weights" in client.get("/depth/get_options").json()["options"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/models/deep/x.pth: gone", "[server]/x.pth: gone"),
        ("put it into C:\\Users\\ann\\x.pth by hand", "put it into [server]/x.pth by hand"),
        (f"{Path.home()}/My Models/x.pth is cut short", "[server]/My Models/x.pth is cut short"),
        ("see https://example.org/a/b or a/b", "see https://example.org/a/b or a/b"),
        ("near/far is 1/2", "near/far is 1/2"),
    ],
)
def test_no_path_of_the_server_is_shown(text, shown):
    assert errors.public(text) == shown


def test_what_nobody_foresaw_is_a_number_in_the_log(client, monkeypatch, caplog):
    def broken(*_: Any, **__: Any) -> Iterator[Any]:
        raise KeyError("/srv/secret")

    monkeypatch.setattr(rilievo, "generate", broken)
    answer = client.post(GENERATE, json={"images": [PHOTO_64]})
    refused(answer, 500, "internal", "number")
    assert "secret" not in answer.text
    assert answer.json()["detail"].split()[-1] in caplog.text


def test_models_and_options_are_listed_without_paths(client):
    models = client.get("/depth/v2/models").json()
    assert [model["id"] for model in models if model["default"]] == ["pocket"]
    assert not any("path" in model for model in models)
    options = client.get("/depth/v2/options").json()
    assert {option["name"] for option in options} == set(rows()) - {"weights"}


def test_the_description_is_made_from_the_option_table(client):
    document = client.get("/depth/v2/openapi.json").json()
    body = document["paths"][GENERATE]["post"]["requestBody"]["content"]["application/json"]["schema"]
    options = body["properties"]["options"]["properties"]
    assert set(options) == set(rows()) - {"weights"}
    assert options["clipdepth_far"]["maximum"] == 1
    assert options["normalmap_sobel_kernel"]["not"] == {"multipleOf": 2}
    assert options["mesh_format"]["enum"] == ["glb", "obj", "obj-textured", "ply"]
    assert "depth:exr" in body["properties"]["outputs"]["items"]["enum"]
    assert set(document["paths"]) == set(client.get("/openapi.json").json()["paths"])


def test_a_host_with_middleware_of_its_own():
    """The WebUI wraps every request; leaving clients must still be told from slow ones."""
    from starlette.middleware.base import BaseHTTPMiddleware

    app = FastAPI()

    async def timed(request: Any, call_next: Any) -> Any:
        answer = await call_next(request)
        answer.headers["X-Process-Time"] = "1"
        return answer

    gate = Gate()
    app.add_middleware(BaseHTTPMiddleware, dispatch=timed)
    service = api.mount(app, around=gate)
    threading.Timer(1.5, gate.open.set).start()
    with TestClient(app) as client:
        answer = client.post(GENERATE, json={"images": [PHOTO_64], "outputs": ["depth"]})
        assert answer.status_code == 200
        assert answer.headers["x-process-time"] == "1"
    service.close()
