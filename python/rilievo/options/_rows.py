"""How surfaces show the options: one row each, in the order of every panel and list.

What an option is (its type, default, range, choices and meaning) stands in Rust, in the
struct that uses it; see CONTRIBUTING.md. The order of this table is that of the arguments of
the WebUI's scripts: new rows go to the end.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """How an option is shown.

    ``low``, ``high`` and ``step`` describe a slider; values outside are legal as far as the option's range
    goes. ``alias`` is a second flag of the command line. ``shown_if`` names the flag without which the option
    does nothing (``!flag``: with which; ``one|other``: without any of which), so that panels can hide it.
    """

    group: str
    label: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    alias: str | None = None
    shown_if: str | None = None


ROWS: dict[str, Shown] = {
    "compute_device": Shown("network", "Compute on", alias="--device"),
    "model_type": Shown("network", "Model", alias="--model"),
    "weights": Shown("network", "Checkpoint file"),
    "precision": Shown("network", "Precision"),
    "net_size_match": Shown("network", "Match net size to input size", shown_if="!boost"),
    "net_width": Shown("network", "Net width", low=64, high=2048, step=64, shown_if="!net_size_match"),
    "net_height": Shown("network", "Net height", low=64, high=2048, step=64, shown_if="!net_size_match"),
    "tiling_mode": Shown("network", "Tiling mode", alias="--tiling", shown_if="!boost"),
    "refine": Shown("network", "Refine edges with the picture", shown_if="!boost"),
    "boost": Shown("network", "BOOST (multi-resolution merging)"),
    "boost_rmax": Shown("network", "Boost: largest net size", low=512, high=4096, step=32, shown_if="boost"),
    "boost_max_patches": Shown("network", "Boost: most patches", shown_if="boost"),
    "boost_merge": Shown("network", "Boost: merge by", shown_if="boost"),
    "do_output_depth": Shown("depth", "Output depth map"),
    "output_depth_invert": Shown(
        "depth", "Invert (black = near, white = far)", alias="--invert", shown_if="do_output_depth"
    ),
    "output_depth_combine": Shown(
        "depth", "Combine input and depth into one picture", alias="--combine", shown_if="do_output_depth"
    ),
    "output_depth_combine_axis": Shown("depth", "Combine axis", shown_if="output_depth_combine"),
    "output_depth_both": Shown(
        "depth", "Keep the depth map beside the combined picture", shown_if="output_depth_combine"
    ),
    "do_output_depth_prediction": Shown("depth", "Output the raw prediction"),
    "output_depth_values": Shown("depth", "Output depth values", alias="--depth-values"),
    "depth_values_format": Shown("depth", "Format of depth values", shown_if="output_depth_values"),
    "depth_map_kind": Shown("depth", "A given depth map holds"),
    "depth_map_scale": Shown("depth", "Scale of a given depth map"),
    "clipdepth": Shown("depth", "Clip and renormalize depth"),
    "clipdepth_mode": Shown("depth", "Clip mode", shown_if="clipdepth"),
    "clipdepth_far": Shown("depth", "Far clip", low=0, high=1, step=0.001, shown_if="clipdepth"),
    "clipdepth_near": Shown("depth", "Near clip", low=0, high=1, step=0.001, shown_if="clipdepth"),
    "gen_stereo": Shown("stereo", "Generate stereoscopic image(s)", alias="--stereo"),
    "stereo_modes": Shown("stereo", "Output", shown_if="gen_stereo"),
    "stereo_divergence": Shown(
        "stereo", "Divergence (3D effect)", low=0.05, high=15.005, step=0.01, shown_if="gen_stereo"
    ),
    "stereo_separation": Shown(
        "stereo", "Separation (moves images apart)", low=-5, high=5, step=0.01, shown_if="gen_stereo"
    ),
    "stereo_fill_algo": Shown("stereo", "Gap fill technique", shown_if="gen_stereo"),
    "stereo_offset_exponent": Shown("stereo", "Magic exponent", low=1, high=2, step=1, shown_if="gen_stereo"),
    "stereo_balance": Shown(
        "stereo", "Balance between eyes", low=-1, high=1, step=0.05, shown_if="gen_stereo"
    ),
    "stereo_convergence": Shown("stereo", "Convergence", low=0, high=1, step=0.01, shown_if="gen_stereo"),
    "stereo_alpha": Shown("stereo", "Keep transparency", shown_if="gen_stereo"),
    "gen_normalmap": Shown("normal", "Generate NormalMap", alias="--normalmap"),
    "normalmap_pre_blur": Shown("normal", "Smooth before calculating normals", shown_if="gen_normalmap"),
    "normalmap_pre_blur_kernel": Shown(
        "normal", "Pre-smooth kernel size", low=1, high=31, step=2, shown_if="normalmap_pre_blur"
    ),
    "normalmap_sobel": Shown("normal", "Sobel gradient", shown_if="gen_normalmap"),
    "normalmap_sobel_kernel": Shown(
        "normal", "Sobel kernel size", low=1, high=31, step=2, shown_if="normalmap_sobel"
    ),
    "normalmap_post_blur": Shown("normal", "Smooth after calculating normals", shown_if="gen_normalmap"),
    "normalmap_post_blur_kernel": Shown(
        "normal", "Post-smooth kernel size", low=1, high=31, step=2, shown_if="normalmap_post_blur"
    ),
    "normalmap_invert": Shown("normal", "Invert normals", shown_if="gen_normalmap"),
    "normalmap_green": Shown("normal", "Green channel", shown_if="gen_normalmap"),
    "gen_camera_normalmap": Shown("normal", "Generate camera-space NormalMap", alias="--camera-normalmap"),
    "gen_heatmap": Shown("heatmap", "Generate HeatMap", alias="--heatmap"),
    "gen_simple_mesh": Shown("mesh", "Generate simple 3D mesh", alias="--mesh"),
    "simple_mesh_occlude": Shown("mesh", "Remove occluded edges", shown_if="gen_simple_mesh"),
    "simple_mesh_spherical": Shown("mesh", "Equirectangular projection", shown_if="gen_simple_mesh"),
    "simple_mesh_fov": Shown(
        "mesh",
        "Horizontal field of view",
        low=20,
        high=120,
        step=1,
        shown_if="gen_simple_mesh|gen_point_cloud|gen_camera_normalmap",
    ),
    "camera_intrinsics": Shown(
        "mesh", "Camera intrinsics", shown_if="gen_simple_mesh|gen_point_cloud|gen_camera_normalmap"
    ),
    "mesh_maxsize": Shown(
        "mesh", "Largest side of the mesh grid", low=64, high=8192, step=64, shown_if="gen_simple_mesh"
    ),
    "mesh_format": Shown("mesh", "Mesh format", shown_if="gen_simple_mesh"),
    "mesh_axes": Shown("mesh", "Mesh axes", shown_if="gen_simple_mesh"),
    "gen_point_cloud": Shown("mesh", "Generate point cloud", alias="--point-cloud"),
    "point_cloud_edges": Shown(
        "mesh", "Remove flying pixels", low=0, high=0.5, step=0.01, shown_if="gen_point_cloud"
    ),
    "point_cloud_voxel": Shown(
        "mesh", "Thin out to cubes of", low=0, high=1, step=0.01, shown_if="gen_point_cloud"
    ),
    "gen_dof": Shown("dof", "Generate depth of field", alias="--dof"),
    "dof_focus": Shown("dof", "Focus", low=0, high=1, step=0.01, shown_if="gen_dof"),
    "dof_f_number": Shown("dof", "f-number", low=0.7, high=22, step=0.1, shown_if="gen_dof"),
    "dof_highlights": Shown("dof", "Highlights", low=0, high=10, step=0.1, shown_if="gen_dof"),
    "dof_blades": Shown("dof", "Aperture blades", low=0, high=9, step=1, shown_if="gen_dof"),
    "gen_fog": Shown("fog", "Generate fog", alias="--fog"),
    "fog_density": Shown("fog", "Density", low=0, high=10, step=0.1, shown_if="gen_fog"),
    "fog_color": Shown("fog", "Colour of the fog", shown_if="gen_fog"),
    "gen_depth_mask": Shown("mask", "Generate depth mask", alias="--depth-mask"),
    "depth_mask_far": Shown("mask", "Far end", low=0, high=1, step=0.01, shown_if="gen_depth_mask"),
    "depth_mask_near": Shown("mask", "Near end", low=0, high=1, step=0.01, shown_if="gen_depth_mask"),
    "depth_mask_feather": Shown("mask", "Feather", low=0, high=1, step=0.01, shown_if="gen_depth_mask"),
    "depth_mask_invert": Shown("mask", "Invert the mask", shown_if="gen_depth_mask"),
    "gen_parallax": Shown("parallax", "Generate parallax animation", alias="--parallax"),
    "parallax_preset": Shown("parallax", "Camera movement", shown_if="gen_parallax"),
    "parallax_frames": Shown("parallax", "Frames", low=8, high=240, step=1, shown_if="gen_parallax"),
    "parallax_fps": Shown("parallax", "Frames a second", low=1, high=50, step=1, shown_if="gen_parallax"),
    "parallax_strength": Shown("parallax", "Strength", low=0, high=10, step=0.1, shown_if="gen_parallax"),
    "parallax_focus": Shown(
        "parallax", "Depth that stays in place", low=0, high=1, step=0.01, shown_if="gen_parallax"
    ),
    "parallax_maxsize": Shown(
        "parallax", "Largest side of the animation", low=256, high=4096, step=64, shown_if="gen_parallax"
    ),
    "parallax_format": Shown("parallax", "Animation format", shown_if="gen_parallax"),
    "heatmap_near_percentile": Shown(
        "heatmap", "Percentile of the last colour", low=50, high=100, step=1, shown_if="gen_heatmap"
    ),
}
