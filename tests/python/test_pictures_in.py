"""What pictures and depth maps are taken for: turned, fitted, read whole, or refused with what to do."""

from __future__ import annotations

import io
import logging
import struct
import sys
import types
import zlib

import numpy as np
import picture_files
import pytest
import rilievo
from picture_files import exr, numpy_file, png_chunk, saved
from PIL import Image, ImageCms, ImageOps
from rilievo import DepthMap, RilievoError, pictures

RAMP = np.linspace(1, 5, 60 * 80, dtype=np.float32).reshape(60, 80)
PHOTO = np.zeros((60, 80, 3), np.uint8)


def depth_of(photo, depth_map, **options):
    return next(iter(rilievo.generate(photo, depth_maps=[depth_map], **options))).payload


# Inputs of every kind


def test_bytes_and_file_objects_are_pictures(tmp_path):
    data = saved(Image.fromarray(picture_colors()), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    want = pictures.load_rgb(tmp_path / "a.png")

    class Pipe:
        def __init__(self):
            self.stream = io.BytesIO(data)

        def read(self, count=-1):
            return self.stream.read(count)

    with open(tmp_path / "a.png", "rb") as file:
        for item in (data, bytearray(data), memoryview(data), io.BytesIO(data), file, Pipe()):
            np.testing.assert_array_equal(pictures.load_rgb(item), want)
        assert file.tell() == 0
        outputs = list(
            rilievo.generate(
                file, depth_maps=[io.BytesIO(numpy_file(RAMP[:16, :24]))], depth_map_kind="depth"
            )
        )
        assert [output.kind for output in outputs] == ["depth"]
    np.testing.assert_array_equal(pictures.load_rgba(io.BytesIO(data)), want)
    with pytest.raises(ValueError, match="binary mode"):
        pictures.load_rgb(io.StringIO("text"))


def picture_colors(height=16, width=24):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 10, y * 15, (x + y) * 6], 2).astype(np.uint8)


@pytest.mark.parametrize(
    "mode",
    [
        "1",
        "L",
        "LA",
        "La",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "HSV",
        "LAB",
        "I",
        "F",
        "I;16",
        "I;16B",
    ],
)
def test_every_mode_of_pillow_is_read(mode):
    gray = Image.fromarray(picture_colors()[..., 0])
    if mode == "LAB":
        image = Image.merge("LAB", [gray, Image.new("L", gray.size, 128), Image.new("L", gray.size, 128)])
    elif mode.startswith("I;16"):
        values = np.asarray(gray).astype(">u2" if mode.endswith("B") else "<u2") * 257
        image = Image.frombytes(mode, gray.size, values.tobytes())
    elif mode in ("La", "RGBa"):
        image = gray.convert(mode.upper()).convert(mode)
    else:
        image = gray.convert(mode) if mode in ("I", "F", "P") else gray.convert("RGB").convert(mode)
    rgb = pictures.load_rgb(image)
    assert rgb.shape == (16, 24, 3)
    assert rgb.dtype == np.uint8
    if mode not in ("1", "LAB", "P", "PA"):  # of few colours
        assert np.abs(rgb[..., 0].astype(int) - np.asarray(gray)).max() <= 2
    assert pictures.load_depth(image).shape == (16, 24)


