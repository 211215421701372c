"""Runs the nodes inside a real ComfyUI.

    python tests/hosts/real_comfyui.py PATH [--python PYTHON] [--port 8199] [--previews] [--keep]

PATH is a checkout of Comfy-Org/ComfyUI; PYTHON has its requirements and rilievo
installed (a CPU is enough). The repository is linked into a ``custom_nodes``
folder of its own, ComfyUI is started without other nodes, and

* every example workflow is sent through the HTTP API and its outputs are checked;
* a 16-bit depth map goes through Load and Save without losing a bit;
* a long run is interrupted, and must stop within a second;
* a missing model gives a sentence when offline.

RILIEVO_PATIENCE (seconds, 1 by default) is how long an interrupt may take; a
machine that is busy with other things needs more.

``--previews`` writes the pictures beside the example workflows.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "example_workflows"
# Nodes that need files which nobody has by chance; what is before them runs.
NEEDS_MODELS = {"CheckpointLoaderSimple", "ControlNetLoader"}


class Comfy:
    """A ComfyUI process of our own."""

    def __init__(self, path: Path, python: str, port: int, base: Path):
        self.address = f"http://127.0.0.1:{port}"
        self.base = base
        for folder in ("input", "output", "custom_nodes", "models"):
            (base / folder).mkdir()
        for picture in (path / "input").glob("*.png"):
            shutil.copy(picture, base / "input")
        (base / "custom_nodes" / "rilievo").symlink_to(ROOT)
        self.log = base / "log.txt"
        command = [python, str(path / "main.py"), "--cpu", "--port", str(port), "--base-directory", str(base)]
        command += ["--database-url", "sqlite:///:memory:", "--preview-method", "none"]
        environment = {**os.environ, "RILIEVO_OFFLINE": "1"}
        self.process = subprocess.Popen(
            command, stdout=self.log.open("w"), stderr=subprocess.STDOUT, env=environment, cwd=path
        )

    def wait(self, seconds: float) -> float:
        """Until it answers; how long that took."""
        started = time.time()
        while time.time() - started < seconds:
            if self.process.poll() is not None:
                break
            try:
                self.get("/system_stats")
                return time.time() - started
            except OSError:
                time.sleep(0.3)
        raise SystemExit(f"ComfyUI did not start:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, content: Any) -> Any:
        request = urllib.request.Request(
            self.address + path, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None
        return json.loads(text) if text else None

    def start(self, prompt: dict[str, Any]) -> str:
        found: str = self.post("/prompt", {"prompt": prompt, "client_id": uuid.uuid4().hex})["prompt_id"]
        return found

    def finish(self, ticket: str, seconds: float = 600) -> dict[str, Any]:
        """The history entry of a prompt that has ended."""
        started = time.time()
        while time.time() - started < seconds:
            history = self.get(f"/history/{ticket}")
            if ticket in history:
                entry: dict[str, Any] = history[ticket]
                return entry
            time.sleep(0.1)
        raise AssertionError(f"the run took longer than {seconds} s")

    def run(self, prompt: dict[str, Any]) -> dict[str, Any]:
        """The outputs of a prompt, by node."""
        entry = self.finish(self.start(prompt))
        assert entry["status"]["status_str"] == "success", entry["status"]["messages"][-1]
        outputs: dict[str, Any] = entry["outputs"]
        return outputs

    def file(self, about: dict[str, str]) -> bytes:
        with urllib.request.urlopen(
            f"{self.address}/view?{urllib.parse.urlencode(about)}", timeout=60
        ) as answer:
            content: bytes = answer.read()
        return content

    def picture(self, about: dict[str, str]) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.file(about))))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--port", type=int, default=8199)
    parser.add_argument("--previews", action="store_true")
    parser.add_argument("--make", action="store_true", help="make the example workflows anew first")
    parser.add_argument("--keep", action="store_true", help="leave ComfyUI running until a key is pressed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rilievo-comfyui-") as base:
        comfy = Comfy(chosen.path.resolve(), chosen.python, chosen.port, Path(base))
        try:
            say(f"ComfyUI started in {comfy.wait(300):.0f} s")
            if chosen.make:
                subprocess.run([sys.executable, str(EXAMPLES / "make.py"), comfy.address], check=True)
            for check in (nodes_are_there, examples, bits, models, interrupt):
                check(comfy, chosen)
            if chosen.keep:
                input(f"{comfy.address} runs; press Enter to end it\n")
        except BaseException:
            sys.stderr.write(comfy.log.read_text()[-3000:])
            raise
        finally:
            comfy.stop()
    say("all is well")


def say(text: str) -> None:
    print(text, flush=True)


def nodes_are_there(comfy: Comfy, _: Any) -> None:
    known = comfy.get("/object_info")
    ours = {name: about for name, about in known.items() if name.startswith("Rilievo")}
    assert len(ours) >= 14, sorted(ours)
    # Nodes of the host's own may be missing (torchaudio and the like), ours not.
    failed = [line for line in comfy.log.read_text().splitlines() if "IMPORT FAILED" in line]
    assert not [line for line in failed if "rilievo" in line], failed
    assert all(about["category"] == "depth" for about in ours.values())
    templates = comfy.get("/workflow_templates")
    offered = {name for names in templates.values() for name in names}
    wanted = {path.stem for path in EXAMPLES.glob("*.json")}
    assert wanted <= offered, templates
    say(f"{len(ours)} nodes, {len(wanted)} example workflows offered")


def examples(comfy: Comfy, chosen: Any) -> None:
    photo = Image.open(ROOT / "docs/photos/table_coffee.jpg").convert("RGB")
    photo.save(comfy.base / "input" / "example.png")
    other = (
        Image.open(ROOT / "docs/photos/table_coffee.jpg")
        .convert("RGB")
        .transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    )
    other.save(comfy.base / "input" / "other.png")
    for path in sorted((EXAMPLES / "api").glob("*.json")):
        prompt = json.loads(path.read_text(encoding="utf-8"))
        if path.stem == "stereo_from_batch":
            loads = [node for node in prompt.values() if node["class_type"] == "LoadImage"]
            loads[1]["inputs"]["image"] = "other.png"
        runnable, left_out = without_models(prompt)
        started = time.time()
        outputs = comfy.run(runnable)
        seconds = time.time() - started
        pictures = check_outputs(comfy, runnable, outputs, photo.size)
        note = f", without {', '.join(left_out)}" if left_out else ""
        say(f"{path.stem}: {len(outputs)} outputs in {seconds:.1f} s{note}")
        if chosen.previews:
            preview(path.stem, [np.asarray(photo), *pictures])


def without_models(prompt: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The part of a workflow that needs no models, and what was left out."""
    out = {number for number, node in prompt.items() if node["class_type"] in NEEDS_MODELS}
    size = -1
    while len(out) != size:
        size = len(out)
        for number, node in prompt.items():
            if any(isinstance(value, list) and value[0] in out for value in node["inputs"].values()):
                out.add(number)
    kinds = sorted({prompt[number]["class_type"] for number in out})
    return {number: node for number, node in prompt.items() if number not in out}, kinds


