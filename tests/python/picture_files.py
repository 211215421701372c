"""Picture files for tests: one of every format, and files made to do harm. Also used by ``fuzz/pictures.py``."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exr(
    channels: dict[str, np.ndarray],
    *,
    data: tuple[int, int, int, int] | None = None,
    display: tuple[int, int, int, int] | None = None,
    claims: tuple[int, int] | None = None,
) -> bytes:
    """An OpenEXR file of float32 or float16 channels, not compressed. Windows are (left, top, right, bottom), inclusive.

    ``claims`` are the sides that the header claims; there are no pixels then.
    """
    height, width = claims or next(iter(channels.values())).shape
    data = data or (0, 0, width - 1, height - 1)

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    names = sorted(channels)
    types = {name: 1 if channels[name].dtype == np.float16 else 2 for name in names}
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", types[name], 0, 1, 1) for name in names)
    header = b"\x76\x2f\x31\x01" + struct.pack("<i", 2)
    header += attribute("channels", "chlist", listed + b"\0")
    header += attribute("compression", "compression", b"\3" if claims else b"\0")
    header += attribute("dataWindow", "box2i", struct.pack("<4i", *data))
    header += attribute("displayWindow", "box2i", struct.pack("<4i", *(display or data)))
    header += attribute("lineOrder", "lineOrder", b"\0")
    header += attribute("pixelAspectRatio", "float", struct.pack("<f", 1.0))
    header += attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    header += attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)) + b"\0"
    if claims:
        return header + bytes(8 * -(-height // 16))
    lines = [
        struct.pack("<i", data[1] + y) + struct.pack("<i", len(row)) + row
        for y in range(height)
        for row in [b"".join(channels[name][y].tobytes() for name in names)]
    ]
    start = len(header) + 8 * height
    offsets = [start + sum(map(len, lines[:y])) for y in range(height)]
    return header + b"".join(struct.pack("<Q", offset) for offset in offsets) + b"".join(lines)


def npy(descr: str, shape: str, data: bytes = b"", order: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data


def numpy_file(values: Any, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    if arrays:
        np.savez_compressed(stream, **arrays)
    else:
        np.save(stream, values)
    return stream.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *chunks: bytes, rows: bytes | None = None, kind: int = 2, bits: int = 8
) -> bytes:
    """A PNG file of whatever chunks come before the pixels; black if there are no rows."""
    if rows is None:
        rows = zlib.compress(bytes(height * (1 + width * 3)))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    )


def zeros_packed(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


def every_format(width: int = 24, height: int = 16) -> dict[str, bytes]:
    """A small picture in every format that is read, by a name."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 4 % 256], 2).astype(np.uint8)
    image, gray = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    deep = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    depth = rgb[..., 0].astype(np.float32) / 64 + 1
    files = {
        "rgb.png": saved(image, "PNG"),
        "palette.png": saved(image.quantize(16), "PNG"),
        "deep.png": saved(deep, "PNG"),
        "animated.png": saved(image, "PNG", save_all=True, append_images=[gray.convert("RGB")]),
        "rgb.jpg": saved(image, "JPEG"),
        "progressive.jpg": saved(image, "JPEG", progressive=True),
        "cmyk.jpg": saved(image.convert("CMYK"), "JPEG"),
        "gray.jpg": saved(gray, "JPEG"),
        "lossy.webp": saved(image, "WEBP"),
        "lossless.webp": saved(image.convert("RGBA"), "WEBP", lossless=True),
        "rgb.tiff": saved(image, "TIFF", compression="tiff_lzw"),
        "deflate.tiff": saved(image, "TIFF", compression="tiff_adobe_deflate"),
        "fax.tiff": saved(gray.convert("1"), "TIFF", compression="group4"),
        "jpeg.tiff": saved(image, "TIFF", compression="jpeg"),
        "palette.tiff": saved(image.quantize(16), "TIFF"),
        "deep.tiff": saved(deep, "TIFF"),
        "float.tiff": saved(Image.fromarray(depth), "TIFF"),
        "rgb.bmp": saved(image, "BMP"),
        "palette.gif": saved(image, "GIF"),
        "animated.gif": saved(image, "GIF", save_all=True, append_images=[gray.convert("RGB")]),
        "rgb.ppm": saved(image, "PPM"),
        "gray.pgm": saved(gray, "PPM"),
        "rgb.tga": saved(image, "TGA", compression="tga_rle"),
        "rgb.jp2": saved(image, "JPEG2000"),
        "rgb.ico": saved(image, "ICO", sizes=[(16, 16)]),
        "rgb.pcx": saved(image, "PCX"),
        "rgb.sgi": saved(image, "SGI"),
        "rgb.exr": exr({name: depth.astype(np.float16) / 8 for name in "RGB"}),
        "depth.exr": exr({"ViewLayer.Depth.Z": depth}),
        "depth.npy": numpy_file(depth),
        "depth.npz": numpy_file(None, depth=depth),
        "light.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 4\n" + bytes([99, 50, 20, 128]) * 16,
        "rgb.qoi": b"qoif" + struct.pack(">IIBB", 4, 4, 3, 0) + b"\xfe\x63\x32\x14\xce" + bytes(7) + b"\x01",
        "rgb.ff": b"farbfeld" + struct.pack(">II", 4, 4) + bytes(range(128)),
    }
    from PIL import features

    if features.check("avif"):
        files["rgb.avif"] = saved(image, "AVIF")
    return files