def test_numbers_of_every_container(tmp_path, caplog):
    files = {
        "depth_pro.npz": numpy_file(None, depth=RAMP, focallength_px=np.float32(900)),
        "video.npz": numpy_file(None, depths=np.stack([RAMP, RAMP + 1])),
        "alone.npz": numpy_file(None, whatever=RAMP),
        "n1hw.npy": numpy_file(RAMP[None, None]),
        "hw1.npy": numpy_file(RAMP[..., None]),
        "upload": numpy_file(RAMP),
        "big.npy": numpy_file(RAMP.astype(">f4")),
        "columns.npy": numpy_file(np.asfortranarray(RAMP)),
        "double.npy": numpy_file(RAMP.astype(float)),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        for item in (tmp_path / name, data):
            values = DepthMap.from_numbers(item, "metric").values
            np.testing.assert_array_equal(values, RAMP, err_msg=name)
    assert "holds 2 depth maps" in caplog.text
    for stored in ("<u2", ">u2", "<i2", "<i4", "<i8", "|u1", "<u4"):
        data = numpy_file((RAMP * 50).astype(stored))
        values = DepthMap.from_numbers(data, "metric", scale=0.02).values
        np.testing.assert_allclose(values, np.floor(RAMP * 50) / 50, rtol=1e-6)
    assert DepthMap.from_numbers(RAMP.astype(">f8"), "metric").values.tolist() == RAMP.tolist()
    with pytest.raises(RilievoError, match=r"of the arrays a, b none is called depth"):
        DepthMap.from_numbers(numpy_file(None, a=RAMP, b=RAMP), "metric")


# Turned and fitted


def test_a_map_as_the_camera_stored_it_is_turned_with_the_photo(tmp_path):
    depth = np.zeros((120, 200), np.uint8)
    depth[:, :60], depth[:10, :] = 200, 90
    photo = Image.fromarray(np.dstack([depth] * 3))
    for orientation in (5, 6, 7, 8):
        exif = Image.Exif()
        exif[0x112] = orientation
        photo.save(tmp_path / "p.jpg", exif=exif, quality=95)
        want = np.asarray(ImageOps.exif_transpose(_with_exif(Image.fromarray(depth), orientation)))
        for item in (tmp_path / "p.jpg", Image.open(tmp_path / "p.jpg")):
            got = depth_of(item, depth)
            np.testing.assert_array_equal(got, want.astype(np.uint16) * 256)
            numbers = depth_of(item, depth.astype(np.float32) / 100 + 1, depth_map_kind="inverse")
            assert numbers.shape == want.shape
            assert (numbers == 65535).sum() == (want == 200).sum()


def _with_exif(image, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return Image.open(io.BytesIO(saved(image, "PNG", exif=exif)))


def test_a_map_whose_turn_cannot_be_told_is_taken_upright_and_said(tmp_path, caplog):
    exif = Image.Exif()
    exif[0x112] = 3
    Image.fromarray(PHOTO).save(tmp_path / "p.jpg", exif=exif)
    depth_of(tmp_path / "p.jpg", (RAMP * 50).astype(np.uint8))
    assert "orientation 3" in caplog.text


def test_another_shape_is_refused_and_another_size_is_not():
    for options in ({}, {"depth_map_kind": "metric"}):
        values = RAMP if options else (RAMP * 50).astype(np.uint8)
        with pytest.raises(ValueError, match="80x60 but the picture 80x80, of another shape"):
            depth_of(np.zeros((80, 80, 3), np.uint8), values, **options)
        got = depth_of(np.zeros((240, 320, 3), np.uint8), values, **options)
        assert got.shape == (240, 320)
        near_is_last = bool(got[-1, -1] > got[0, 0])
        assert near_is_last != bool(options)
    with pytest.raises(ValueError, match="of another shape"):
        depth_of(np.zeros((80, 80, 3), np.uint8), DepthMap(RAMP, "metric"))


def test_a_predicted_camera_is_that_of_the_size():
    camera = (70.0, 72.0, 40.0, 30.0)
    depth = DepthMap(RAMP, "metric", intrinsics=camera)
    assert depth.fitted((80, 60)) is depth
    assert depth.fitted((160, 120)).intrinsics == (140.0, 144.0, 80.0, 60.0)
    turned = depth.fitted((60, 80), _with_exif(Image.fromarray(PHOTO), 6))
    assert (turned.size, turned.intrinsics) == ((60, 80), None)


@pytest.mark.parametrize("scale", ["clip", "frame"])
def test_frames_and_their_maps_are_turned_once(tmp_path, caplog, scale):
    """As single pictures are, from files that can be read only once, too."""
    photo = np.zeros((20, 30, 3), np.uint8)
    depth = np.zeros((20, 30), np.uint8)
    depth[:, :8] = 255
    image = _with_exif(Image.fromarray(photo), 6)
    data = saved(image, "PNG", exif=image.getexif())
    want = depth_of(data, depth)
    assert want.shape == (30, 20)
    for frames in ([io.BytesIO(data)] * 2, iter([data, data])):
        outputs = rilievo.generate_clip(frames, depth_maps=[depth] * 2, scale=scale)
        for output in outputs:
            np.testing.assert_array_equal(output.payload, want)
    assert not caplog.records


def test_resizing_numbers_keeps_what_is_not_measured_apart():
    values = np.full((20, 20), 2.0, np.float32)
    values[:, 10:] = np.nan
    large = DepthMap(values, "metric").resized((80, 80)).values
    assert np.isnan(large[:, 40:]).all()
    assert (large[:, :40] == 2.0).all()


# What numbers mean


@pytest.mark.parametrize("none", [1e10, 3e38, 65504.0, np.inf, -np.inf, np.nan, -1.0, 0.0, 65535.0])
def test_numbers_that_mean_nothing_was_measured(none):
    values = RAMP.copy()
    values[:20] = none
    got = DepthMap.from_numbers(values, "metric").values
    assert np.isnan(got[:20]).all()
    np.testing.assert_array_equal(got[20:], RAMP[20:])
    with pytest.raises(ValueError, match="nothing was measured"):
        DepthMap.from_numbers(np.full((4, 4), none, np.float32), "metric")
    if none not in (0.0, 65535.0):
        assert np.isnan(DepthMap.from_numbers(values, "inverse").values[:20]).all()


def test_all_bits_of_a_sensor_are_no_distance():
    values = np.full((8, 8), 1500, np.uint16)
    values[0] = 65535
    got = DepthMap.from_numbers(values, "metric", scale=0.001).values
    assert np.isnan(got[0]).all()
    assert np.allclose(got[1:], 1.5)


def test_floats_that_are_no_fractions_need_a_kind():
    values = np.linspace(2, 18, 4800, dtype=np.float32).reshape(60, 80)
    with pytest.raises(ValueError, match="depth_map_kind"):
        depth_of(PHOTO, values)
    assert depth_of(PHOTO, values, depth_map_kind="inverse").max() == 65535
    assert depth_of(PHOTO, values / 20).max() == 58982


def test_millimetres_without_a_scale_are_noticed(caplog):
    values = (RAMP * 1000).astype(np.uint16)
    DepthMap.from_numbers(values, "metric", scale=0.001)
    DepthMap.from_numbers(RAMP, "metric")
    assert not caplog.records
    DepthMap.from_numbers(values, "metric")
    assert "depth_map_scale to 0.001" in caplog.text


def test_coloured_maps_are_refused(tmp_path):
    heat = rilievo.heat_map((RAMP * 10000).astype(np.uint16))
    packed = np.zeros((60, 80, 3), np.uint8)
    packed[..., 0], packed[..., 1] = np.arange(80) * 3, np.arange(60)[:, None] * 4
    for colored in (heat, packed):
        image = Image.fromarray(colored).convert("RGB")
        for item in (
            colored,
            image,
            image.quantize(64),
            saved(image, "PNG"),
            saved(image, "JPEG"),
            saved(image, "JPEG2000"),
            saved(image.quantize(64), "PNG"),
            saved(image.quantize(64), "TIFF"),
            numpy_file(colored),
        ):
            with pytest.raises(RilievoError, match="red, green and blue differ"):
                pictures.load_depth(item)
    gray = np.dstack([(RAMP * 50).astype(np.uint8)] * 3)
    for item in (
        gray,
        Image.fromarray(gray),
        saved(Image.fromarray(gray), "PNG"),
        saved(Image.fromarray(gray), "JPEG"),
    ):
        assert np.abs(pictures.load_depth(item).astype(int) - gray[..., 0]).max() <= 3
    red = np.where(np.arange(3) == 0, gray, 0).astype(np.uint8)
    np.testing.assert_array_equal(pictures.load_depth(saved(Image.fromarray(red), "PNG")), gray[..., 0])


# OpenEXR


def test_depth_lies_where_the_display_window_has_it():
    small = RAMP[:20, :30]
    data = exr({"Z": small}, data=(5, 7, 34, 26), display=(0, 0, 79, 59))
    got = pictures.load_depth(data)
    assert got.shape == (60, 80)
    np.testing.assert_array_equal(got[7:27, 5:35], small)
    assert np.isnan(got).sum() == 60 * 80 - 600
    over = exr({"Z": RAMP}, data=(-10, -20, 69, 39), display=(0, 0, 49, 29))
    np.testing.assert_array_equal(pictures.load_depth(over), RAMP[20:50, 10:60])
    with pytest.raises(RilievoError, match="outside"):
        pictures.load_depth(exr({"Z": small}, data=(500, 0, 529, 19), display=(0, 0, 79, 59)))


@pytest.mark.parametrize(
    "name", ["Z", "depth.Z", "ViewLayer.Depth.Z", "ViewLayer.Depth.V", "depth", "Depth", "left.depth.R", "V"]
)
def test_the_channel_that_holds_depth_is_found_by_name(name):
    other = np.full_like(RAMP, 7)
    names = [
        "R",
        "G",
        "B",
        "A",
        "ViewLayer.Normal.X",
        "ViewLayer.Normal.Y",
        "ViewLayer.Normal.Z",
        "ViewLayer.Combined.R",
    ]
    data = exr({**dict.fromkeys(names, other), name: RAMP})
    np.testing.assert_array_equal(pictures.load_depth(data), RAMP)


def test_gray_and_luminance_chroma_are_pictures():
    light = np.full((4, 6), 0.2140, np.float32)
    assert (pictures.load_rgb(exr({"Y": light})) == 127).all()
    red, green, blue = 0.5, 0.2, 0.1
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    data = exr({"Y": light * 0 + y, "RY": light * 0 + (red - y) / y, "BY": light * 0 + (blue - y) / y})
    want = pictures.load_rgb(exr({"R": light * 0 + red, "G": light * 0 + green, "B": light * 0 + blue}))
    np.testing.assert_array_equal(pictures.load_rgb(data), want)
    assert want[0, 0].tolist() == [188, 124, 89]


# JPEG, animations


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}]
)
def test_a_truncated_jpeg_is_not_filled_in_silence(tmp_path, options):
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    photo = Image.fromarray(noise).resize((480, 320), Image.Resampling.BICUBIC)
    whole = saved(photo, "JPEG", quality=90, **options)
    assert pictures.load_rgb(whole).shape == (320, 480, 3)
    start = whole.index(b"\xff\xda")
    for part in (0.2, 0.5, 0.8):
        cut = whole[: start + int((len(whole) - start) * part)]
        for ending in (b"", b"\xff\xd9"):
            if options.get("progressive") and ending:
                continue  # fewer scans are a whole picture, a coarser one
            with pytest.raises(RilievoError, match="ends in the middle"):
                pictures.load_rgb(cut + ending)


