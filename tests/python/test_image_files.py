"""Picture files in and out, compared with what Pillow makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from rilievo import _native

RilievoError = _native.RilievoError


def photo(width: int = 61, height: int = 43) -> Image.Image:
    """Smooth colours with some detail, asymmetric in both directions."""
    y, x = np.mgrid[:height, :width]
    red = 255 * x / (width - 1)
    green = 255 * y / (height - 1)
    blue = 127 + 120 * np.sin(x / 5) * np.cos(y / 7)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize(
    ("name", "mode", "options", "tolerance"),
    [
        ("a.png", "RGB", {}, 0),
        ("a.png", "L", {}, 0),
        ("a.png", "1", {}, 0),
        ("a.png", "P", {}, 0),
        ("a.bmp", "RGB", {}, 0),
        ("a.bmp", "P", {}, 0),
        ("a.gif", "P", {}, 0),
        ("a.tiff", "RGB", {}, 0),
        ("a.tiff", "RGB", {"compression": "tiff_lzw"}, 0),
        ("a.tiff", "RGB", {"compression": "tiff_adobe_deflate"}, 0),
        ("a.tiff", "CMYK", {}, 0),
        ("a.tiff", "1", {}, 0),
        ("a.ppm", "RGB", {}, 0),
        ("a.pgm", "L", {}, 0),
        ("a.tga", "RGB", {}, 0),
        ("a.webp", "RGB", {"lossless": True}, 0),
        ("a.webp", "RGB", {"quality": 90}, 1),
        ("a.jpg", "RGB", {"quality": 90}, 5),
        ("a.jpg", "RGB", {"quality": 90, "progressive": True}, 5),
        ("a.jpg", "L", {"quality": 90}, 1),
        ("a.jpg", "CMYK", {"quality": 90}, 3),
    ],
)
def test_pictures_are_read_as_pillow_reads_them(tmp_path, name, mode, options, tolerance):
    path = tmp_path / name
    photo().convert(mode).save(path, **options)
    rgb, alpha = _native.read_picture(path)
    assert rgb.dtype == np.uint8
    assert difference(rgb, np.asarray(Image.open(path).convert("RGB"))) <= tolerance
    assert alpha is None


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tiff", "a.tga"])
def test_opacity_is_kept(tmp_path, name):
    image = photo()
    image.putalpha(image.convert("L"))
    image.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    rgb, alpha = _native.read_picture(tmp_path / name)
    want = np.asarray(Image.open(tmp_path / name))
    assert np.array_equal(alpha, want[..., 3])
    seen = alpha > 0  # WebP may forget colours nobody sees
    assert np.array_equal(rgb[seen], want[..., :3][seen])


def test_gray_with_opacity_and_transparent_palette(tmp_path):
    photo().convert("LA").save(tmp_path / "opaque.png")
    assert _native.read_picture(tmp_path / "opaque.png")[1] is None

    palette = photo().quantize(8)
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((0, 0)))
    rgb, alpha = _native.read_picture(tmp_path / "palette.png")
    want = np.asarray(Image.open(tmp_path / "palette.png").convert("RGBA"))
    assert np.array_equal(np.dstack([rgb, alpha]), want)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bits_are_divided_by_257_and_rounded(tmp_path, name):
    gray = np.array([[0, 128, 129, 257, 385, 386, 65406, 65407, 65535]], np.uint16)
    Image.fromarray(gray).save(tmp_path / name)
    rgb, _ = _native.read_picture(tmp_path / name)
    assert rgb[0, :, 0].tolist() == [0, 0, 1, 1, 1, 2, 254, 255, 255]
    assert np.array_equal(rgb[..., 0], rgb[..., 2])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff"])
def test_exif_rotation_is_applied(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    photo().save(tmp_path / name, exif=exif)
    rgb, _ = _native.read_picture(tmp_path / name)
    want = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name)).convert("RGB"))
    assert rgb.shape == want.shape
    assert np.abs(rgb.astype(int) - want).mean() < 2


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.webp", "a.tiff", "a.bmp", "a.gif", "a.ppm", "a.tga", "a.qoi"]
)
def test_cut_files_say_so(tmp_path, name):
    path = tmp_path / name
    photo().save(path)
    whole = path.read_bytes()
    for length in (40, len(whole) // 3, len(whole) * 9 // 10):
        path.write_bytes(whole[:length])
        with pytest.raises(RilievoError) as caught:
            _native.read_picture(path)
        assert str(path) in str(caught.value)
        assert not isinstance(caught.value, _native.UnknownFormat)


def test_what_is_no_picture_is_named(tmp_path):
    def message(content: bytes, name: str = "photo.jpg") -> str:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RilievoError) as caught:
            _native.read_picture(tmp_path / name)
        return str(caught.value)

    assert "is empty" in message(b"")
    assert "a web page" in message(b"\n<!DOCTYPE HTML><html><body>404</body></html>")
    assert "damaged" in message(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(FileNotFoundError, match="no such file"):
        _native.read_picture(tmp_path / "nowhere.png")
    with pytest.raises(OSError, match="directory"):
        _native.read_picture(tmp_path)


def test_unknown_formats_are_left_to_others(tmp_path):
    path = tmp_path / "photo.xyz"
    path.write_bytes(b"something that some plugin may know")
    with pytest.raises(_native.UnknownFormat, match="convert it to PNG or JPEG"):
        _native.read_picture(path)
    photo().save(tmp_path / "a.jp2")
    with pytest.raises(_native.UnknownFormat):
        _native.read_picture(tmp_path / "a.jp2")
    photo().convert("P").save(tmp_path / "palette.tiff")
    with pytest.raises(_native.UnknownFormat):
        _native.read_picture(tmp_path / "palette.tiff")


def test_too_many_pixels_are_refused_before_decoding(tmp_path):
    path = tmp_path / "bomb.png"
    # A file of a few bytes that claims to be 30000 x 30000.
    photo(8, 8).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (30000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    for read in (_native.read_picture, _native.read_depth):
        with pytest.raises(RilievoError, match=r"30000x30000.*RILIEVO_MAX_PIXELS"):
            read(path)
    photo(8, 8).save(path)
    with pytest.raises(RilievoError, match="64 pixels where 63 are allowed"):
        _native.read_picture(path, max_pixels=63)
    assert _native.read_picture(path, max_pixels=64)[0].shape == (8, 8, 3)


# Depth files


def test_depth_keeps_every_bit(tmp_path):
    values = (np.arange(35).reshape(5, 7) * 1787 % 65536).astype(np.uint16)
    for stored in (
        values,
        (values // 256).astype(np.uint8),
        values.astype(np.int32) * 30000,
        (values / 65535).astype(np.float32),
    ):
        path = tmp_path / "depth.tiff"
        Image.fromarray(stored).save(path)
        got = _native.read_depth(path)
        assert got.dtype == stored.dtype
        assert np.array_equal(got, stored)
    Image.fromarray(values).save(tmp_path / "depth.png")
    assert np.array_equal(_native.read_depth(tmp_path / "depth.png"), values)


def test_depth_of_other_modes(tmp_path):
    path = tmp_path / "depth.png"
    gray = photo().convert("L")
    for mode in ("RGB", "RGBA"):
        gray.convert(mode).save(path)
        assert np.array_equal(_native.read_depth(path), np.asarray(gray))
    gray.convert("RGB").quantize(256).save(path)
    assert np.array_equal(_native.read_depth(path), np.asarray(Image.open(path).convert("L")))
    for colored in (photo(), photo().convert("P")):
        colored.save(path)
        with pytest.raises(RilievoError, match="red, green and blue differ"):
            _native.read_depth(path)
    photo().convert("1").save(path)
    assert set(np.unique(_native.read_depth(path))) == {0, 255}
    gray = photo().convert("LA")
    gray.save(path)
    assert np.array_equal(_native.read_depth(path), np.asarray(gray)[..., 0])


# PNG out


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
def test_png_holds_what_was_written(tmp_path, shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    _native.write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")).reshape(shape), pixels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_png_of_sixteen_bits_and_of_views(tmp_path):
    depth = np.random.default_rng(1).integers(0, 65536, (31, 44), np.uint16)
    for values in (depth, depth[::-1, ::2], depth.T):
        _native.write_png(tmp_path / "a.png", values)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")).astype(np.uint16), values)
        assert np.array_equal(_native.read_depth(tmp_path / "a.png"), values)


def test_png_text(tmp_path):
    pixels = np.zeros((1, 1), np.uint8)
    text = {"parameters": "a hill, café\nSteps: 20", "Titel": "深度 ± 1"}
    _native.write_png(tmp_path / "a.png", pixels, text)
    assert Image.open(tmp_path / "a.png").text == text
    for keyword in ("", "x" * 80, "深度", "new\nline"):
        with pytest.raises(ValueError, match="keyword"):
            _native.write_png(tmp_path / "b.png", pixels, {keyword: "text"})
    with pytest.raises(ValueError, match="zero character"):
        _native.write_png(tmp_path / "b.png", pixels, {"a": "b\0c"})
    assert not (tmp_path / "b.png").exists()


def test_png_refuses_what_it_cannot_hold(tmp_path):
    for pixels in (np.zeros((2, 2)), np.zeros(4, np.uint8), np.zeros((2, 2), np.int32)):
        with pytest.raises(ValueError, match="uint8 or uint16"):
            _native.write_png(tmp_path / "a.png", pixels)
    with pytest.raises(ValueError, match="1 to 4 channels"):
        _native.write_png(tmp_path / "a.png", np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(ValueError, match="no pixels"):
        _native.write_png(tmp_path / "a.png", np.zeros((0, 2), np.uint8))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        _native.write_png(tmp_path / "nowhere" / "a.png", np.zeros((2, 2), np.uint8))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_png_may_be_read_by_others(tmp_path):
    old = os.umask(0o022)
    try:
        _native.write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    finally:
        os.umask(old)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_a_full_disk_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").write_bytes(b"the old one")
    code = """
import resource, signal, sys
import numpy as np
from rilievo import _native
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
try:
    _native.write_png(sys.argv[1], noise)
except OSError as error:
    print(error)
"""
    path = tmp_path / "a.png"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(path))
    assert [found.name for found in Path(tmp_path).iterdir()] == ["a.png"]
    assert path.read_bytes() == b"the old one"
