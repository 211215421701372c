"""Made by `make generate` from the options declared in Rust; not to be edited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict


@dataclass
class Fields:
    """The options by name, with their defaults."""

    compute_device: str = "auto"
    """auto, cpu, cuda, cuda:N or metal; GPU and CPU mean auto and cpu"""
    model_type: str = "auto"
    """a name from `rilievo models`, or auto: the best one on this machine"""
    weights: str | None = None
    """read the model from this file instead of looking for it"""
    precision: str = "auto"
    """number format of the network; auto fits the device; auto, f32, f16, bf16"""
    net_size_match: bool = False
    """run the network at the picture's own size: slow, finer"""
    net_width: int | None = None
    """network input width in pixels; default: the model's own; a number of pixels from 32 to 8192"""
    net_height: int | None = None
    """network input height in pixels; default: the model's own; a number of pixels from 32 to 8192"""
    tiling_mode: bool = False
    """for a picture that tiles: its depth tiles too"""
    refine: bool | None = None
    """edge-aware upsampling guided by the picture; default: on for pocket, off for the others"""
    boost: bool = False
    """merge many small looks into one finer depth map: slow; chooses its own net sizes"""
    boost_rmax: int = 1600
    """largest network input for the whole picture, in pixels; a number of pixels from 32 to 8192"""
    boost_max_patches: int | None = None
    """look at no more than this many patches, those with the most detail; default: all that have any; a number from 0 up"""
    boost_merge: str = "auto"
    """network: pix2pix, a download; guided: built in, faster, softer; auto: the network if it is here; auto, network, guided"""
    do_output_depth: bool = True
    """write the 16-bit depth map"""
    output_depth_invert: bool = False
    """invert the written depth map; nothing else sees it"""
    output_depth_combine: bool = False
    """write picture and depth as one 8-bit picture instead of the depth map alone"""
    output_depth_combine_axis: str = "Horizontal"
    """depth below the picture, or to its right; Vertical, Horizontal"""
    output_depth_both: bool = False
    """with --combine: write the 16-bit depth map too"""
    do_output_depth_prediction: bool = False
    """also give the network's own numbers (float32, signed so that near is large)"""
    output_depth_values: bool = False
    """also write the depth's own numbers to a file of floats: metres where they are metric"""
    depth_values_format: str = "exr"
    """png: millimetres in 16 bits, relative depth stretched; exr, npy, tiff, png"""
    depth_map_kind: str = "picture"
    """picture: grey, near is bright; inverse: numbers, near is large; depth: near is small; metric: metres; picture, inverse, depth, metric"""
    depth_map_scale: float = 1.0
    """its numbers are multiplied by this; 0.001 makes metres of millimetres; not for picture; a number above 0"""
    clipdepth: bool = False
    """cut the depth range of fresh predictions"""
    clipdepth_mode: str = "Range"
    """cut at fractions of the range (Range) or of the pixels (Outliers); Range, Outliers"""
    clipdepth_far: float = 0.0
    """lower bound, 0 to 1; a number from 0 to 1"""
    clipdepth_near: float = 1.0
    """upper bound, 0 to 1; a number from 0 to 1"""
    gen_stereo: bool = False
    """write stereo pictures"""
    stereo_modes: list[str] = field(default_factory=lambda: ["left-right", "red-cyan-anaglyph"])
    """layouts to write, separated by commas; left-right, right-left, top-bottom, bottom-top, red-cyan-anaglyph, left-only, only-right, cyan-red-reverseanaglyph, half-left-right, half-right-left, half-top-bottom, half-bottom-top, interlaced-rows, interlaced-columns, dubois-anaglyph, half-colour-anaglyph, grey-anaglyph, green-magenta-anaglyph, amber-blue-anaglyph, left-holes, right-holes"""
    stereo_divergence: float = 2.5
    """largest shift between the eyes in percent of the width; a number from -100 to 100"""
    stereo_separation: float = 0.0
    """constant shift in percent of the width; a number from -100 to 100"""
    stereo_fill_algo: str = "polylines_sharp"
    """how areas only one eye sees are filled; none, naive, naive_interpolating, polylines_soft, polylines_sharp, inpaint"""
    stereo_offset_exponent: float = 1.0
    """shift = nearness to this power; a number above 0, up to 10"""
    stereo_balance: float = 0.0
    """-1: only the right eye moves; 1: only the left one; a number from -1 to 1"""
    stereo_convergence: float = 0.0
    """which nearness lies in the plane of the screen: 0 the farthest point, 1 the nearest; a number from 0 to 1"""
    stereo_alpha: bool = False
    """the picture's transparency moves with its colours; anaglyphs have none"""
    gen_normalmap: bool = False
    """write a normal map"""
    normalmap_pre_blur: bool = False
    """blur the depth first, by a Gaussian"""
    normalmap_pre_blur_kernel: int = 3
    """kernel size (and sigma) of that blur; an odd number from 1 to 31"""
    normalmap_sobel: bool = True
    """the Sobel gradient instead of plain central differences"""
    normalmap_sobel_kernel: int = 3
    """kernel size of the Sobel gradient; an odd number from 1 to 31"""
    normalmap_post_blur: bool = False
    """blur the normals, by a Gaussian; they get their length back"""
    normalmap_post_blur_kernel: int = 3
    """kernel size (and sigma) of that blur; an odd number from 1 to 31"""
    normalmap_invert: bool = False
    """invert before calculating: hills become holes"""
    normalmap_green: str = "opengl"
    """green grows upwards for OpenGL, Blender and Unity, downwards for DirectX and Unreal; opengl, directx"""
    gen_camera_normalmap: bool = False
    """write a normal map of the surface in space, true to its angles; uses the camera of the mesh"""
    gen_heatmap: bool = False
    """write a coloured depth map"""
    gen_simple_mesh: bool = False
    """write a 3D mesh of the picture"""
    simple_mesh_occlude: bool = True
    """leave out triangles that span a depth edge"""
    simple_mesh_spherical: bool = False
    """for 360 degree panoramas"""
    simple_mesh_fov: float = 55.0
    """of the camera that took the picture, in degrees; a number of degrees above 0 and below 180"""
    camera_intrinsics: str | None = None
    """FX,FY,CX,CY of the camera in pixels, instead of the field of view"""
    mesh_maxsize: int = 2048
    """larger pictures are meshed at this size; a number of pixels from 2 up"""
    mesh_format: str = "glb"
    """glb: textured and upright; obj: vertex colours as the reference; obj-textured: with a material and a picture; ply: binary; glb, obj, obj-textured, ply"""
    mesh_axes: str = "auto"
    """where x, y and z point in OBJ and PLY; auto: as the reference in obj, else gltf (right, up, back); auto, gltf, blender, opencv, pytorch3d"""
    gen_point_cloud: bool = False
    """write coloured points as binary PLY"""
    point_cloud_edges: float = 0.04
    """leave out points beside which depth jumps by more than this share; 0 keeps all; a number above 0, or 0 for none"""
    point_cloud_voxel: float = 0.0
    """one point for every cube of this edge length, in units of depth; 0 keeps all; a number above 0, or 0 for none"""
    gen_dof: bool = False
    """write the picture as a lens of large aperture sees it"""
    dof_focus: float | None = None
    """what is sharp: 0 the farthest point, 1 the nearest; default: what is in the middle of the picture; a number from 0 to 1"""
    dof_f_number: float = 2.8
    """aperture of the lens (50 mm, full frame): smaller blurs more; a number from 0.5 to 64"""
    dof_highlights: float = 0.5
    """how much brighter blurred highlights are than the picture shows them; a number from 0 to 50"""
    dof_blades: int = 0
    """shape of blurred highlights: 3 to 16 straight blades, or 0 for a circle; a number from 3 to 16, or 0 for a circle"""
    gen_fog: bool = False
    """write the picture with fog in it"""
    fog_density: float = 2.0
    """of the light of the farthest point exp(-density) is left; a number from 0 to 50"""
    fog_color: str = "#c8d0d8"
    """as #rrggbb"""
    gen_depth_mask: bool = False
    """write a mask of what lies in a range of depth"""
    depth_mask_far: float = 0.5
    """of the range: 0 the farthest point, 1 the nearest; a number from 0 to 1"""
    depth_mask_near: float = 1.0
    """of the range; a number from 0 to 1"""
    depth_mask_feather: float = 0.05
    """how far beyond both ends the mask fades out; a number from 0 to 1"""
    depth_mask_invert: bool = False
    """mask what lies outside the range"""
    gen_parallax: bool = False
    """write a loop of a camera that moves a little"""
    parallax_preset: str = "circle"
    """dolly-zoom keeps the size of what is in focus; circle, horizontal, vertical, dolly, dolly-zoom"""
    parallax_frames: int = 48
    """pictures of one loop; a number from 1 to 1000"""
    parallax_fps: float = 24.0
    """speed of the animation; a number from 1 to 50"""
    parallax_strength: float = 3.0
    """how far the nearest point moves against the farthest, in percent of the larger side; a number from 0 to 20"""
    parallax_focus: float | None = None
    """what stays in place: 0 the farthest point, 1 the nearest; default: what is in the middle; a number from 0 to 1"""
    parallax_maxsize: int = 1024
    """larger pictures are animated at this size; a number of pixels from 16 to 16384"""
    parallax_format: str = "webp"
    """webp is small and in full colour; gif has 256 colours; png loses nothing; webp, gif, png"""
    heatmap_near_percentile: float = 85.0
    """percentile of the depth map that gets the last colour; 100: what is near is not saturated; a number above 2, up to 100"""