def check_outputs(
    comfy: Comfy, prompt: dict[str, Any], outputs: dict[str, Any], size: tuple[int, int]
) -> list[np.ndarray]:
    """What every node showed is a file with something in it; the pictures among them."""
    width, height = size
    ends = {
        number
        for number, node in prompt.items()
        if node["class_type"].startswith(("Preview", "Save", "RilievoSave", "RilievoDepthTo"))
    }
    assert ends <= set(outputs), f"no output from {sorted(ends - set(outputs))}"
    pictures = []
    for number in sorted(ends, key=int):
        kind, shown = prompt[number]["class_type"], outputs[number]
        for about in shown.get("images", []):
            if about["filename"].endswith((".mp4", ".webm")):
                video = comfy.file(about)
                assert video[4:8] == b"ftyp", video[:12]
                pictures.append(first_frame(video))
                continue
            picture = comfy.picture(about)
            assert picture.shape[0] % height == 0, picture.shape
            assert picture.shape[1] % width == 0, picture.shape
            assert picture.std() > 1, f"{kind} showed a flat picture"
            pictures.append((picture >> 8).astype(np.uint8) if picture.dtype != np.uint8 else picture)
        for about in shown.get("3d", []):
            mesh = comfy.file(about)
            assert mesh[:4] == b"glTF", mesh[:8]
            assert len(mesh) > 10000
        if kind == "Preview3D":
            folder, _, name = shown["result"][0].rpartition("/")
            assert comfy.file({"filename": name, "subfolder": folder, "type": "output"})[:4] == b"glTF"
    return pictures


