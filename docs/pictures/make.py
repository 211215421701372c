"""Makes the README's pictures with rilievo itself: python docs/pictures/make.py"""

from pathlib import Path

import numpy as np
import rilievo
from PIL import Image

HERE = Path(__file__).parent
HEIGHT = 220


def small(array: np.ndarray) -> Image.Image:
    image = Image.fromarray((array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array).convert(
        "RGB"
    )
    return image.resize((image.width * HEIGHT // image.height, HEIGHT), Image.Resampling.LANCZOS)


for photo in sorted((HERE.parent / "photos").glob("*.jpg")):
    outputs = rilievo.generate(
        photo, gen_normalmap=True, gen_heatmap=True, gen_stereo=True, stereo_modes=["red-cyan-anaglyph"]
    )
    shown = {output.kind: small(output.payload) for output in outputs}
    parts = [small(np.asarray(Image.open(photo).convert("RGB"))), *shown.values()]
    strip = Image.new("RGB", (sum(part.width for part in parts) + 4 * (len(parts) - 1), HEIGHT), "white")
    x = 0
    for part in parts:
        strip.paste(part, (x, 0))
        x += part.width + 4
    strip.save(HERE / f"{photo.stem}.jpg", quality=88)
