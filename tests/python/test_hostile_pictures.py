"""Pictures from strangers: no program is started, memory is bounded, and every failure is a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import picture_files
import pytest
import rilievo
from PIL import Image
from rilievo import pictures

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(out) (w) file closefile showpage\n"
)


def run(code: str, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_no_decoder_starts_a_program(tmp_path):
    for name in ("a.png", "a.eps", "a.jpg", "a", "a.exr", "a.npy"):
        (tmp_path / name).write_bytes(POSTSCRIPT)
    for name, data in picture_files.every_format().items():
        (tmp_path / name).write_bytes(data)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("gs", "gswin64c", "djpeg"):
        (tools / tool).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        (tools / tool).chmod(0o755)
    output = run(
        """
import io, os, sys
from pathlib import Path
import numpy as np, rilievo
from rilievo import pictures
def watch(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.startfile"):
        print("STARTED", event, arguments)
sys.addaudithook(watch)
photo = np.zeros((16, 24, 3), np.uint8)
for path in sorted(Path(sys.argv[1]).iterdir()):
    if path.is_dir():
        continue
    data = path.read_bytes()
    for read in (pictures.load_rgb, pictures.load_rgba, pictures.load_depth, pictures.orientation, pictures.open_with_pillow,
                 rilievo.DepthMap.from_image, lambda item: list(rilievo.generate(photo, depth_maps=[item]))):
        for item in (path, data, io.BytesIO(data)):
            try:
                read(item)
                assert not data.startswith(b"%!PS"), path
            except (rilievo.RilievoError, ValueError):
                pass
print("DONE")
""",
        str(tmp_path),
        PATH=f"{tools}{os.pathsep}{os.environ['PATH']}",
    )
    assert "STARTED" not in output
    assert "DONE" in output
    assert not (tmp_path / "started").exists()


def test_pillow_opens_files_in_one_place():
    """Where formats are listed: what is opened elsewhere might be a program."""
    found = [
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("python/**/*.py"), *ROOT.glob("scripts/*.py"), ROOT / "__init__.py"]
        if "Image.open(" in path.read_text(encoding="utf-8")
    ]
    assert found == ["python/rilievo/pictures.py"]
    assert not {"EPS", "FPX", "MIC", "WMF", "GRIB", "HDF5", "BUFR"} & set(pictures.PILLOW_FORMATS)


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np, picture_files, rilievo
from rilievo import pictures

def size():
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

def allow(more):
    resource.setrlimit(resource.RLIMIT_AS, (size() + more, resource.RLIM_INFINITY))
    return more

CONSTANT = 160 << 20
readers = {"rgb": pictures.load_rgb, "rgba": pictures.load_rgba, "depth": pictures.load_depth}
for data in picture_files.every_format().values():  # plugins and threads are there
    for read in readers.values():
        try:
            read(data)
        except rilievo.RilievoError:
            pass
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits address space")
def test_what_claims_much_takes_little(tmp_path):
    """Nothing is believed: the memory of a picture that is not there is a constant."""
    for name, data in picture_files.attacks():
        (tmp_path / name).write_bytes(data)
    assert max(path.stat().st_size for path in tmp_path.iterdir() if path.name != "texts.png") < 600_000
    output = run(
        LIMITED
        + """
import time
allow(CONSTANT)
for path in sorted(Path(sys.argv[1]).iterdir()):
    for name, read in readers.items():
        start = time.perf_counter()
        try:
            read(path)
            result = "read"
        except rilievo.RilievoError as error:
            result = "refused"
            assert str(error).startswith(str(path)), error
        except MemoryError:
            result = "MEMORY"
        seconds = time.perf_counter() - start
        print(path.name, name, result, "SLOW" if seconds > 5 else "")
""",
        str(tmp_path),
        MALLOC_ARENA_MAX="1",
        RAYON_NUM_THREADS="2",
    )
    assert "MEMORY" not in output, output
    assert "SLOW" not in output, output
    for name in (
        "claims.gif",
        "claims.jpg",
        "claims.png",
        "claims.bmp",
        "channels.exr",
        "claims.npy",
        "bomb.npz",
    ):
        assert f"{name} depth refused" in output, output


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits address space")
def test_memory_is_bounded_by_what_comes_out():
    """Six times the decoded picture and a constant, for every format."""
    output = run(
        LIMITED
        + """
for name, data in picture_files.every_format(1500, 1000).items():
    for kind, read in readers.items():
        if name in ("light.hdr", "rgb.qoi", "rgb.ff", "rgb.ico"):
            continue  # of one size
        try:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            decoded = read(data).nbytes
            allow(6 * decoded + CONSTANT)
            read(data)
        except rilievo.RilievoError:
            pass
        except MemoryError:
            print("MEMORY", name, kind)
print("DONE")
""",
        MALLOC_ARENA_MAX="1",
        RAYON_NUM_THREADS="2",
    )
    assert "MEMORY" not in output, output
    assert "DONE" in output


def error_of(read, path):
    try:
        read(path)
    except (rilievo.RilievoError, ValueError) as error:
        return error
    return None


@pytest.mark.parametrize("name", sorted(picture_files.every_format()))
def test_damaged_files_are_sentences(tmp_path, name, capfd):
    """Whatever is changed in a file of any format: a result, or one of our errors with the path."""
    whole = picture_files.every_format()[name]
    path = tmp_path / f"damaged-{name}"
    for seed, data in enumerate([whole, *picture_files.mutations(whole, 60, seed=len(whole))]):
        path.write_bytes(data)
        for read in (
            pictures.load_rgb,
            pictures.load_depth,
            pictures.orientation,
            rilievo.DepthMap.from_image,
        ):
            error = error_of(read, path)
            if isinstance(error, rilievo.RilievoError):
                assert str(path) in str(error), (seed, error)
            elif error:  # what was read is no map
                assert read == rilievo.DepthMap.from_image, (seed, read, error)
                assert "depth map" in str(error)
    assert "panicked" not in capfd.readouterr().err


def test_a_limit_holds_for_all_that_is_read_within():
    data = picture_files.saved(Image.new("L", (30, 20)), "PNG")
    photo = np.zeros((20, 30, 3), np.uint8)
    with pictures.at_most(599):
        for read in (pictures.load_rgb, pictures.load_rgba, pictures.load_depth):
            with pytest.raises(rilievo.RilievoError, match="600 pixels where 599 are allowed"):
                read(data)
        with pytest.raises(rilievo.RilievoError, match="where 599 are allowed"):
            next(iter(rilievo.generate(photo, depth_maps=[data])))
        pictures.load_rgb(data, max_pixels=600)
    pictures.load_rgb(data)


def test_a_float_picture_without_numbers_is_refused_by_its_name(tmp_path):
    path = tmp_path / "nan.tiff"
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(path)
    for item, name in ((path, str(path)), (Image.open(path), str(path)), (path.read_bytes(), "the picture")):
        with pytest.raises(rilievo.RilievoError, match="no numbers") as caught:
            pictures.load_rgb(item)
        assert str(caught.value).startswith(name)


def test_foreign_exceptions_carry_the_path(tmp_path):
    header = b"DDS " + bytes([124, 0, 0, 0, 7, 16, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0]) + bytes(56)
    dds = header + bytes([32, 0, 0, 0, 8, 0, 0, 0]) + bytes(300)
    for name, data in {
        "unknown.dds": dds,
        "whole.dds": picture_files.saved(Image.new("RGBA", (8, 8)), "DDS"),
        "token.npy": picture_files.npy("'<f4'", "(2, 2"),
        "object.npy": picture_files.npy("'|O'", "(2, 2)", bytes(64)),
        "record.npy": picture_files.npy("[('a', '<f4')]", "(2, 2)", bytes(64)),
        "short.npy": picture_files.npy("'<f4'", "(2, 2)", bytes(8)),
        "empty.npy": picture_files.npy("'<f4'", "(0, 2)"),
        "zip.npz": b"PK\x03\x04" + bytes(100),
        "cut.avif": picture_files.every_format().get("rgb.avif", b"\0\0\0 ftypavif")[:100],
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        for read in (pictures.load_rgb, pictures.load_depth):
            with pytest.raises(rilievo.RilievoError) as caught:
                read(path)
            assert str(caught.value).startswith(str(path))


def test_what_never_ends_is_refused(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        for read in (
            pictures.load_rgb,
            pictures.load_depth,
            pictures.orientation,
            rilievo._native.read_picture,
        ):
            with pytest.raises(rilievo.RilievoError, match="a pipe or a device"):
                read(path)


def test_long_and_odd_names_are_sentences(tmp_path):
    for name in ("x" * 300, "y/" * 2500, "a\0b"):
        with pytest.raises(rilievo.RilievoError, match="no name that a file can have") as caught:
            pictures.load_rgb(tmp_path / name)
        assert len(str(caught.value)) < 600
    name = "z" * 240 + ".png"
    Image.new("RGB", (3, 2)).save(tmp_path / name)
    assert pictures.load_rgb(tmp_path / name).shape == (2, 3, 3)


def test_an_error_of_the_memory_stays_one(monkeypatch, tmp_path):
    (tmp_path / "a.jp2").write_bytes(picture_files.every_format()["rgb.jp2"])

    def fails(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(MemoryError):
        pictures.load_rgb(tmp_path / "a.jp2")
    monkeypatch.setattr(Image, "open", lambda *_, **__: 1 / 0)
    with pytest.raises(rilievo.RilievoError, match=r"a\.jp2.*ZeroDivisionError"):
        pictures.load_rgb(tmp_path / "a.jp2")
    assert np.asarray(Image.new("L", (1, 1))).shape == (1, 1)
