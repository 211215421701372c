"""Finding, fetching, checking and adopting networks."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rilievo
from checkpoints import network
from rilievo import models
from rilievo.cli import main

SMALL = "depth_anything_v2_small"
FILE = "depth_anything_v2_vits.pth"


@pytest.fixture(autouse=True)
def _no_extra_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_extra", [])


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def where(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", "where", SMALL, *arguments]) == 0
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "place",
    [
        "models/depth_anything_v2",
        "models/depthanything",
        "models/ControlNetPreprocessor/depth_anything_v2",
        "extensions/sd-webui-controlnet/annotator/downloads/depth_anything_v2",
        "custom_nodes/comfyui_controlnet_aux/ckpts/depth-anything/Depth-Anything-V2-Small",
    ],
)
@pytest.mark.parametrize("given", [".", "models"])
def test_what_a_host_has_is_found_from_its_folder(tmp_path, capsys, place, given):
    (tmp_path / "models").mkdir()
    file = put(tmp_path / place / FILE)
    assert where(capsys, "--models-dir", str(tmp_path / given)) == str(file)


def test_the_environment_names_folders_and_the_first_match_wins(tmp_path, capsys, monkeypatch):
    first, second = put(tmp_path / "a" / FILE), put(tmp_path / "b" / FILE)
    monkeypatch.setenv("RILIEVO_MODELS", f"{second.parent}{models.os.pathsep}{first.parent}")
    assert where(capsys) == str(second)
    assert where(capsys, "--models-dir", str(first.parent)) == str(first)


def test_the_extra_folders_of_comfyui_count(tmp_path, capsys):
    comfy, elsewhere = tmp_path / "comfy", tmp_path / "elsewhere"
    (comfy / "models").mkdir(parents=True)
    (elsewhere / "models").mkdir(parents=True)
    comfy.joinpath("extra_model_paths.yaml").write_text(
        "# comment\n"
        "a111:\n"
        f"    base_path: {elsewhere}  # a WebUI\n"
        "    checkpoints: models/Stable-diffusion\n"
        "    vae: |\n"
        "        models/VAE\n"
        "    depthanything: |\n"
        "        nowhere\n"
        "        big disk/depth\n"
    )
    file = put(elsewhere / "big disk" / "depth" / FILE)
    assert where(capsys, "--models-dir", str(comfy)) == str(file)
    file.unlink()
    file = put(elsewhere / "models" / "depth_anything_v2" / FILE)
    assert where(capsys, "--models-dir", str(comfy)) == str(file)


def test_what_the_hubs_tools_have_fetched_counts(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    repository = tmp_path / "hub" / "models--depth-anything--Depth-Anything-V2-Small"
    put(repository / "refs" / "main").write_text("0123abcd")
    file = put(repository / "snapshots" / "0123abcd" / FILE)
    assert where(capsys) == str(file)


def test_so_does_what_torch_and_rembg_have(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    file = put(tmp_path / "torch" / "hub" / "checkpoints" / "midas_v21-f6b98070.pt")
    assert models.choice(rilievo.Options(model_type="midas_v21")).path == str(file)


def test_json_tells_where_a_file_lies(tmp_path, capsys):
    file = put(tmp_path / FILE)
    folder = ["--models-dir", str(tmp_path), "--json"]
    assert main(["models", "where", SMALL, *folder]) == 0
    assert json.loads(capsys.readouterr().out) == {"model": SMALL, "path": str(file)}
    assert main(["models", *folder]) == 0
    rows = {row["id"]: row["path"] for row in json.loads(capsys.readouterr().out)}
    assert rows[SMALL] == str(file)
    assert rows["pocket"] is None


def test_what_is_no_checkpoint_is_neither_adopted_nor_called_whole(tmp_path, capsys):
    file, folder = put(tmp_path / "somewhere.pth"), tmp_path / "models"
    assert main(["models", "import", SMALL, str(file), "--models-dir", str(folder)]) == 2
    assert "somewhere.pth" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    put(folder / FILE)
    assert main(["models", "verify", SMALL, "--models-dir", str(folder)]) == 2
    assert FILE in capsys.readouterr().err


def test_a_file_of_another_network_is_refused_by_what_it_looks_like(tmp_path, capsys):
    other = Path(__file__).parents[1] / "golden" / "weights" / "flat.pth"
    for arguments in ([SMALL, str(other)], [str(other)]):
        assert main(["models", "import", *arguments, "--models-dir", str(tmp_path / "m")]) == 2
        assert "flat.pth" in capsys.readouterr().err


def test_a_missing_network_is_a_sentence(capsys):
    assert main(["models", "where", SMALL]) == 2
    error = capsys.readouterr().err
    assert f"models download {SMALL}" in error
    assert "Traceback" not in error


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub with one file, which it sends in full or from a byte on."""

    asked: list[str]
    body = b""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path != f"/depth-anything/Depth-Anything-V2-Small/resolve/main/{FILE}":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    Hub.asked, Hub.body = [], network("depth_anything_v2_vits")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield Hub.asked
    server.shutdown()
    server.server_close()


