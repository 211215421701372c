"""rilievo: depth from one picture.

>>> import rilievo
>>> depth = rilievo.estimate_depth("photo.jpg")              # a DepthMap
>>> for output in rilievo.generate("photo.jpg", gen_heatmap=True):
...     output.save(f"photo-{output.kind}")
"""

try:
    from rilievo import _native as _native
except ImportError as _error:
    from rilievo import _cuda

    _cuda.load(_error)

from rilievo import models
from rilievo._native import Cancelled, Mesh, RilievoError, __version__
from rilievo.clips import generate_clip
from rilievo.depth import DepthMap
from rilievo.functions import (
    adjust_depth,
    camera_normal_map,
    depth_mask,
    depth_of_field,
    fog,
    heat_map,
    normal_map,
    parallax_frames,
    point_cloud,
    read_mesh,
    save_depth,
    simple_mesh,
    stereo_eyes,
    stereo_images,
)
from rilievo.loaded import keep_models_loaded, unload, unload_models
from rilievo.options import Options
from rilievo.outputs import Frames, Numbers, Output, Picture, Solid
from rilievo.pipeline import devices, estimate_depth, generate
from rilievo.saving import Saver

__all__ = [
    "Cancelled",
    "DepthMap",
    "Frames",
    "Mesh",
    "Numbers",
    "Options",
    "Output",
    "Picture",
    "RilievoError",
    "Saver",
    "Solid",
    "__version__",
    "adjust_depth",
    "camera_normal_map",
    "depth_mask",
    "depth_of_field",
    "devices",
    "estimate_depth",
    "fog",
    "generate",
    "generate_clip",
    "heat_map",
    "keep_models_loaded",
    "models",
    "normal_map",
    "parallax_frames",
    "point_cloud",
    "read_mesh",
    "save_depth",
    "simple_mesh",
    "stereo_eyes",
    "stereo_images",
    "unload",
    "unload_models",
]
