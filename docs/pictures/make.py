"""Makes the pictures of README and docs with rilievo itself: python docs/pictures/make.py"""

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


def save(name: str, parts: list[np.ndarray]) -> None:
    """A strip of pictures."""
    shown = [small(part) for part in parts]
    strip = Image.new("RGB", (sum(part.width for part in shown) + 4 * (len(shown) - 1), HEIGHT), "white")
    x = 0
    for part in shown:
        strip.paste(part, (x, 0))
        x += part.width + 4
    strip.save(HERE / f"{name}.jpg", quality=88)


for photo in sorted((HERE.parent / "photos").glob("*.jpg")):
    picture = np.asarray(Image.open(photo).convert("RGB"))
    depth = rilievo.estimate_depth(photo)
    outputs = rilievo.generate(
        photo,
        depth_maps=[depth],
        gen_normalmap=True,
        gen_heatmap=True,
        gen_stereo=True,
        stereo_modes=["red-cyan-anaglyph"],
    )
    save(photo.stem, [picture, *(output.payload for output in outputs)])
    save(
        f"effects_{photo.stem}",
        [
            rilievo.depth_of_field(photo, depth, focus=0.9, f_number=1.8),
            rilievo.depth_of_field(photo, depth, focus=0.15, f_number=1.8),
            rilievo.fog(photo, depth),
            (rilievo.depth_mask(depth, far=0.4) * 255).astype(np.uint8),
            rilievo.parallax_frames(photo, depth, frames=4, strength=4)[1],
        ],
    )