def test_whole_jpegs_of_plain_colours_are_whole():
    for size in ((8, 8), (16, 16), (64, 64), (200, 300), (33, 1000)):
        for color in ((0, 0, 0), (255, 255, 255), (90, 120, 60)):
            for options in ({}, {"progressive": True}, {"quality": 10}, {"subsampling": 0}):
                data = saved(Image.new("RGB", size, color), "JPEG", **options)
                assert np.abs(pictures.load_rgb(data).astype(int) - color).max() <= 12


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_other_frames_are_not_dropped_in_silence(kind, caplog):
    frames = [Image.fromarray(np.roll(picture_colors(), shift, axis=1)) for shift in (0, 5, 9)]
    pictures.load_rgb(saved(frames[0], kind))
    assert not caplog.records
    pictures.load_rgb(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "only its first frame is taken" in caplog.text


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_found_wherever_programs_put_it(tmp_path, orientation):
    stored = picture_colors()
    exif = Image.Exif()
    exif[0x112] = orientation
    image = Image.fromarray(stored)
    want = np.asarray(ImageOps.exif_transpose(_with_exif(image, orientation)))
    webp = bytearray(saved(image, "WEBP", lossless=True, exif=exif))
    at = webp.index(b"EXIF")
    body = bytes(webp[at + 8 : at + 8 + int.from_bytes(webp[at + 4 : at + 8], "little")])
    body = body if body.startswith(b"Exif\0\0") else b"Exif\0\0" + body
    webp[at:] = b"EXIF" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
    webp[4:8] = struct.pack("<I", len(webp) - 8)
    block = exif.tobytes()
    block = block if block.startswith(b"Exif\0\0") else b"Exif\0\0" + block
    lines = "\n".join(block.hex()[index : index + 72] for index in range(0, 2 * len(block), 72))
    text = f"\nexif\n{len(block):8}\n{lines}\n".encode()
    png = saved(image, "PNG")
    files = {
        "prefixed.webp": bytes(webp),
        "magick.png": png[:33]
        + png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))
        + png[33:],
        "plain.png": png[:33] + png_chunk(b"tEXt", b"Raw profile type APP1\0" + text) + png[33:],
        "a.png": saved(image, "PNG", exif=exif),
        "a.tiff": saved(image, "TIFF", exif=exif),
    }
    for name, data in files.items():
        np.testing.assert_array_equal(pictures.load_rgb(data), want, err_msg=name)
        assert pictures.orientation(data) == orientation
        np.testing.assert_array_equal(pictures.turned(stored, orientation), want)
    deep = Image.fromarray(stored[..., 0].astype(np.uint16) * 257)
    got = pictures.load_depth(saved(deep, "TIFF", exif=exif))
    np.testing.assert_array_equal(got, want[..., 0].astype(np.uint16) * 257)


