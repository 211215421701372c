"""Stereo pictures, and the two eyes by themselves."""

import rilievo
from PIL import Image

depth = rilievo.estimate_depth("photo.jpg")
modes = ["left-right", "red-cyan-anaglyph"]
for mode, picture in rilievo.stereo_images("photo.jpg", depth, modes=modes, divergence=3.0).items():
    Image.fromarray(picture).save(f"{mode}.png")

left, right, _, filled = rilievo.stereo_eyes("photo.jpg", depth, fill="polylines_soft")
print(f"{filled.mean():.1%} of the right eye's pixels ({right.shape[1]}x{right.shape[0]}) are made up")
