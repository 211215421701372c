"""The command line, as a person or a script meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rilievo.cli import main

PHOTO = Path(__file__).parents[2] / "docs" / "photos" / "portrait_astronaut.jpg"


def photo(path: Path, size: tuple[int, int] = (48, 32)) -> Path:
    y, x = np.mgrid[: size[1], : size[0]]
    Image.fromarray(np.stack([x * 5 % 256, y * 7 % 256, (x + y) % 256], -1).astype(np.uint8)).save(path)
    return path


def run(*arguments: object) -> int:
    return main(["run", *map(str, arguments)])


def command(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rilievo", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def test_one_photo_becomes_every_picture_asked_for(tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert run(PHOTO, "-o", out, "--combine", "--output-depth-both", "--heatmap", "--normalmap") == 0
    names = sorted(path.name for path in out.iterdir())
    stem = "portrait_astronaut-0000"
    assert names == [
        f"{stem}-concat_depth.png",
        f"{stem}-heatmap.png",
        f"{stem}-normalmap.png",
        f"{stem}.png",
    ]
    depth = Image.open(out / f"{stem}.png")
    assert depth.mode == "I;16"
    values = np.asarray(depth)
    assert values.shape == (512, 512)
    assert (values.min(), values.max()) == (0, 65535)
    printed = capsys.readouterr().out
    assert all(str(out / name) in printed for name in names)


def test_a_second_run_overwrites_nothing(tmp_path):
    picture = photo(tmp_path / "a.png")
    out = tmp_path / "out"
    assert run(picture, "-o", out) == 0
    before = (out / "a-0000.png").read_bytes()
    assert run(picture, "-o", out, "--invert") == 0
    assert (out / "a-0000.png").read_bytes() == before
    assert (out / "a-0001.png").read_bytes() != before
    assert {path.name for path in out.iterdir()} == {"a-0000.png", "a-0001.png"}


def test_json_is_one_document(tmp_path, capsys):
    assert (
        run(photo(tmp_path / "a.png"), tmp_path / "nowhere.png", "-o", tmp_path / "out", "--json", "--mesh")
        == 1
    )
    document = json.loads(capsys.readouterr().out)
    assert [output["kind"] for output in document["outputs"]] == ["depth", "simple_mesh"]
    assert all(Path(output["path"]).is_file() for output in document["outputs"])
    assert document["failures"][0]["input"].endswith("nowhere.png")
    assert document["model"]


def test_folders_and_patterns_are_inputs(tmp_path):
    for name in ("b.png", "a.png", ".hidden.png"):
        photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    assert run(tmp_path, "-o", tmp_path / "folder") == 0
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"a-0000.png", "b-0000.png"}
    assert run(tmp_path / "?.png", "-o", tmp_path / "pattern") == 0
    assert {path.name for path in (tmp_path / "pattern").iterdir()} == {"a-0000.png", "b-0000.png"}


def test_results_are_not_written_among_the_inputs(tmp_path, capsys):
    photo(tmp_path / "a.png")
    assert run(tmp_path, "-o", tmp_path) == 2
    assert "input folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_in_a_batch_the_others_still_run_and_the_summary_names_the_failures(tmp_path, capsys):
    good = photo(tmp_path / "good.png")
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(PHOTO.read_bytes()[:9000])
    empty = tmp_path / "empty.png"
    empty.touch()
    text = tmp_path / "page.jpg"
    text.write_text("<html>404</html>")
    assert run(truncated, empty, text, tmp_path / "gone.png", good, "-o", tmp_path / "out") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good-0000.png"]
    error = capsys.readouterr().err
    assert "1 of 5 done" in error
    for name in ("truncated.jpg", "empty.png", "page.jpg", "gone.png"):
        assert name in error
    assert "Traceback" not in error


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3000, 20), (20, 3000)])
def test_odd_sizes_work(tmp_path, size):
    picture = photo(tmp_path / "odd.png", size)
    arguments = ("--normalmap", "--heatmap", "--stereo", "--mesh", "--combine", "--output-depth-both")
    assert run(picture, "-o", tmp_path / "out", *arguments) == 0
    assert Image.open(tmp_path / "out" / "odd-0000.png").size == size


@pytest.mark.slow
@pytest.mark.parametrize("size", [(30000, 200), (11000, 9200)])
def test_very_large_pictures_work(tmp_path, size):
    row = np.linspace(0, 255, size[0]).astype(np.uint8)
    Image.fromarray(np.repeat(row[None], size[1], 0)).save(tmp_path / "large.png", compress_level=1)
    assert run(tmp_path / "large.png", "-o", tmp_path / "out", "--normalmap", "--heatmap") == 0
    header = (tmp_path / "out" / "large-0000.png").read_bytes()[16:24]
    assert (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")) == size


def test_a_reader_who_leaves_early_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "rilievo", "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--model", "midas_v9"], "midas_v9"),
        (["--model", "depth_anything_v2_large"], "depth_anything_v2_vitl.pth"),
        (["--normalmap-sobel-kernel", "4"], "odd number"),
        (["--gen-magic"], "--gen-magic"),
        (["--stereo", "--stereo-modes", "sideways"], "sideways"),
        (["--models-dir", "nowhere-at-all"], "nowhere-at-all"),
        (["--weights", "missing.pth", "--model", "depth_anything"], "missing.pth"),
        (["--device", "tpu"], "tpu"),
    ],
)
def test_a_wrong_command_is_one_sentence_that_names_the_value(tmp_path, arguments, part):
    picture = photo(tmp_path / "a.png")
    environment = {**os.environ, "RILIEVO_MODELS": str(tmp_path)}
    done = command("run", picture, "-o", tmp_path / "out", *arguments, env=environment)
    assert done.returncode in (1, 2)
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out/*"))


def test_an_output_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    picture = photo(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    done = command("run", picture, "-o", tmp_path / "file" / "out")
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file size limits")
def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path):
    import resource

    picture = photo(tmp_path / "a.png", (700, 500))
    done = command(
        "run",
        picture,
        "-o",
        tmp_path / "out",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert done.returncode == 1
    assert "a-0000.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_depth_map_can_be_given(tmp_path):
    picture = photo(tmp_path / "a.png")
    ramp = np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) * 40
    Image.fromarray(ramp).save(tmp_path / "depth.png")
    assert run(picture, "-o", tmp_path / "out", "--depth-map", tmp_path / "depth.png") == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a-0000.png")), ramp)


def test_models_lists_every_network(capsys):
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert "* pocket" in text
    assert "CC-BY-NC-4.0, no commercial use" in text
    assert main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows if row["default"]] == ["pocket"]
    assert {row["role"] for row in rows} == {"depth", "merge", "inpaint", "background"}
    assert all((row["role"] == "depth") == (row["kind"] is not None) for row in rows)
    headings = [line.split("  ")[1] for line in text.splitlines() if "when to choose it" in line]
    assert headings == ["depth", "boost", "3D photo", "background removal"]
    assert all(text.count(f" {row['id']} ") == 1 for row in rows)


def test_the_program_starts_quickly():
    """Not a benchmark: it catches a heavy import (torch, gradio) at an order of magnitude."""
    command("--version")
    started = time.perf_counter()
    done = command("--version")
    assert done.stdout.startswith("rilievo ")
    assert time.perf_counter() - started < 2.0


def test_importing_rilievo_imports_no_host_and_no_heavy_package():
    code = "import sys, rilievo; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("torch", "gradio", "cv2", "tqdm", "scipy", "matplotlib"):
        assert f"'{heavy}'" not in done.stdout