# Not supported is not damaged


def test_what_is_not_supported_is_not_called_damaged(tmp_path):
    path = tmp_path / "deep.exr"
    data = bytearray(exr({"Z": RAMP}))
    data[data.index(b"compression\0compression\0") + 28] = 8  # DWAA
    path.write_bytes(bytes(data))
    with pytest.raises(RilievoError) as caught:
        pictures.load_depth(path)
    assert "not known here" in str(caught.value)
    assert "16-bit PNG, TIFF, plain OpenEXR or NPY" in str(caught.value)
    assert "convert it to PNG" not in str(caught.value)


def test_rare_kinds_of_tiff_are_read_by_pillow(tmp_path, capfd):
    tifffile = pytest.importorskip("tifffile")
    rgb = np.random.default_rng(0).integers(0, 255, (3, 100, 140), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "planar.tif", rgb, photometric="rgb", planarconfig="separate", tile=(64, 64))
    np.testing.assert_array_equal(pictures.load_rgb(tmp_path / "planar.tif"), np.moveaxis(rgb, 0, -1))
    assert capfd.readouterr().err == ""


def test_fax_with_its_bits_the_other_way_round():
    page = Image.fromarray(np.uint8(picture_colors(64, 96)[..., 0] > 100) * 255).convert("1")
    plain = Image.open(io.BytesIO(saved(page, "TIFF", compression="group4")))
    start, count = plain.tag_v2[273][0], plain.tag_v2[279][0]
    strip = plain.fp.getvalue()[start : start + count]
    for order in (1, 2):
        bits = strip if order == 1 else bytes(int(f"{byte:08b}"[::-1], 2) for byte in strip)
        tags = [
            (256, 3, 96),
            (257, 3, 64),
            (258, 3, 1),
            (259, 3, 4),
            (262, 3, plain.tag_v2[262]),
            (266, 3, order),
        ]
        tags += [(273, 4, 8 + 2 + 12 * 10 + 4), (277, 3, 1), (278, 3, 64), (279, 4, count)]
        entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
        data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bits
        np.testing.assert_array_equal(pictures.load_rgb(data)[..., 0], np.asarray(page.convert("L")))


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