class NetworkKeywords(TypedDict, total=False):
    """The options of the network, but for its name."""

    compute_device: str
    weights: str | None
    precision: str
    net_size_match: bool
    net_width: int | None
    net_height: int | None
    tiling_mode: bool
    refine: bool | None
    boost: bool
    boost_rmax: int
    boost_max_patches: int | None
    boost_merge: str


class EstimateKeywords(TypedDict, total=False):
    """The options of the group ``estimate``."""

    match_size: bool
    net_width: int | None
    net_height: int | None
    refine: bool | None


class BoostKeywords(TypedDict, total=False):
    """The options of the group ``boost``."""

    rmax: int
    max_patches: int | None


class ClipKeywords(TypedDict, total=False):
    """The options of the group ``clip``."""

    mode: str
    far: float
    near: float


class StereoKeywords(TypedDict, total=False):
    """The options of the group ``stereo``."""

    divergence: float
    separation: float
    fill: str
    offset_exponent: float
    balance: float
    convergence: float


class NormalMapKeywords(TypedDict, total=False):
    """The options of the group ``normal_map``."""

    pre_blur: int | None
    pre_blur_kernel: int
    sobel: int | None
    sobel_kernel: int
    post_blur: int | None
    post_blur_kernel: int
    invert: bool
    green: str