def test_a_network_is_downloaded_once(tmp_path, capsys, hub):
    folder = tmp_path / "models"
    for _ in range(2):
        assert main(["models", "download", SMALL, "--models-dir", str(folder), "-q"]) == 0
        assert capsys.readouterr().out.strip() == str(folder / FILE)
    assert (folder / FILE).read_bytes() == Hub.body
    assert len(hub) == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b'{"error": "gated repo"}\n', "JSON"),
        (lambda: b"", "empty"),
        (lambda: b"\xef\xbb\xbf<html>log in</html>", "web page"),
        (lambda: bytes(range(256)) * 400_000, "neither"),
        (lambda: network("depth_anything_v2_vits")[:-1], "cut off"),
        (lambda: network("midas_v21_small"), "its tensors are others"),
    ],
)
def test_what_does_not_fit_is_not_published_and_poisons_nothing(tmp_path, capsys, hub, make, reason):
    fitting = Hub.body
    body = Hub.body = make()
    folder = ["--models-dir", str(tmp_path)]
    assert main(["models", "download", SMALL, *folder, "-q"]) != 0
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in left} == {".lock"}
    # An older version has published it all the same.
    (tmp_path / FILE).write_bytes(body)
    if len(body) < 1000:
        assert main(["models", *folder]) == 0
        assert f"! {tmp_path / FILE} is not used for {SMALL}: " in capsys.readouterr().out
        models.look_in(tmp_path)
        chosen = models.choice(rilievo.Options())
        assert chosen.id == "pocket"
        assert str(tmp_path / FILE) in chosen.line
        Hub.body = fitting
        assert main(["models", "download", SMALL, *folder, "-q"]) == 0
        assert (tmp_path / FILE).read_bytes() == fitting


def test_one_tensor_of_another_shape_is_one_too_many(tmp_path, capsys, hub):
    Hub.body = Hub.body.replace(b"pretrained.blocks.7.norm2.bias", b"pretrained.blocks.7.norm2.bios", 1)
    assert main(["models", "download", SMALL, "--models-dir", str(tmp_path), "-q"]) != 0
    assert "pretrained.blocks.7.norm2.bias" in capsys.readouterr().err
    assert not (tmp_path / FILE).exists()


def test_weights_of_zeros_are_an_error(tmp_path):
    (tmp_path / FILE).write_bytes(network("depth_anything_v2_vits"))
    with pytest.raises(rilievo.RilievoError, match="the network gave nothing"):
        rilievo.estimate_depth(
            "docs/photos/room_drum_table.jpg", SMALL, weights=str(tmp_path / FILE), net_size=(70, 70)
        )


def test_every_remedy_for_a_missing_network_works(tmp_path, capsys, hub, monkeypatch):
    folder = ["--models-dir", str(tmp_path)]
    # The name in the remedy is one that the command takes, however the network was asked for.
    assert main(["models", "where", "12", *folder]) == 2
    command = re.search(r"`rilievo (models download \S+)`", capsys.readouterr().err)
    assert command is not None
    assert main([*command[1].split(), *folder, "-q"]) == 0
    assert models.missing(rilievo.Options(model_type="13")) == ("depth_anything_v2_base", "model_type")
    # `--weights` is for depth networks only.
    assert main(["models", "where", "pix2pix", *folder]) == 2
    error = capsys.readouterr().err
    assert "models download pix2pix" in error
    assert "--weights" not in error
    assert models.missing(rilievo.Options(boost=True, boost_merge="network")) == ("pix2pix", "boost_merge")
    # Offline by an option, by a variable, by both: what is named is what was set.
    monkeypatch.setenv("RILIEVO_OFFLINE", "0")
    for variables, flags, remedy in [
        ({}, ["--offline"], "; leave out --offline,"),
        ({"HF_HUB_OFFLINE": "1"}, [], "; unset HF_HUB_OFFLINE,"),
        ({"RILIEVO_OFFLINE": "1"}, [], "; unset RILIEVO_OFFLINE,"),
    ]:
        with monkeypatch.context() as patch:
            patch.setenv("RILIEVO_OFFLINE", "0")
            for name, value in variables.items():
                patch.setenv(name, value)
            started = time.monotonic()
            assert main(["models", "download", "pix2pix", *folder, *flags, "-q"]) == 2
            assert time.monotonic() - started < 2
            assert remedy in capsys.readouterr().err


def test_without_a_network_a_download_fails_at_once_with_one_sentence(tmp_path, capsys, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for endpoint in (f"http://127.0.0.1:{port}", "http://nowhere.invalid"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        started = time.monotonic()
        assert main(["models", "download", SMALL, "--models-dir", str(tmp_path), "-q"]) != 0
        assert time.monotonic() - started < 2
        error = capsys.readouterr().err
        assert error.count("is this machine online?") == 1
        assert len(error.strip().splitlines()) == 1


def test_offline_nothing_is_asked_for(tmp_path, capsys, hub, monkeypatch):
    # `--offline` is put into the environment: take it out again afterwards.
    monkeypatch.setenv("RILIEVO_OFFLINE", "0")
    assert main(["models", "download", SMALL, "--models-dir", str(tmp_path / "m"), "--offline", "-q"]) == 2
    assert "switched off" in capsys.readouterr().err
    assert hub == []


def test_a_download_can_be_stopped(tmp_path, hub):
    models.look_in(tmp_path)
    stop = threading.Event()
    stop.set()
    with pytest.raises(rilievo.Cancelled):
        models.download(SMALL, cancel=stop)
    assert not (tmp_path / FILE).exists()


def test_devices_are_listed_with_what_is_wrong(capsys):
    assert main(["devices", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found[0] == {"device": "cpu", "error": None}
    with pytest.raises(rilievo.RilievoError, match=r"the device cuda:77 cannot be used \(.+\)"):
        rilievo.estimate_depth("docs/photos/room_drum_table.jpg", device="cuda:77")