def first_frame(video: bytes) -> np.ndarray:
    """A frame of a video; grey where PyAV is not installed here."""
    try:
        import av
    except ImportError:
        return np.full((64, 64, 3), 128, np.uint8)
    with av.open(io.BytesIO(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 48
    # A loop with something in motion that ends where it began.
    moved = [np.abs(frame.astype(int) - frames[0]).mean() for frame in frames]
    assert max(moved) > 2 * moved[-1] > 0, moved
    return frames[12]


def preview(name: str, pictures: list[np.ndarray]) -> None:
    """The picture that ComfyUI shows for an example workflow."""
    parts = [Image.fromarray(picture).convert("RGB") for picture in pictures[:4]]
    parts = [
        part.resize((max(1, part.width * 200 // part.height), 200), Image.Resampling.LANCZOS)
        for part in parts
    ]
    sheet = Image.new("RGB", (sum(part.width for part in parts) + 4 * (len(parts) - 1), 200), "white")
    x = 0
    for part in parts:
        sheet.paste(part, (x, 0))
        x += part.width + 4
    sheet.save(EXAMPLES / f"{name}.jpg", quality=85)


def bits(comfy: Comfy, _: Any) -> None:
    ramp = np.arange(256 * 200, dtype=np.uint16).reshape(200, 256)
    Image.fromarray(ramp).save(comfy.base / "input" / "ramp.png")
    prompt = {
        "1": {"class_type": "RilievoLoadDepth", "inputs": {"file": "ramp.png"}},
        "2": {
            "class_type": "RilievoSaveDepth",
            "inputs": {"depth": ["1", 1], "filename_prefix": "bits/ramp", "format": "png16"},
        },
        "3": {
            "class_type": "RilievoSaveDepth",
            "inputs": {"depth": ["1", 2], "filename_prefix": "bits/ramp", "format": "npy"},
        },
    }
    outputs = comfy.run(prompt)
    about = outputs["2"]["images"][0]
    np.testing.assert_array_equal(comfy.picture(about), ramp)
    floats = np.load(comfy.base / "output" / outputs["3"]["text"][0])
    np.testing.assert_allclose(floats, ramp / 65535, atol=1e-7)
    assert comfy.run(prompt) == outputs, "a second run was not taken from the cache"
    say("16-bit depth: every bit came back")


def models(comfy: Comfy, _: Any) -> None:
    offered = comfy.get("/object_info/RilievoLoadDepthModel")["RilievoLoadDepthModel"]["input"]["required"][
        "model"
    ][0]
    missing = next(label for label in offered if "download" in label)
    prompt = {
        "1": {"class_type": "RilievoLoadDepthModel", "inputs": {"model": missing}},
        "2": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "3": {"class_type": "RilievoDepthEstimate", "inputs": {"image": ["2", 0], "depth_model": ["1", 0]}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }
    entry = comfy.finish(comfy.start(prompt))
    _, error = entry["status"]["messages"][-1]
    assert "downloads are switched off" in error["exception_message"], error
    say(f"{missing}, offline: {error['exception_message'].strip()}")


def interrupt(comfy: Comfy, _: Any) -> None:
    rng = np.random.default_rng(1)
    large = rng.integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    Image.fromarray(large).save(comfy.base / "input" / "large.png")
    for kind, inputs in (
        ("RilievoParallax", {"frames": 240, "maxsize": 1920, "strength": 6.0}),
        ("RilievoDepthEstimate", {"net_size_match": True}),
    ):
        prompt: dict[str, Any] = {
            "1": {"class_type": "LoadImage", "inputs": {"image": "large.png"}},
            "2": {"class_type": "RepeatImageBatch", "inputs": {"image": ["1", 0], "amount": 10}},
            "3": {"class_type": "RilievoDepthEstimate", "inputs": {"image": ["1", 0]}},
            "4": {"class_type": kind, "inputs": {"image": ["2", 0], **inputs}},
            "5": {"class_type": "PreviewImage", "inputs": {"images": ["4", 0]}},
        }
        if kind == "RilievoParallax":
            prompt["4"]["inputs"]["depth"] = ["3", 2]
        else:
            del prompt["3"]
        ticket = comfy.start(prompt)
        time.sleep(float(os.environ.get("RILIEVO_PATIENCE", "1")) * 6)
        assert ticket not in comfy.get(f"/history/{ticket}"), "it ended before it could be interrupted"
        started = time.time()
        comfy.post("/interrupt", {})
        entry = comfy.finish(ticket, 60)
        seconds = time.time() - started
        assert entry["status"]["messages"][-1][0] == "execution_interrupted", entry["status"]
        stopped = entry["status"]["messages"][-1][1]["node_type"]
        assert stopped == kind, (
            f"the run was still at {stopped}; set RILIEVO_PATIENCE higher on a slow machine"
        )
        say(f"{kind}: interrupted after {seconds:.2f} s")
        assert seconds < float(os.environ.get("RILIEVO_PATIENCE", "1")), (
            f"{kind} took {seconds:.2f} s to stop"
        )


if __name__ == "__main__":
    main()
