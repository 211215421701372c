import os
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__version__: str

_Path = str | os.PathLike[str]
_Progress = Callable[[str, int, int], object]
_Kind = Literal["inverse", "depth", "metric"]

class _Cancel(Protocol):
    def is_set(self) -> bool: ...

# --- errors ----------------------------------------------------------------------------------------

class RilievoError(Exception):
    """Something rilievo could not do: the message says what was wrong and what to do about it."""

class UnknownFormat(RilievoError):
    """A picture file in a format that is not decoded here; Pillow may know it."""

class Cancelled(RilievoError):
    """The caller asked to stop."""

# --- estimate: networks ----------------------------------------------------------------------------

class Estimator:
    """A loaded network."""

    def __init__(
        self,
        name: str,
        path: _Path | None = None,
        device: str = "auto",
        precision: str = "auto",
        tiling: bool = False,
    ) -> None:
        """Loads the network called ``name`` from ``path`` (``None``: embedded); ``tiling`` for pictures that tile."""

    @property
    def name(self) -> str:
        """The catalog's name of the network."""

    @property
    def device(self) -> str:
        """The device it runs on now: ``cpu``, ``cuda:0``, ``metal``. A full GPU makes it go elsewhere."""

    @property
    def precision(self) -> str:
        """The number format it runs in now: ``f32``, ``f16``, ``bf16``."""

    def estimate(
        self,
        picture: NDArray[np.uint8],
        *,
        net_size: tuple[int, int] | None = None,
        match_size: bool = False,
        refine: bool | None = None,
        progress: _Progress | None = None,
        cancel: _Cancel | None = None,
    ) -> tuple[NDArray[np.float32], _Kind]:
        """The depth of a picture ``[H, W, 3]``: ``[H, W]``, and what the numbers mean."""

    def boost(
        self,
        picture: NDArray[np.uint8],
        merge: MergeNetwork | None = None,
        *,
        rmax: int = 1600,
        max_patches: int | None = None,
        progress: _Progress | None = None,
        cancel: _Cancel | None = None,
    ) -> tuple[NDArray[np.float32], _Kind]:
        """The same with the details of many small looks, merged by a network or (``None``) by guided filtering."""

class MergeNetwork:
    """The loaded network that merges two depth maps."""

    def __init__(self, path: _Path, device: str = "auto", precision: str = "auto") -> None: ...
    @property
    def device(self) -> str:
        """The device it runs on now: ``cpu``, ``cuda:0``, ``metal``."""

def boost_plan(
    picture: NDArray[np.uint8], field: int, rmax: int = 1600, max_patches: int | None = None
) -> tuple[int, list[tuple[int, int, int]], tuple[int, int]]:
    """How a picture would be boosted: the network size for the whole, the patches as (x, y, side), and the
    (width, height) of the picture that these lie in."""

def identify(path: _Path) -> str:
    """The name of the network that a checkpoint file holds."""

def devices() -> list[tuple[str, str | None]]:
    """The devices this build was made for, each with the reason if it cannot be used."""

# --- models: the catalog and the store -------------------------------------------------------------

def models(folders: list[str]) -> list[dict[str, Any]]:
    """Every network: the catalog's row, and whether and where it is installed."""

def unusable_models(folders: list[str]) -> list[tuple[str, str, str]]:
    """Files that lie where checkpoints belong but are plainly none: the network's id, the path, what is wrong."""

def find_model(name: str) -> str:
    """The id of the network meant by a name, a title or the reference's number."""

def resolve_model(name: str, folders: list[str]) -> tuple[str, str | None]:
    """A name (``auto`` included) as a network's id and its file (``None``: embedded)."""

def download_model(
    name: str, folders: list[str], progress: _Progress | None = None, cancel: _Cancel | None = None
) -> str:
    """Fetches a network's file into the first folder; returns where it lies."""

def verify_model(
    name: str, folders: list[str], progress: _Progress | None = None, cancel: _Cancel | None = None
) -> str | None:
    """Holds a network's file against its known checksum; ``None`` if none is known."""

