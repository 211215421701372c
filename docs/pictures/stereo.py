"""Makes the comparison of the fills for docs/stereo.md: python docs/pictures/stereo.py

A row a photo: a detail, and what becomes of it in the right eye when that eye
does all the moving (divergence 6, balance -1). All depth is by the embedded
network.
"""

from pathlib import Path

import numpy as np
import rilievo
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
TILE = (200, 240)
GAP = 4
CAPTION = 16
# Photo, left and top of the detail, its height.
DETAILS = (
    ("portrait_astronaut", 120, 20, 240),
    ("room_drum_table", 300, 640, 420),
    ("table_coffee", 330, 20, 240),
    ("building_temple", 250, 90, 240),
)


def tile(picture: np.ndarray, left: int, top: int, height: int) -> Image.Image:
    width = height * TILE[0] // TILE[1]
    detail = Image.fromarray(picture).crop((left, top, left + width, top + height))
    return detail.resize(TILE, Image.Resampling.LANCZOS)


def row(name: str, left: int, top: int, height: int) -> list[Image.Image]:
    photo = HERE.parent / "photos" / f"{name}.jpg"
    depth = rilievo.estimate_depth(photo)
    pictures = [np.asarray(Image.open(photo).convert("RGB"))]
    for fill in rilievo.options.STEREO_FILLS:
        _, right, _, holes = rilievo.stereo_eyes(photo, depth, divergence=6, balance=-1, fill=fill)
        if fill == "none":
            right[holes] = (255, 0, 255)
        pictures.append(right)
    return [tile(picture, left, top, height) for picture in pictures]


def main() -> None:
    rows = [row(*detail) for detail in DETAILS]
    columns = len(rows[0])
    size = (columns * (TILE[0] + GAP) - GAP, len(rows) * (TILE[1] + GAP) + CAPTION)
    sheet = Image.new("RGB", size, "white")
    write = ImageDraw.Draw(sheet)
    for x, caption in enumerate(("the photo", *rilievo.options.STEREO_FILLS)):
        write.text((x * (TILE[0] + GAP) + 2, 2), caption, fill="black")
    for y, tiles in enumerate(rows):
        for x, picture in enumerate(tiles):
            sheet.paste(picture, (x * (TILE[0] + GAP), CAPTION + y * (TILE[1] + GAP)))
    sheet.save(HERE / "stereo_fills.jpg", quality=90)


main()