class CameraKeywords(TypedDict, total=False):
    """The options of the group ``camera``."""

    spherical: bool
    fov: float
    intrinsics: str | tuple[float, float, float, float] | None


class HeatMapKeywords(TypedDict, total=False):
    """The options of the group ``heat_map``."""

    far_percentile: float
    near_percentile: float


class SimpleMeshKeywords(TypedDict, total=False):
    """The options of the group ``simple_mesh``."""

    occlude: bool
    edge_threshold: float
    max_size: int
    weld: bool
    textured: bool
    spherical: bool
    fov: float
    intrinsics: str | tuple[float, float, float, float] | None


class PointCloudKeywords(TypedDict, total=False):
    """The options of the group ``point_cloud``."""

    edge_rtol: float | None
    voxel: float | None
    spherical: bool
    fov: float
    intrinsics: str | tuple[float, float, float, float] | None


class DepthOfFieldKeywords(TypedDict, total=False):
    """The options of the group ``depth_of_field``."""

    focus: float | None
    f_number: float
    highlights: float
    blades: int


class FogKeywords(TypedDict, total=False):
    """The options of the group ``fog``."""

    density: float
    color: str | tuple[int, int, int]


class DepthMaskKeywords(TypedDict, total=False):
    """The options of the group ``depth_mask``."""

    far: float
    near: float
    feather: float
    invert: bool


class ParallaxKeywords(TypedDict, total=False):
    """The options of the group ``parallax``."""

    preset: str
    frames: int
    strength: float
    focus: float | None
    max_size: int


class AdjustKeywords(TypedDict, total=False):
    """The options of the group ``adjust``."""

    normalize: bool
    gamma: float
    invert: bool
    blur: float


class SaveMeshKeywords(TypedDict, total=False):
    """The options of the group ``save_mesh``."""

    texture: str | None
    jpeg_quality: int | None
    axes: str | None
