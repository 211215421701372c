"""rilievo: depth from one picture.

>>> import rilievo
>>> depth = rilievo.estimate_depth("photo.jpg")              # a DepthMap
>>> for output in rilievo.generate("photo.jpg", gen_heatmap=True):
...     output.image.save(f"{output.kind}.png")
"""

from rilievo import models
from rilievo._native import Cancelled, Mesh, RilievoError, __version__
from rilievo.depth import DepthMap
from rilievo.functions import (
    adjust_depth,
    depth_mask,
    depth_of_field,
    fog,
    heat_map,
    normal_map,
    parallax_frames,
    point_cloud,
    simple_mesh,
    stereo_eyes,
    stereo_images,
)
from rilievo.options import Options
from rilievo.outputs import Output
from rilievo.pipeline import estimate_depth, generate, unload
from rilievo.saving import Saver

__all__ = [
    "Cancelled",
    "DepthMap",
    "Mesh",
    "Options",
    "Output",
    "RilievoError",
    "Saver",
    "__version__",
    "adjust_depth",
    "depth_mask",
    "depth_of_field",
    "estimate_depth",
    "fog",
    "generate",
    "heat_map",
    "models",
    "normal_map",
    "parallax_frames",
    "point_cloud",
    "simple_mesh",
    "stereo_eyes",
    "stereo_images",
    "unload",
]
