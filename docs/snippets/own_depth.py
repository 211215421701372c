"""A depth map of your own in place of a network."""

import numpy as np
import rilievo
from PIL import Image

photo = Image.open("photo.jpg")

# A depth picture (near = bright) keeps its scale, and is resized to fit.
for output in rilievo.generate(photo, depth_maps=["own.png"], gen_fog=True, fog_density=1.0):
    output.image.save(f"{output.kind}.png")

# Metres, such as a depth camera gives, stand for a prediction; 0 or below means not measured.
metres = np.linspace(5.0, 1.0, photo.height, dtype=np.float32)[:, None].repeat(photo.width, axis=1)
depth = rilievo.DepthMap.from_numbers(metres, "metric")
rilievo.simple_mesh(photo, depth).save("photo.glb")