def test_the_plugin_for_heic_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(RilievoError, match="pip install pillow-heif"):
        pictures.load_rgb(HEIC)


def test_the_plugin_for_heic_is_registered_where_it_is_there(monkeypatch):
    asked = []
    plugin = types.SimpleNamespace(register_heif_opener=lambda: asked.append(True))
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    with pytest.raises(RilievoError):
        pictures.load_rgb(HEIC)
    assert asked


def test_heic_is_read(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (90, 120, 60))).save(tmp_path / "a.heic")
    assert np.abs(pictures.load_rgb(tmp_path / "a.heic").astype(int) - (90, 120, 60)).max() <= 4


# Colours


def test_colours_of_another_space_become_srgb():
    def s15(value):
        return struct.pack(">i", round(value * 65536))

    primaries = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    text = b"wide\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = [
        (b"desc", desc + b"\0" * (-len(desc) % 4)),
        (b"wtpt", b"XYZ \0\0\0\0" + b"".join(map(s15, (0.9642, 1, 0.8249)))),
    ]
    for name, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries):
        tags += [(name, b"XYZ \0\0\0\0" + b"".join(map(s15, primary))), (name[:1] + b"TRC", curve)]
    table, blob = struct.pack(">I", len(tags)), b""
    for name, body in tags:
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(blob), len(body))
        blob += body
    size = 128 + len(table) + len(blob)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    profile = (head + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)).ljust(128, b"\0") + table + blob
    image = Image.new("RGB", (64, 48), (60, 180, 60))
    own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    want = np.array(ImageCms.profileToProfile(image, own, srgb).getpixel((0, 0)))
    assert abs(want - (60, 180, 60)).max() > 10
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        data = saved(image, kind, icc_profile=profile, **({"lossless": True} if kind == "WEBP" else {}))
        for item in (data, Image.open(io.BytesIO(data))):
            assert np.abs(pictures.load_rgb(item)[0, 0].astype(int) - want).max() <= 2, kind
    plain = ImageCms.ImageCmsProfile(srgb).tobytes()
    data = saved(Image.fromarray(picture_colors()), "PNG", icc_profile=plain)
    np.testing.assert_array_equal(pictures.load_rgb(data), picture_colors())
    np.testing.assert_array_equal(pictures.load_rgb(Image.open(io.BytesIO(data))), picture_colors())


@pytest.mark.parametrize(
    ("gamma", "extra", "want"), [(100000, b"", 127), (45455, b"", 55), (100000, b"sRGB", 55)]
)
def test_the_gamma_of_a_png(gamma, extra, want):
    rows = zlib.compress(b"".join(b"\0" + struct.pack(">H", round(0.2140 * 65535)) * 8 for _ in range(8)))
    chunks = [png_chunk(b"gAMA", struct.pack(">I", gamma))]
    if extra:
        chunks.append(png_chunk(extra, b"\0"))
    data = picture_files.png(8, 8, *chunks, rows=rows, kind=0, bits=16)
    assert abs(int(pictures.load_rgb(data)[0, 0, 0]) - want) <= 1
    assert pictures.load_depth(data)[0, 0] == round(0.2140 * 65535)