def attacks() -> Iterator[tuple[str, bytes]]:
    """Small files that claim, or unpack to, far more than a machine should give them."""
    side = 15811  # 250 megapixels, less than the limit
    bomb = zeros_packed(256)
    yield "profile.png", png(8, 8, png_chunk(b"iCCP", b"a\0\0" + bomb))
    yield "text.png", png(8, 8, png_chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb))
    yield "international.png", png(8, 8, png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))
    yield "texts.png", png(8, 8, *[png_chunk(b"tEXt", b"a\0" + bytes([65]) * (1 << 20))] * 40)
    yield "claims.png", png(side, side, rows=zlib.compress(bytes(1000)))
    yield (
        "claims.gif",
        b"GIF89a"
        + struct.pack("<HHBBB", side, side, 0x80, 0, 0)
        + bytes(6)
        + b","
        + struct.pack("<HHHHB", 0, 0, side, side, 0)
        + b"\x02\x02D\x01\0;",
    )
    jpeg = bytearray(saved(Image.new("RGB", (64, 64), (90, 120, 60)), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", side, side)
    yield "claims.jpg", bytes(jpeg)
    halves = {f"c{index:02}": np.zeros((1, 1), np.float16) for index in range(27)}
    colors = {name: np.zeros((1, 1), np.float16) for name in ("R", "G", "B")}
    yield "channels.exr", exr({**halves, **colors}, claims=(7000, 7000))
    yield "depth.exr", exr({**halves, "Z": np.zeros((1, 1), np.float32)}, claims=(7000, 7000))
    tags = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
    ]
    tags += [(277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, 100)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    yield "claims.tiff", b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 8)
    huge = struct.pack("<HHII", 273, 4, 0x7FFFFFFF, 8) + struct.pack("<HHII", 0x8769, 4, 1, 8)
    yield "chain.tiff", b"II*\0" + struct.pack("<IH", 8, 11) + entries + huge + struct.pack("<I", 8)
    yield (
        "claims.bmp",
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0),
    )
    yield "claims.tga", struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, side, side, 24, 0) + bytes(100)
    yield "claims.ppm", b"P6 15811 15811 255\n" + bytes(100)
    yield "claims.qoi", b"qoif" + struct.pack(">IIBB", side, side, 3, 0) + bytes(100)
    yield "claims.ff", b"farbfeld" + struct.pack(">II", side, side) + bytes(100)
    yield "claims.npy", npy("'<f8'", "(15811, 15811)")
    yield "digits.npy", npy("'<f8'", f"({'9' * 5000},)")
    yield "header.npy", b"\x93NUMPY\x02\0" + struct.pack("<I", 0x7FFFFFFF) + b"{"
    yield "nested.npy", npy("(" * 9000, "(2, 2)")
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("depth.npy", "w") as entry,
    ):
        entry.write(npy("'<f8'", "(15811, 158110)"))
        for _ in range(64):
            entry.write(bytes(1 << 20))
    yield "bomb.npz", stream.getvalue()
    yield (
        "claims.dds",
        struct.pack(
            "<4sIIIIIII44xIIIIIIII5I",
            b"DDS ",
            124,
            0x1007,
            side,
            side,
            0,
            0,
            0,
            32,
            0x41,
            0,
            32,
            255,
            255,
            255,
            255,
            0x1000,
            0,
            0,
            0,
            0,
        )
        + bytes(100),
    )


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Damaged variants of a file: bytes changed, cut, repeated."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(int(random.integers(1, 6))):
            at = int(random.integers(len(changed)))
            what = random.integers(5)
            if what == 0:
                changed[at] ^= 1 << int(random.integers(8))
            elif what == 1:
                changed[at] = int(random.choice([0, 1, 127, 128, 255]))
            elif what == 2:
                del changed[at:]
            elif what == 3:
                del changed[at : at + int(random.integers(1, 9))]
            else:
                changed[at:at] = changed[at : at + int(random.integers(1, 99))]
            if not changed:
                break
        yield bytes(changed)
