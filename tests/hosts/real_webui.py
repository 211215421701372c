"""The extension inside a real WebUI: ``python tests/hosts/real_webui.py PATH [--python PATH/venv/bin/python]``.

``PATH`` is a checkout of AUTOMATIC1111's WebUI or of Forge that can start;
neither a graphics card nor a checkpoint is needed: "generating" is played by a
probe extension. The wheel must be installed in the host's Python. Needs
Playwright and Chromium where this script runs. Prints one line a check.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "docs/photos/table_coffee.jpg"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# Pictures without a checkpoint: a grid first on request, then the pictures, through the host's own classes and hooks.
PROBE = """
import os
import sys
from PIL import Image
from modules import images, processing, sd_models, shared

class Stub:
    cond_stage_key = ""
    lowvram = False
    sd_model_hash = "probe"
    def to(self, *_): return self
    def __getattr__(self, name): return None

if not os.path.isdir(os.path.join(os.path.dirname(processing.__file__), "..", "modules_forge")):
    type(sd_models.model_data).get_sd_model = lambda self: Stub()

def generate(p):
    p.scripts and p.scripts.before_process(p)
    count = p.batch_size * p.n_iter
    p.seed = processing.get_fixed_seed(p.seed)
    p.all_prompts, p.all_negative_prompts = [p.prompt] * count, [""] * count
    p.all_seeds, p.all_subseeds = [p.seed + n for n in range(count)], [0] * count
    p.prompts, p.seeds = p.all_prompts, p.all_seeds
    p.scripts and p.scripts.process(p)
    made, texts = [], []
    for n in range(count):
        ramp = Image.linear_gradient("L").rotate(90 * n).resize((p.width, p.height))
        image = Image.merge("RGB", [ramp, ramp.rotate(180), ramp])
        text = f"{p.prompt}\\nSteps: 1, Seed: {p.all_seeds[n]}, " + ", ".join(f"{k}: {v}" for k, v in p.extra_generation_params.items())
        if shared.opts.samples_save and not p.do_not_save_samples:
            images.save_image(image, p.outpath_samples, "", p.all_seeds[n], p.prompt, shared.opts.samples_format, info=text, p=p)
        image.info["parameters"] = text
        made.append(image)
        texts.append(text)
    first = 0
    if count > 1:
        made.insert(0, images.image_grid(made, p.batch_size))
        texts.insert(0, "grid")
        first = 1
    res = processing.Processed(p, made, seed=p.seed, info=texts[0], infotexts=texts, index_of_first_image=first)
    res.images.append(Image.new("RGB", (32, 32), "red"))  # as another script may
    if "depth2img_image_conditioning" in vars(p):
        # As the host calls it for a depth2img checkpoint.
        import torch
        source = torch.zeros(1, 3, p.height, p.width)
        source[..., p.width // 2 :] = 1.0
        depth = p.depth2img_image_conditioning(source)
        assert depth.shape == (p.batch_size, 1, p.height // 8, p.width // 8) and depth.dtype == source.dtype
        assert depth.aminmax() == (-1, 1)
        res.images.append(Image.fromarray(((depth[-1, 0] + 1) * 127.5).byte().numpy()))
    p.probe_mask = getattr(p, "image_mask", None)
    p.scripts and p.scripts.postprocess(p, res)
    if p.probe_mask is not None:
        res.images.append(p.probe_mask)
    return res

processing.process_images = generate
if "modules.api.api" in sys.modules:
    # Forge has loaded it by now, with a name of its own for it.
    sys.modules["modules.api.api"].process_images = generate
"""


class Checks:
    """Counts and prints."""

    def __init__(self) -> None:
        self.failed = 0
        self.passed = 0

    def __call__(self, name: str, good: bool, found: Any = "") -> None:
        self.passed += good
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}" + (f": {found}" if found != "" else ""), flush=True)


@contextmanager
def extensions(path: Path, check: Checks) -> Iterator[None]:
    """The clone and the probe, as folders of the host's extensions."""
    clone, probe = path / "extensions" / "rilievo", path / "extensions" / "rilievo-probe"
    for folder in (clone, probe):
        if folder.is_symlink():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
    clone.parent.mkdir(exist_ok=True)
    clone.symlink_to(ROOT)
    (probe / "scripts").mkdir(parents=True)
    (probe / "scripts" / "probe.py").write_text(PROBE)
    try:
        yield
    finally:
        clone.unlink()
        shutil.rmtree(probe)


@contextmanager
def running(path: Path, python: str, port: int, patience: int) -> Iterator[str]:
    """The host, started."""
    forge = (path / "modules_forge").is_dir()
    more = ["--always-cpu"] if forge else ["--use-cpu", "all", "--no-half", "--do-not-download-clip"]
    if not forge:
        more += ["--skip-load-model-at-start", "--no-download-sd-model"]
    command = [
        python,
        "-W",
        "ignore",
        "launch.py",
        "--skip-prepare-environment",
        "--skip-torch-cuda-test",
        "--api",
    ]
    command += ["--skip-version-check", "--disable-console-progressbars", "--port", str(port), *more]
    log = path / "real_webui.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=path, stdout=file, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + patience
        while time.monotonic() < end and process.poll() is None:
            try:
                OPENER.open(f"{url}/sdapi/v1/scripts", timeout=20).close()
                # The routes answer before the host knows its scripts' default arguments.
                if "Startup time" in log.read_text():
                    break
            except (OSError, urllib.error.URLError):
                pass
            time.sleep(1)
        else:
            sys.exit(f"the host did not start:\n{log.read_text()[-3000:]}")
        yield url
    finally:
        process.terminate()
        process.wait(60)
        said = [line for line in log.read_text().splitlines() if "rilievo" in line.lower() or "Error" in line]
        print("\n".join(["what the host's log says of rilievo, and of errors:", *said[-20:]]))


def ask(url: str, body: Any = None) -> Any:
    """JSON from the host."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with OPENER.open(request, timeout=600) as answer:
        return json.loads(answer.read())


def pictures(answer: dict[str, Any]) -> list[Any]:
    """The pictures of an answer of the host's API."""
    from PIL import Image

    return [Image.open(io.BytesIO(base64.b64decode(part.split(",", 1)[-1]))) for part in answer["images"]]


def over_http(url: str, check: Checks) -> None:
    """Scripts, settings and routes, as a client sees them."""
    found = ask(f"{url}/sdapi/v1/scripts")
    for tab, wanted in (("txt2img", ["depthmap"]), ("img2img", ["depthmap", "depth for img2img"])):
        check(f"scripts of {tab}", all(name in found[tab] for name in [*wanted, "depthmap with any script"]))
    options = ask(f"{url}/sdapi/v1/options")
    mine = sorted(key for key in options if key.startswith("depthmap_script_"))
    if not any(key.startswith("forge_") for key in options):
        # A built-in extension of Forge freezes the list before others can add to it.
        check("settings are in the host's API", len(mine) == 6, ", ".join(mine))
    # A shorter list would shift the arguments of all scripts behind: the host puts it in as it is.
    known = ask(f"{url}/sdapi/v1/script-info")
    count = next(len(row["args"]) for row in known if row["name"] == "depthmap" and not row["is_img2img"])
    request = {"prompt": "a cup", "seed": 5, "width": 96, "height": 64, "batch_size": 2, "save_images": True}
    named = {
        **request,
        "script_name": "DepthMap",
        "script_args": [{"gen_normalmap": True}] + [None] * (count - 1),
    }
    answer = ask(f"{url}/sdapi/v1/txt2img", named)
    got = pictures(answer)
    kinds = [f"{image.mode} {image.size[0]}x{image.size[1]}" for image in got]
    texts = json.loads(answer["info"])["infotexts"]
    check(
        "txt2img script: grid, 2 pictures, 1 of another script, 2x2 outputs", len(got) == 8, ", ".join(kinds)
    )
    check("the depth map comes back with 16 bits", got[4].mode.startswith("I"), got[4].mode)
    check("the infotext names the model", "Depth model: Pocket (embedded)" in texts[-1])
    form = {**request, "alwayson_scripts": {"DepthMap with any script": {"args": [{"gen_stereo": True}]}}}
    check(
        "the form beside other scripts: 2x3 outputs",
        len(ask(f"{url}/sdapi/v1/txt2img", form)["images"]) == 4 + 6,
    )
    photo = base64.b64encode(PHOTO.read_bytes()).decode()
    helper = {"use": "inpaint mask", "far": 0.6, "control": "16-bit"}
    body = {
        **request,
        "batch_size": 1,
        "init_images": [photo],
        "alwayson_scripts": {"Depth for img2img": {"args": [helper]}},
    }
    got = pictures(ask(f"{url}/sdapi/v1/img2img", body))
    check(
        "img2img: control map in the size of the result, depth as mask",
        got[2].size == (96, 64) and got[2].mode.startswith("I") and got[3].mode == "L",
        ", ".join(f"{image.mode} {image.size[0]}x{image.size[1]}" for image in got),
    )
    if not any(key.startswith("forge_") for key in options):
        body["alwayson_scripts"]["Depth for img2img"]["args"] = [{"use": "depth2img input"}]
        got = pictures(ask(f"{url}/sdapi/v1/img2img", body))
        check("img2img: depth for a depth2img checkpoint", got[2].size == (12, 8), got[2].size)
    extras = ask(f"{url}/sdapi/v1/extra-single-image", {"image": photo, "upscaling_resize": 1})
    check("Extras through the API, with None for everything", bool(extras["image"]))
    check("/depth/version", "version" in ask(f"{url}/depth/version"))
    answer = ask(f"{url}/depth/generate", {"depth_input_images": [photo], "options": {}})
    check("/depth/generate", len(answer["images"]) == 1 and answer["info"] == "Success")
    check("the host is idle again", ask(f"{url}/sdapi/v1/progress")["state"]["job_count"] in (0, -1))


def in_a_browser(url: str, check: Checks, folder: Path | None) -> None:
    """The Depth tab, as a person sees it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(viewport={"width": 1500, "height": 1200})
        context.set_default_timeout(300_000)
        context.route("**/*", lambda r: r.continue_() if "127.0.0.1" in r.request.url else r.abort())
        page = context.new_page()
        page.goto(url)
        page.locator("#tabs button", has_text="Depth").first.click()
        page.wait_for_selector("#depthmap_generate", state="visible")
        page.click("#depthmap_generate")
        page.wait_for_selector("#depthmap_message .rilievo-error")
        check("an error is a sentence", "there is no picture yet" in page.inner_text("#depthmap_message"))
        page.set_input_files("#depthmap_input_image input[type=file]", str(PHOTO))
        page.wait_for_selector("#depthmap_input_image img")
        page.check("#depthmap_gen_stereo input")
        page.wait_for_selector("#depthmap_stereo_divergence", state="visible")
        check("an option appears with its switch", True)
        page.check("#depthmap_gen_simple_mesh input")
        page.click("#depthmap_generate")
        page.wait_for_selector("#depthmap_progress .rilievo-bar")
        check("progress is seen", True)
        page.wait_for_selector("#depthmap_message .rilievo-info")
        text = page.inner_text("#depthmap_message").replace("\n", " ")
        check("results", text.startswith("4 results of 1 picture"), text)
        links = page.locator("#depthmap_files a[href]").evaluate_all("all => all.map(a => a.href)")
        sizes = [len(page.request.get(link).body()) for link in links]
        check("files can be fetched", len(sizes) == 4 and min(sizes) > 1000, sizes)
        page.wait_for_selector("#depthmap_mesh canvas", state="attached")
        check("the mesh is shown", True)
        if folder:
            time.sleep(5)
            page.screenshot(path=str(folder / "depth-tab.png"), full_page=True)
        browser.close()


def main() -> int:
    """Runs everything; the exit code is the number of failed checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--python", help="the host's Python (default: PATH/venv/bin/python)")
    parser.add_argument("--port", type=int, default=7871)
    parser.add_argument("--patience", type=int, default=900, help="seconds the host may take to start")
    parser.add_argument("--screenshots", type=Path)
    given = parser.parse_args()
    path = given.path.resolve()
    python = given.python or str(path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    check = Checks()
    started = time.monotonic()
    with extensions(path, check), running(path, python, given.port, given.patience) as url:
        print(f"the host answers after {time.monotonic() - started:.0f} s")
        over_http(url, check)
        in_a_browser(url, check, given.screenshots)
    print(f"{check.passed} passed, {check.failed} failed")
    return check.failed


if __name__ == "__main__":
    sys.exit(main())
