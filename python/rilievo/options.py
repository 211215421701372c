"""The one option table: what a run can be told, and what it accepts.

Field names and defaults are those of the reference extension's generation
options, in lower case; keys are taken in any case. Every surface (command
line, panels, HTTP, nodes) is generated from the rows of this table, so adding
an option is adding a row.

Where rilievo departs from the reference's defaults: ``model_type`` is
``"auto"`` (the best network on the machine), ``net_width`` and ``net_height``
are ``None`` (the network's own size), ``compute_device`` is ``"auto"``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from rilievo import _native

STEREO_FILLS: tuple[str, ...] = tuple(_native.stereo_fills())
STEREO_MODES: tuple[str, ...] = tuple(name for name, _ in _native.stereo_modes())
PARALLAX_PRESETS: tuple[str, ...] = tuple(_native.parallax_presets())


@dataclass(frozen=True)
class Row:
    """What a surface needs to know of an option beside its name and default.

    ``type`` is flag, whole, number, text, choice, several, color (``#rrggbb``)
    or path: a file of the machine rilievo runs on, which a surface that serves strangers does not
    offer. ``low``, ``high`` and ``step`` describe a slider; values outside are
    legal unless ``check`` says otherwise. ``shown_if`` names the flag without
    which the option does nothing (``!flag``: with which; ``one|other``: without
    any of which), so that panels can hide it.
    """

    type: str
    group: str
    label: str
    help: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    alias: str | None = None
    shown_if: str | None = None
    check: Limit | None = None


def _row(default: Any, kind: str, group: str, label: str, **more: Any) -> Any:
    row = Row(kind, group, label, **more)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"row": row})
    return field(default=default, metadata={"row": row})


@dataclass(frozen=True)
class Limit:
    """Which numbers an option takes; called with one, it gives ``None`` or what would be right."""

    wanted: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    odd: bool = False
    without: tuple[int, ...] = ()

    def __call__(self, value: float) -> str | None:
        fits = (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (not self.odd or value % 2 == 1)
            and value not in self.without
        )
        return None if fits else self.wanted


_odd_kernel = Limit("an odd number from 1 to 31", 1, 31, odd=True)
_unit = Limit("a number from 0 to 1", 0, 1)
_side = Limit("a number of pixels from 32 to 8192", 32, 8192)
_rmax = Limit("a number of pixels from 32 to 8192", 32, 8192)
_patches = Limit("a number from 0 up", 0)
_balance = Limit("a number from -1 to 1", -1, 1)
_positive = Limit("a number above 0", above=0)
_tolerance = Limit("a number above 0, or 0 for none", least=0)
_fov = Limit("an angle from 1 to 170 degrees", 1, 170)
_f_number = Limit("a number from 0.5 to 64", 0.5, 64)
_to_twenty = Limit("a number from 0 to 20", 0, 20)
_to_fifty = Limit("a number from 0 to 50", 0, 50)
_frames = Limit("a number from 1 to 1000", 1, 1000)
_frame_rate = Limit("a number from 1 to 50", 1, 50)
_blades = Limit("a number from 3 to 16, or 0 for a circle", 0, 16, without=(1, 2))


class _Intrinsics(Limit):
    """Four numbers in a text."""

    def __call__(self, value: Any) -> str | None:
        try:
            fx, fy, *centre = (float(part) for part in value.split(","))
        except ValueError:
            return self.wanted
        good = len(centre) == 2 and fx > 0 and fy > 0 and all(map(math.isfinite, (fx, fy, *centre)))
        return None if good else self.wanted


_intrinsics = _Intrinsics("four numbers FX,FY,CX,CY in pixels, FX and FY above 0")


@dataclass
class Options:
    """Everything :func:`rilievo.generate` can be told beside the pictures.

    Raises :class:`ValueError` naming the option, the value and what is
    accepted.
    """

    compute_device: str = _row(
        "auto",
        "text",
        "network",
        "Compute on",
        alias="--device",
        help="auto, cpu, cuda, cuda:N or metal; GPU and CPU mean auto and cpu",
    )
    model_type: str = _row(
        "auto",
        "text",
        "network",
        "Model",
        alias="--model",
        help="a name from `rilievo models`, or auto: the best one on this machine",
    )
    weights: str | None = _row(
        None,
        "path",
        "network",
        "Checkpoint file",
        help="read the model from this file instead of looking for it",
    )
    precision: str = _row(
        "auto",
        "choice",
        "network",
        "Precision",
        choices=("auto", "f32", "f16", "bf16"),
        help="number format of the network; auto fits the device",
    )
    net_size_match: bool = _row(
        False,
        "flag",
        "network",
        "Match net size to input size",
        help="run the network at the picture's own size: slow, finer",
        shown_if="!boost",
    )
    net_width: int | None = _row(
        None,
        "whole",
        "network",
        "Net width",
        low=64,
        high=2048,
        step=64,
        check=_side,
        help="network input width in pixels; default: the model's own",
        shown_if="!net_size_match",
    )
    net_height: int | None = _row(
        None,
        "whole",
        "network",
        "Net height",
        low=64,
        high=2048,
        step=64,
        check=_side,
        help="network input height in pixels; default: the model's own",
        shown_if="!net_size_match",
    )
    tiling_mode: bool = _row(
        False,
        "flag",
        "network",
        "Tiling mode",
        alias="--tiling",
        help="for a picture that tiles: its depth tiles too",
        shown_if="!boost",
    )
    refine: bool | None = _row(
        None,
        "flag",
        "network",
        "Refine edges with the picture",
        help="edge-aware upsampling guided by the picture; default: on for pocket, off for the others",
        shown_if="!boost",
    )
    boost: bool = _row(
        False,
        "flag",
        "network",
        "BOOST (multi-resolution merging)",
        help="merge many small looks into one finer depth map: slow; chooses its own net sizes",
    )
    boost_rmax: int = _row(
        1600,
        "whole",
        "network",
        "Boost: largest net size",
        low=512,
        high=4096,
        step=32,
        check=_rmax,
        help="largest network input for the whole picture, in pixels",
        shown_if="boost",
    )
    boost_max_patches: int | None = _row(
        None,
        "whole",
        "network",
        "Boost: most patches",
        check=_patches,
        help="look at no more than this many patches, those with the most detail; default: all that have any",
        shown_if="boost",
    )
    boost_merge: str = _row(
        "auto",
        "choice",
        "network",
        "Boost: merge by",
        choices=("auto", "network", "guided"),
        help="network: pix2pix, a download; guided: built in, faster, softer; auto: the network if it is here",
        shown_if="boost",
    )

    do_output_depth: bool = _row(True, "flag", "depth", "Output depth map", help="write the 16-bit depth map")
    output_depth_invert: bool = _row(
        False,
        "flag",
        "depth",
        "Invert (black = near, white = far)",
        alias="--invert",
        help="invert the written depth map; nothing else sees it",
        shown_if="do_output_depth",
    )
    output_depth_combine: bool = _row(
        False,
        "flag",
        "depth",
        "Combine input and depth into one picture",
        alias="--combine",
        help="write picture and depth as one 8-bit picture instead of the depth map alone",
        shown_if="do_output_depth",
    )
    output_depth_combine_axis: str = _row(
        "Horizontal",
        "choice",
        "depth",
        "Combine axis",
        choices=("Vertical", "Horizontal"),
        help="depth below the picture, or to its right",
        shown_if="output_depth_combine",
    )
    output_depth_both: bool = _row(
        False,
        "flag",
        "depth",
        "Keep the depth map beside the combined picture",
        help="with --combine: write the 16-bit depth map too",
        shown_if="output_depth_combine",
    )
    do_output_depth_prediction: bool = _row(
        False,
        "flag",
        "depth",
        "Output the raw prediction",
        help="also give the network's own numbers (float32, signed so that near is large)",
    )
    output_depth_values: bool = _row(
        False,
        "flag",
        "depth",
        "Output depth values",
        alias="--depth-values",
        help="also write the depth's own numbers to a file of floats: metres where they are metric",
    )
    depth_values_format: str = _row(
        "exr",
        "choice",
        "depth",
        "Format of depth values",
        choices=("exr", "npy", "tiff", "png"),
        help="png: millimetres in 16 bits, relative depth stretched",
        shown_if="output_depth_values",
    )
    depth_map_kind: str = _row(
        "picture",
        "choice",
        "depth",
        "A given depth map holds",
        choices=("picture", "inverse", "depth", "metric"),
        help="picture: grey, near is bright; inverse: numbers, near is large; depth: near is small; metric: metres",
    )
    depth_map_scale: float = _row(
        1.0,
        "number",
        "depth",
        "Scale of a given depth map",
        check=_positive,
        help="its numbers are multiplied by this; 0.001 makes metres of millimetres; not for picture",
    )
    clipdepth: bool = _row(
        False, "flag", "depth", "Clip and renormalize depth", help="cut the depth range of fresh predictions"
    )
    clipdepth_mode: str = _row(
        "Range",
        "choice",
        "depth",
        "Clip mode",
        choices=("Range", "Outliers"),
        help="Range: cut at fractions of the range; Outliers: at fractions of the pixels",
        shown_if="clipdepth",
    )
    clipdepth_far: float = _row(
        0.0,
        "number",
        "depth",
        "Far clip",
        low=0,
        high=1,
        step=0.001,
        check=_unit,
        help="lower bound, 0 to 1",
        shown_if="clipdepth",
    )
    clipdepth_near: float = _row(
        1.0,
        "number",
        "depth",
        "Near clip",
        low=0,
        high=1,
        step=0.001,
        check=_unit,
        help="upper bound, 0 to 1",
        shown_if="clipdepth",
    )

    gen_stereo: bool = _row(
        False,
        "flag",
        "stereo",
        "Generate stereoscopic image(s)",
        alias="--stereo",
        help="write stereo pictures",
    )
    stereo_modes: list[str] = _row(
        ["left-right", "red-cyan-anaglyph"],
        "several",
        "stereo",
        "Output",
        choices=STEREO_MODES,
        help="layouts to write, separated by commas",
        shown_if="gen_stereo",
    )
    stereo_divergence: float = _row(
        2.5,
        "number",
        "stereo",
        "Divergence (3D effect)",
        low=0.05,
        high=15.005,
        step=0.01,
        help="largest shift between the eyes in percent of the width",
        shown_if="gen_stereo",
    )
    stereo_separation: float = _row(
        0.0,
        "number",
        "stereo",
        "Separation (moves images apart)",
        low=-5,
        high=5,
        step=0.01,
        help="constant shift in percent of the width",
        shown_if="gen_stereo",
    )
    stereo_fill_algo: str = _row(
        "polylines_sharp",
        "choice",
        "stereo",
        "Gap fill technique",
        choices=STEREO_FILLS,
        help="how areas only one eye sees are filled",
        shown_if="gen_stereo",
    )
    stereo_offset_exponent: float = _row(
        1.0,
        "number",
        "stereo",
        "Magic exponent",
        low=1,
        high=2,
        step=1,
        check=_positive,
        help="shift = nearness to this power",
        shown_if="gen_stereo",
    )
    stereo_balance: float = _row(
        0.0,
        "number",
        "stereo",
        "Balance between eyes",
        low=-1,
        high=1,
        step=0.05,
        check=_balance,
        help="-1: only the right eye moves; 1: only the left one",
        shown_if="gen_stereo",
    )

    stereo_convergence: float = _row(
        0.0,
        "number",
        "stereo",
        "Convergence",
        low=0,
        high=1,
        step=0.01,
        check=_unit,
        help="which nearness lies in the plane of the screen: 0 the farthest point, 1 the nearest",
        shown_if="gen_stereo",
    )
    stereo_alpha: bool = _row(
        False,
        "flag",
        "stereo",
        "Keep transparency",
        help="the picture's transparency moves with its colours; anaglyphs have none",
        shown_if="gen_stereo",
    )

    gen_normalmap: bool = _row(
        False, "flag", "normal", "Generate NormalMap", alias="--normalmap", help="write a normal map"
    )
    normalmap_pre_blur: bool = _row(
        False,
        "flag",
        "normal",
        "Smooth before calculating normals",
        help="Gaussian blur of the depth first",
        shown_if="gen_normalmap",
    )
    normalmap_pre_blur_kernel: int = _row(
        3,
        "whole",
        "normal",
        "Pre-smooth kernel size",
        low=1,
        high=31,
        step=2,
        check=_odd_kernel,
        help="kernel size (and sigma) of that blur",
        shown_if="normalmap_pre_blur",
    )
    normalmap_sobel: bool = _row(
        True,
        "flag",
        "normal",
        "Sobel gradient",
        help="Sobel instead of plain central differences",
        shown_if="gen_normalmap",
    )
    normalmap_sobel_kernel: int = _row(
        3,
        "whole",
        "normal",
        "Sobel kernel size",
        low=1,
        high=31,
        step=2,
        check=_odd_kernel,
        help="kernel size of the Sobel gradient",
        shown_if="normalmap_sobel",
    )
    normalmap_post_blur: bool = _row(
        False,
        "flag",
        "normal",
        "Smooth after calculating normals",
        help="Gaussian blur of the normals",
        shown_if="gen_normalmap",
    )
    normalmap_post_blur_kernel: int = _row(
        3,
        "whole",
        "normal",
        "Post-smooth kernel size",
        low=1,
        high=31,
        step=2,
        check=_odd_kernel,
        help="kernel size (and sigma) of that blur",
        shown_if="normalmap_post_blur",
    )
    normalmap_invert: bool = _row(
        False, "flag", "normal", "Invert normals", help="invert before calculating", shown_if="gen_normalmap"
    )
    normalmap_green: str = _row(
        "opengl",
        "choice",
        "normal",
        "Green channel",
        choices=("opengl", "directx"),
        help="green grows upwards for OpenGL, Blender and Unity, downwards for DirectX and Unreal",
        shown_if="gen_normalmap",
    )
    gen_camera_normalmap: bool = _row(
        False,
        "flag",
        "normal",
        "Generate camera-space NormalMap",
        alias="--camera-normalmap",
        help="write a normal map of the surface in space, true to its angles; uses the camera of the mesh",
    )

    gen_heatmap: bool = _row(
        False, "flag", "heatmap", "Generate HeatMap", alias="--heatmap", help="write a coloured depth map"
    )

    gen_simple_mesh: bool = _row(
        False,
        "flag",
        "mesh",
        "Generate simple 3D mesh",
        alias="--mesh",
        help="write a 3D mesh of the picture",
    )
    simple_mesh_occlude: bool = _row(
        True,
        "flag",
        "mesh",
        "Remove occluded edges",
        help="leave out triangles that span a depth edge",
        shown_if="gen_simple_mesh",
    )
    simple_mesh_spherical: bool = _row(
        False,
        "flag",
        "mesh",
        "Equirectangular projection",
        help="for 360 degree panoramas",
        shown_if="gen_simple_mesh",
    )
    simple_mesh_fov: float = _row(
        55.0,
        "number",
        "mesh",
        "Horizontal field of view",
        low=20,
        high=120,
        step=1,
        check=_fov,
        help="of the camera that took the picture, in degrees",
        shown_if="gen_simple_mesh|gen_point_cloud|gen_camera_normalmap",
    )
    camera_intrinsics: str | None = _row(
        None,
        "text",
        "mesh",
        "Camera intrinsics",
        check=_intrinsics,
        help="FX,FY,CX,CY of the camera in pixels, instead of the field of view",
        shown_if="gen_simple_mesh|gen_point_cloud|gen_camera_normalmap",
    )
    mesh_maxsize: int = _row(
        2048,
        "whole",
        "mesh",
        "Largest side of the mesh grid",
        low=64,
        high=8192,
        step=64,
        check=_side,
        help="larger pictures are meshed at this size",
        shown_if="gen_simple_mesh",
    )
    mesh_format: str = _row(
        "glb",
        "choice",
        "mesh",
        "Mesh format",
        choices=("glb", "obj", "obj-textured", "ply"),
        help="glb: textured and upright; obj: vertex colours as the reference; obj-textured: with a material "
        "and a picture; ply: binary",
        shown_if="gen_simple_mesh",
    )
    mesh_axes: str = _row(
        "auto",
        "choice",
        "mesh",
        "Mesh axes",
        choices=("auto", "gltf", "blender", "opencv", "pytorch3d"),
        help="where x, y and z point in OBJ and PLY; auto: as the reference in obj, else gltf (right, up, back)",
        shown_if="gen_simple_mesh",
    )
    gen_point_cloud: bool = _row(
        False,
        "flag",
        "mesh",
        "Generate point cloud",
        alias="--point-cloud",
        help="write coloured points as binary PLY",
    )
    point_cloud_edges: float = _row(
        0.04,
        "number",
        "mesh",
        "Remove flying pixels",
        low=0,
        high=0.5,
        step=0.01,
        check=_tolerance,
        help="leave out points beside which depth jumps by more than this share; 0 keeps all",
        shown_if="gen_point_cloud",
    )
    point_cloud_voxel: float = _row(
        0.0,
        "number",
        "mesh",
        "Thin out to cubes of",
        low=0,
        high=1,
        step=0.01,
        check=_tolerance,
        help="one point for every cube of this edge length, in units of depth; 0 keeps all",
        shown_if="gen_point_cloud",
    )

    gen_dof: bool = _row(
        False,
        "flag",
        "dof",
        "Generate depth of field",
        alias="--dof",
        help="write the picture as a lens of large aperture sees it",
    )
    dof_focus: float | None = _row(
        None,
        "number",
        "dof",
        "Focus",
        low=0,
        high=1,
        step=0.01,
        check=_unit,
        help="what is sharp: 0 the farthest point, 1 the nearest; default: what is in the middle of the picture",
        shown_if="gen_dof",
    )
    dof_f_number: float = _row(
        2.8,
        "number",
        "dof",
        "f-number",
        low=0.7,
        high=22,
        step=0.1,
        check=_f_number,
        help="aperture of the lens (50 mm, full frame): smaller blurs more",
        shown_if="gen_dof",
    )
    dof_highlights: float = _row(
        0.5,
        "number",
        "dof",
        "Highlights",
        low=0,
        high=10,
        step=0.1,
        check=_to_fifty,
        help="how much brighter blurred highlights are than the picture shows them",
        shown_if="gen_dof",
    )
    dof_blades: int = _row(
        0,
        "whole",
        "dof",
        "Aperture blades",
        low=0,
        high=9,
        step=1,
        check=_blades,
        help="shape of blurred highlights: 3 to 16 straight blades, or 0 for a circle",
        shown_if="gen_dof",
    )

    gen_fog: bool = _row(
        False, "flag", "fog", "Generate fog", alias="--fog", help="write the picture with fog in it"
    )
    fog_density: float = _row(
        2.0,
        "number",
        "fog",
        "Density",
        low=0,
        high=10,
        step=0.1,
        check=_to_fifty,
        help="of the light of the farthest point exp(-density) is left",
        shown_if="gen_fog",
    )
    fog_color: str = _row(
        "#c8d0d8", "color", "fog", "Colour of the fog", help="as #rrggbb", shown_if="gen_fog"
    )

    gen_depth_mask: bool = _row(
        False,
        "flag",
        "mask",
        "Generate depth mask",
        alias="--depth-mask",
        help="write a mask of what lies in a range of depth",
    )
    depth_mask_far: float = _row(
        0.5,
        "number",
        "mask",
        "Far end",
        low=0,
        high=1,
        step=0.01,
        check=_unit,
        help="of the range: 0 the farthest point, 1 the nearest",
        shown_if="gen_depth_mask",
    )
    depth_mask_near: float = _row(
        1.0,
        "number",
        "mask",
        "Near end",
        low=0,
        high=1,
        step=0.01,
        check=_unit,
        help="of the range",
        shown_if="gen_depth_mask",
    )
    depth_mask_feather: float = _row(
        0.05,
        "number",
        "mask",
        "Feather",
        low=0,
        high=1,
        step=0.01,
        check=_unit,
        help="how far beyond both ends the mask fades out",
        shown_if="gen_depth_mask",
    )
    depth_mask_invert: bool = _row(
        False,
        "flag",
        "mask",
        "Invert the mask",
        help="mask what lies outside the range",
        shown_if="gen_depth_mask",
    )

    gen_parallax: bool = _row(
        False,
        "flag",
        "parallax",
        "Generate parallax animation",
        alias="--parallax",
        help="write a loop of a camera that moves a little",
    )
    parallax_preset: str = _row(
        "circle",
        "choice",
        "parallax",
        "Camera movement",
        choices=PARALLAX_PRESETS,
        help="dolly-zoom keeps the size of what is in focus",
        shown_if="gen_parallax",
    )
    parallax_frames: int = _row(
        48,
        "whole",
        "parallax",
        "Frames",
        low=8,
        high=240,
        step=1,
        check=_frames,
        help="pictures of one loop",
        shown_if="gen_parallax",
    )
    parallax_fps: float = _row(
        24.0,
        "number",
        "parallax",
        "Frames a second",
        low=1,
        high=50,
        step=1,
        check=_frame_rate,
        help="speed of the animation",
        shown_if="gen_parallax",
    )
    parallax_strength: float = _row(
        3.0,
        "number",
        "parallax",
        "Strength",
        low=0,
        high=10,
        step=0.1,
        check=_to_twenty,
        help="how far the nearest point moves against the farthest, in percent of the larger side",
        shown_if="gen_parallax",
    )
    parallax_focus: float | None = _row(
        None,
        "number",
        "parallax",
        "Depth that stays in place",
        low=0,
        high=1,
        step=0.01,
        check=_unit,
        help="what stays in place: 0 the farthest point, 1 the nearest; default: what is in the middle",
        shown_if="gen_parallax",
    )
    parallax_maxsize: int = _row(
        1024,
        "whole",
        "parallax",
        "Largest side of the animation",
        low=256,
        high=4096,
        step=64,
        check=_side,
        help="larger pictures are animated at this size",
        shown_if="gen_parallax",
    )
    parallax_format: str = _row(
        "webp",
        "choice",
        "parallax",
        "Animation format",
        choices=("webp", "gif", "png"),
        help="webp is small and in full colour; gif has 256 colours; png loses nothing",
        shown_if="gen_parallax",
    )

    def __post_init__(self) -> None:
        for name, row in rows().items():
            setattr(self, name, _accept(name, row, getattr(self, name), DEFAULTS[name]))
        if self.clipdepth and self.clipdepth_far > self.clipdepth_near:
            raise ValueError(
                f"clipdepth_far ({self.clipdepth_far:g}) lies above clipdepth_near ({self.clipdepth_near:g}): "
                "nothing would be left; swap them, or use output_depth_invert to turn the map around"
            )
        if self.boost and self.tiling_mode:
            raise ValueError("boost cannot make depth that tiles; switch boost or tiling_mode off")
        if self.gen_depth_mask and self.depth_mask_far > self.depth_mask_near:
            raise ValueError(
                f"depth_mask_far ({self.depth_mask_far:g}) lies above depth_mask_near ({self.depth_mask_near:g}); "
                "swap them, or use depth_mask_invert for what lies outside"
            )
        if self.simple_mesh_spherical and self.camera_intrinsics is not None:
            raise ValueError(
                "camera_intrinsics describe a pinhole camera, but simple_mesh_spherical is on; give one of the two"
            )
        if self.mesh_format == "glb" and self.gen_simple_mesh and self.mesh_axes not in ("auto", "gltf"):
            raise ValueError(
                f"mesh_axes is {self.mesh_axes!r}, but glTF fixes its axes; use mesh_format obj or ply, or leave it auto"
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, strict: bool = True) -> Options:
        """Options from names in any case.

        ``strict=False`` drops unknown names, as the reference's API did;
        otherwise they are a :class:`ValueError`.
        """
        names = rows()
        known: dict[str, Any] = {}
        for key, value in values.items():
            name = str(getattr(key, "name", key)).lower()
            if name in names:
                known[name] = value
            elif strict:
                raise ValueError(f"there is no option {name!r}; known are {', '.join(sorted(names))}")
        return cls(**known)

    def replace(self, **values: Any) -> Options:
        """A copy with some values changed; names in any case."""
        return self.from_mapping({**dataclasses.asdict(self), **{k.lower(): v for k, v in values.items()}})

    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value != DEFAULTS[name]}

    @property
    def intrinsics(self) -> tuple[float, float, float, float] | None:
        """The camera as (fx, fy, cx, cy) in pixels, or ``None`` if only its field of view is known."""
        if self.camera_intrinsics is None:
            return None
        fx, fy, cx, cy = map(float, self.camera_intrinsics.split(","))
        return (fx, fy, cx, cy)

    @property
    def net_size(self) -> tuple[int, int] | None:
        """Width and height for the network, or ``None`` for its own."""
        if self.net_width is None and self.net_height is None:
            return None
        side = self.net_width or self.net_height or 0
        return (self.net_width or side, self.net_height or side)


def rows() -> dict[str, Row]:
    """Every option's row, by name, in table order."""
    return {f.name: f.metadata["row"] for f in dataclasses.fields(Options)}


DEFAULTS: dict[str, Any] = {
    f.name: f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    for f in dataclasses.fields(Options)
}


def parse_color(text: str) -> tuple[int, int, int]:
    """Red, green and blue of ``#rrggbb`` or ``#rgb``; the ``#`` may be missing."""
    digits = text.strip().lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) != 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        raise ValueError(f"{text!r} is no colour; write it as #rrggbb, such as #c8d0d8")
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _accept(name: str, row: Row, value: Any, default: Any) -> Any:
    """The value in the option's own type, or a ValueError that says what it takes."""
    if value is None and default is None:
        return None
    value = _convert(name, row, getattr(value, "value", value))
    if row.type == "choice" and value not in row.choices:
        same = [choice for choice in row.choices if choice.lower() == value.lower()]
        if not same:
            raise ValueError(f"{name} is {value!r}; it can be {', '.join(row.choices)}")
        value = same[0]
    if row.type == "several" and row.choices:
        for part in value:
            if part not in row.choices:
                raise ValueError(f"{name} names {part!r}; it can be some of {', '.join(row.choices)}")
    wanted = row.check(value) if row.check else None
    if wanted:
        raise ValueError(f"{name} is {value}; it must be {wanted}")
    return value


def _convert(name: str, row: Row, value: Any) -> Any:
    converters: dict[str, tuple[Callable[[Any], Any], str]] = {
        "flag": (_flag, "true or false"),
        "whole": (_whole, "a whole number"),
        "number": (_number, "a number"),
        "text": (_text, "text"),
        "color": (_color, "a colour such as #c8d0d8"),
        "path": (_text, "a file's path"),
        "choice": (_text, "one of " + ", ".join(row.choices)),
        "several": (_several, "a list of names"),
    }
    convert, wanted = converters[row.type]
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {value!r}; it must be {wanted}") from None


def _flag(value: Any) -> bool:
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if isinstance(value, str):
        if value.strip().lower() not in words:
            raise ValueError
        return words[value.strip().lower()]
    if value not in (True, False):
        raise ValueError
    return bool(value)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _text(value: Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise TypeError
    return str(value)


def _color(value: Any) -> str:
    return "#" + bytes(parse_color(_text(value))).hex()


def _several(value: str | Any) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else list(value)
    return [_text(part).strip() for part in parts if str(part).strip()]