def import_model(
    name: str | None,
    folders: list[str],
    file: _Path,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> tuple[str, str]:
    """Copies a checkpoint into the first folder; returns the network's id and where it lies then.

    Without a name the file's content says which network it is.
    """

# --- surface: meshes, point clouds, depth files ---------------------------------------------------

_Axes = Literal["opencv", "gltf", "blender", "pytorch3d", "sphere"]
_Depth = NDArray[np.float32] | NDArray[np.float64]

class Mesh:
    """Triangles in space, or points where there are no triangles.

    ``axes`` names the directions, seen by the camera, in which x, y and z grow: ``"opencv"``
    right, down, forward; ``"gltf"`` right, up, back; ``"blender"`` right, forward, up;
    ``"pytorch3d"`` left, up, forward; ``"sphere"`` forward, up, right.
    """

    def __init__(
        self,
        vertices: NDArray[np.float64],
        faces: NDArray[np.uint32] | None = None,
        *,
        colors: NDArray[np.uint8] | None = None,
        uv: NDArray[np.float32] | None = None,
        texture: NDArray[np.uint8] | None = None,
        axes: _Axes = "gltf",
    ) -> None:
        """A mesh of arrays.

        ``vertices`` ``[N, 3]``, all finite; ``faces`` ``[M, 3]``, vertex numbers from 0, counter-clockwise seen
        from the front; ``colors`` ``[N, 3]`` sRGB; ``uv`` ``[N, 2]``, (0, 0) the top left corner of
        ``texture`` ``[H, W]`` or ``[H, W, 1..4]``. Raises :class:`ValueError` where they do not fit together.
        """

    @property
    def vertices(self) -> NDArray[np.float64]:
        """``[N, 3]``, read-only, not copied."""

    def vertices_in(self, axes: _Axes) -> NDArray[np.float64]:
        """The vertices as they are in another frame, ``[N, 3]``."""

    @property
    def faces(self) -> NDArray[np.uint32]:
        """``[M, 3]``, read-only, not copied."""

    @property
    def colors(self) -> NDArray[np.uint8] | None:
        """sRGB ``[N, 3]``, read-only, not copied."""

    @property
    def uv(self) -> NDArray[np.float32] | None:
        """``[N, 2]``, (0, 0) at the top left of the texture, read-only, not copied."""

    @property
    def texture(self) -> NDArray[np.uint8] | None:
        """A copy of the picture, ``[H, W, 3]``."""

    @property
    def axes(self) -> _Axes:
        """Which way the coordinates point."""

    def save(
        self,
        path: _Path,
        format: Literal["glb", "obj", "obj-textured", "ply"] | None = None,
        *,
        texture: Literal["png", "jpeg"] | None = None,
        jpeg_quality: int | None = None,
        axes: _Axes | None = None,
        progress: _Progress | None = None,
        cancel: _Cancel | None = None,
    ) -> None:
        """Writes the mesh; the folder is made, and the file appears whole or not at all.

        ``format`` goes by the extension if not given. ``"glb"``: everything in one file, textured, upright,
        with the camera. ``"obj"``: text with vertex colours, as the reference writes it. ``"obj-textured"``:
        OBJ, ``<stem>.mtl`` and ``<stem>-texture.png``. ``"ply"``: binary, with colours and texture
        coordinates. ``texture`` (default png) and ``jpeg_quality`` (1 to 100, default 90) are for glb and
        obj-textured; ``axes`` is for OBJ and PLY, by default the mesh's own (obj-textured: ``"gltf"``).
        """

def mesh_depth(depth: _Depth, kind: _Kind = "inverse") -> NDArray[np.float32]:
    """The distances a simple mesh is built at, ``[H, W]``, near = small, by the rules of the reference.

    Metres are left alone. Relative depth is turned over if it is inverse, lifted above 0, brought to a span
    of 4 if it reaches beyond 10, and moved 1 away from the camera.
    """

def simple_mesh(
    image: NDArray[np.uint8],
    depth: _Depth,
    *,
    kind: _Kind = "inverse",
    occlude: bool = True,
    spherical: bool = False,
    fov: float = 55.0,
    intrinsics: tuple[float, float, float, float] | None = None,
    edge_threshold: float = 0.05,
    max_size: int = 2048,
    weld: bool = False,
    textured: bool = True,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> Mesh:
    """A mesh of a picture bent by its depth: one vertex a pixel, two triangles between four.

    ``image`` is ``[H, W]`` or ``[H, W, 1..4]``, ``depth`` ``[H, W]`` of the same size, meaning ``kind`` (see
    :func:`mesh_depth`). ``occlude`` leaves out triangles with a corner where depth changes by more than
    ``edge_threshold`` from pixel to pixel. The camera has the horizontal field of view ``fov`` in degrees, or
    is ``intrinsics`` (fx, fy, cx, cy in pixels) instead; ``spherical`` takes a 360 degree panorama. Above
    ``max_size`` pixels a side the grid is shrunk, not the texture. ``weld`` merges vertices in the same place,
    as trimesh does. Without ``textured`` there are vertex colours only.
    """

def point_cloud(
    depth: _Depth,
    image: NDArray[np.uint8] | None = None,
    *,
    kind: _Kind = "metric",
    spherical: bool = False,
    fov: float = 55.0,
    intrinsics: tuple[float, float, float, float] | None = None,
    edge_rtol: float | None = None,
    voxel: float | None = None,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> Mesh:
    """Points from depth, coloured by a picture, as a mesh without faces, axes ``"opencv"``.

    Pixels without a finite depth above 0 are left out. ``edge_rtol`` leaves out pixels around which depth
    differs by more than that share of their own: 0.04 takes off flying pixels. ``voxel`` keeps one point, the
    mean, for every cube of that edge length. The rest is as for :func:`simple_mesh`.
    """

def read_mesh(path: _Path) -> Mesh:
    """A mesh from OBJ or PLY as this program or the reference writes them; without texture."""

def save_depth(path: _Path, depth: _Depth | NDArray[np.uint16], *, png_scale: float | None = None) -> None:
    """Writes depth ``[H, W]`` as ``.exr``, ``.npy``, ``.tif``/``.tiff`` or 16-bit ``.png``.

    float64 becomes float32. Floats in a PNG are multiplied by ``png_scale`` (1000: metres to millimetres), or
    stretched over 0..65535 without it.
    """

# --- image: picture files -------------------------------------------------------------------------

def read_picture(
    path: _Path, *, max_pixels: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """A picture file as RGB ``[H, W, 3]`` and opacity ``[H, W]`` (``None`` where all is opaque).

    PNG, JPEG, WebP, TIFF, BMP, GIF, OpenEXR, HDR, PNM, QOI, TGA, farbfeld; told by the content. EXIF rotation
    is applied; 16 bits are divided by 257 and rounded; floating point is taken as linear light, clamped and given
    the sRGB curve; of an animation the first frame is taken. Pictures of more than ``max_pixels`` (default 250
    million) are refused before they are decoded.

    Raises :class:`FileNotFoundError`, :class:`OSError`; :class:`UnknownFormat` for what another program may read;
    :class:`RilievoError` for what is empty, damaged, cut short, too large or no picture.
    """

def read_depth(
    path: _Path, *, max_pixels: int | None = None
) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.int32] | NDArray[np.float32]:
    """One channel ``[H, W]`` of a picture file as it is stored, no bit lost.

    Of colours the first channel; of a palette the brightness; of OpenEXR the channel Z, Y, V or R, or else the
    first. Fewer than 8 bits are scaled to 0..255, smaller signed integers become int32, half and double precision
    float32. Raises as :func:`read_picture`.
    """

def write_png(
    path: _Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], text: dict[str, str] | None = None
) -> None:
    """Writes ``[H, W]`` (gray) or ``[H, W, 1..4]`` (gray, gray and opacity, RGB, RGBA), 8 or 16 bits, as PNG.

    ``text`` becomes text chunks (keywords of 1 to 79 Latin-1 letters). An existing file is replaced, in one step:
    when writing fails it stays, and nothing half-written is left.

    Raises :class:`ValueError` for what PNG cannot hold, :class:`FileNotFoundError` if there is no such folder,
    :class:`OSError` if it cannot be written to.
    """

# --- depth: stretching, clipping, 16 bits ---------------------------------------------------------

def nearness(values: _Depth, kind: _Kind) -> NDArray[np.float32]:
    """The map stretched to 0..1, near = 1; all 0 if it is flat.

    Raises :class:`ValueError` if there are no pixels or some values are not finite.
    """

def depth_to_u16(
    values: _Depth,
    kind: _Kind = "inverse",
    normalize: bool = True,
    clip: str | None = None,
    far: float = 0.0,
    near: float = 1.0,
) -> NDArray[np.uint16]:
    """The 16-bit depth map, near = bright, to the last bit as the reference makes it.

    ``normalize`` stretches to the full range; without it ``values`` are in 0..1 with near = 1 and clamped.
    ``clip`` cuts before stretching, at the fractions ``far`` and ``near`` of the range, or at these quantiles of the
    pixels; with ``far == near`` the result is a mask, white from there on.

    Raises :class:`ValueError` unless ``0 <= far <= near <= 1``, if some values are not finite, and where the
    arguments do not go together.
    """

def custom_depth(
    picture: NDArray[np.bool_]
    | NDArray[np.uint8]
    | NDArray[np.uint16]
    | NDArray[np.uint32]
    | NDArray[np.int32]
    | NDArray[np.float32]
    | NDArray[np.float64],
    width: int,
    height: int,
) -> NDArray[np.float32] | NDArray[np.float64]:
    """A depth picture ``[H, W]`` (near = bright) in 0..1 at another size (Lanczos), its scale kept.

    8-bit v becomes v / 256, 16-bit v becomes v / 65536. 32-bit integers count as 8 or 16 bits if all values fit.
    Floating point is taken as it is if nothing is above 2, else counted like 32-bit integers; NaN is 0. float64 for
    32-bit integers and float64, float32 for the others.
    """

def combine(
    picture: NDArray[np.uint8], depth_u16: NDArray[np.uint16], vertical: bool = False
) -> NDArray[np.uint8]:
    """A picture ``[H, W, 3 | 4]`` and its depth map in gray, side by side or one below the other."""

# --- surface: normal maps and heat maps -----------------------------------------------------------

def normal_map(
    depth_u16: NDArray[np.uint16],
    *,
    pre_blur: int | None = None,
    sobel: int | None = 3,
    post_blur: int | None = None,
    invert: bool = False,
    green: str = "opengl",
) -> NDArray[np.uint8]:
    """The reference's normal map, RGB ``[H, W, 3]``: red right, green up, blue towards the viewer.

    ``green`` is ``"directx"`` for green downwards.

    ``pre_blur`` and ``post_blur`` are sizes and sigmas of Gaussian blurs of the depth and of the normals, ``sobel``
    the size of the gradient's kernel, ``None`` for central differences. Sizes are odd, 1 to 31; the gain of large
    Sobel kernels is not compensated. Raises :class:`ValueError` for other sizes.
    """

def camera_normal_map(
    depth: _Depth,
    *,
    kind: _Kind = "metric",
    fov: float = 55.0,
    intrinsics: tuple[float, float, float, float] | None = None,
    green: str = "opengl",
) -> NDArray[np.uint8]:
    """Camera-space normals of the surface in space, RGB ``[H, W, 3]``, true to its angles.

    ``fov`` is the horizontal field of view in degrees, ``intrinsics`` (fx, fy, cx, cy in pixels) takes its place;
    ``green`` grows upwards for OpenGL, downwards for DirectX. A map that is not metric is scaled as for meshes
    (:func:`mesh_depth`).
    """

def heat_map(depth_u16: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The depth in the colours of inferno between its percentiles 2 and 85, RGBA ``[H, W, 4]``, opaque."""

def adjust_depth(
    values: _Depth,
    kind: _Kind = "inverse",
    *,
    clip: str | None = None,
    far: float = 0.0,
    near: float = 1.0,
    normalize: bool = True,
    gamma: float = 1.0,
    invert: bool = False,
    blur: float = 0.0,
) -> NDArray[np.float32]:
    """Nearness ``[H, W]`` in 0..1, stretched (unless told not to), then cut (see :func:`depth_to_u16`), bent, turned over and blurred.

    Nearness is raised to ``1 / gamma``; ``blur`` is a sigma in pixels. Raises :class:`ValueError` for numbers out of
    range.
    """

# --- effects: depth of field, fog, masks, parallax ------------------------------------------------

class Relief:
    """A depth map as the effects take it: stretched inverse distance."""

    def __init__(
        self,
        values: _Depth,
        kind: _Kind = "inverse",
        *,
        normalize: bool = True,
        clip: str | None = None,
        far: float = 0.0,
        near: float = 1.0,
    ) -> None:
        """Arguments as for :func:`depth_to_u16`; raises :class:`ValueError` as it does."""

    @property
    def nearness(self) -> NDArray[np.float32]:
        """0 the farthest point, 1 the nearest, ``[H, W]``."""

    @property
    def middle(self) -> float:
        """The nearness of what is in the middle of the picture."""

def parallax_presets() -> list[str]:
    """The names of all camera movements."""

def depth_of_field(
    image: NDArray[np.uint8],
    relief: Relief,
    *,
    focus: float | None = None,
    f_number: float = 2.8,
    highlights: float = 0.5,
    blades: int = 0,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> NDArray[np.uint8]:
    """The picture ``[H, W, 3]`` through a lens: blurred where it is out of focus.

    ``focus`` is a nearness (``None``: the middle of the picture), ``f_number`` 0.5 to 64, ``highlights`` how much
    brighter blurred highlights are than the picture shows them (0 to 50), ``blades`` those of the aperture (3 to 16,
    0 for a circle).
    """

def fog(
    image: NDArray[np.uint8],
    relief: Relief,
    *,
    density: float = 2.0,
    color: tuple[int, int, int] = (200, 208, 216),
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> NDArray[np.uint8]:
    """The picture ``[H, W, 3]`` with fog of a colour in it: ``exp(-density)`` of the farthest point is left."""

def depth_mask(
    relief: Relief, *, far: float = 0.5, near: float = 1.0, feather: float = 0.05, invert: bool = False
) -> NDArray[np.float32]:
    """1 where nearness is from ``far`` to ``near``, 0 more than ``feather`` beyond, ``[H, W]``."""

def parallax_frames(
    image: NDArray[np.uint8],
    relief: Relief,
    *,
    preset: str = "circle",
    frames: int = 48,
    strength: float = 3.0,
    focus: float | None = None,
    max_size: int = 1024,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> NDArray[np.uint8]:
    """The frames ``[N, H, W, 3]`` of one loop of the camera.

    ``strength`` is how far the nearest point moves against the farthest one, in percent of the larger side (0 to
    20); things of nearness ``focus`` (``None``: the middle of the picture) stay in place. Pictures with a side above
    ``max_size`` are shrunk first.
    """

# --- stereo: two eyes ------------------------------------------------------------------------------

_AnyDepth = NDArray[np.uint16] | NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]

def stereo_modes() -> list[tuple[str, str]]:
    """The names of all stereo modes, each with a few words on what it shows."""

def stereo_fills() -> list[str]:
    """The names of all stereo fills."""

def stereo_images(
    image: NDArray[np.uint8],
    depth: _AnyDepth,
    modes: list[str],
    *,
    divergence: float = 2.5,
    separation: float = 0.0,
    balance: float = 0.0,
    offset_exponent: float = 1.0,
    fill: str = "polylines_sharp",
    convergence: float | None = None,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> list[tuple[str, NDArray[np.uint8]]]:
    """A pair of name and picture for each of ``modes``, in order; all share one pair of eyes.

    ``image`` is ``[H, W, C]`` with up to four channels, ``depth`` is ``[H, W]``, larger is nearer.
    ``divergence`` and ``separation`` are percent of the width, ``balance`` goes from -1 (only the
    right eye moves) to 1 (only the left), ``convergence`` is the nearness from 0 (farthest, also
    ``None``) to 1 (nearest) that lies in the plane of the screen.
    """

def stereo_eyes(
    image: NDArray[np.uint8],
    depth: _AnyDepth,
    *,
    divergence: float = 2.5,
    separation: float = 0.0,
    balance: float = 0.0,
    offset_exponent: float = 1.0,
    fill: str = "polylines_sharp",
    convergence: float | None = None,
    progress: _Progress | None = None,
    cancel: _Cancel | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """The left eye, the right eye, and the masks of what the fill made up in each."""

def stereo_compose(left: NDArray[np.uint8], right: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    """Two eyes ``[H, W, C]`` as one picture in a stereo mode."""
