import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Protocol, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

__version__: str

_Path = str | os.PathLike[str]
_Progress = Callable[[str, int, int], object]
_Kind = Literal["inverse", "depth", "metric"]

# A group of options by the names they have there: what is missing has its default, a name that is unknown is a
# TypeError, a value that cannot be a ValueError. `option_table` lists all groups.
_Options = Mapping[str, object]

class _Cancel(Protocol):
    def is_set(self) -> bool: ...

class _Watch(Protocol):
    """What hears of progress as ``progress(stage, done, total)``, and what is asked whether to stop."""

    @property
    def progress(self) -> _Progress | None: ...
    @property
    def cancel(self) -> _Cancel | None: ...

# --- options ---------------------------------------------------------------------------------------

def option_table() -> list[dict[str, Any]]:
    """Every option of every group, one row each; a camera's stand in every group that has one.

    Keys: ``option`` (the name in ``rilievo.Options``, ``None`` for what only single functions take), ``group``,
    ``name`` (within the group), ``type``, ``optional`` (whether it can be ``None``), ``default``, ``choices``,
    ``least``, ``most``, ``above``, ``below``, ``odd``, ``zero`` (what 0 stands for, where it is legal besides
    the range), ``wanted`` (the range in words) and ``help``.
    """

def check_options(values: dict[str, Any]) -> dict[str, Any]:
    """All options of ``rilievo.Options``, each in its own type; what is missing has its default.

    Raises :class:`ValueError` naming the option, its value and what it can be.
    """

# --- errors ----------------------------------------------------------------------------------------

class RilievoError(Exception):
    """Something rilievo could not do: the message says what was wrong and what to do about it."""

class UnknownFormat(RilievoError):
    """A picture file in a format that is not decoded here; Pillow may know it."""

class Cancelled(RilievoError):
    """The caller asked to stop."""

# --- estimate: networks ----------------------------------------------------------------------------

@final
class Estimator:
    """A loaded network."""

    def __new__(
        cls,
        name: str,
        path: _Path | None = None,
        device: str = "auto",
        precision: str = "auto",
        tiling: bool = False,
    ) -> Self:
        """Loads the network called ``name`` from ``path`` (``None``: embedded); ``tiling`` for pictures that tile."""

    def estimate(
        self, picture: NDArray[np.uint8], options: _Options | None = None, watch: _Watch | None = None
    ) -> tuple[NDArray[np.float32], _Kind, tuple[float, float, float, float] | None]:
        """The depth of a picture ``[H, W, 3]``: ``[H, W]`` (NaN: not measured), what it means, and the camera.

        The camera is (fx, fy, cx, cy) in pixels, where the network predicts it. Group ``estimate``.
        """

    def boost(
        self,
        picture: NDArray[np.uint8],
        merge: MergeNetwork | None = None,
        options: _Options | None = None,
        watch: _Watch | None = None,
    ) -> tuple[NDArray[np.float32], _Kind, tuple[float, float, float, float] | None]:
        """The same with the details of many small looks, merged by a network or (``None``) by guided filtering.

        Group ``boost``.
        """

@final
class MergeNetwork:
    """The loaded network that merges two depth maps."""

    def __new__(cls, path: _Path, device: str = "auto", precision: str = "auto") -> Self: ...

def boost_plan(
    picture: NDArray[np.uint8], field: int, options: _Options | None = None
) -> tuple[int, list[tuple[int, int, int]], tuple[int, int]]:
    """How a picture would be boosted: the network size for the whole, the patches as (x, y, side), and the
    (width, height) of the picture that these lie in. Group ``boost``."""

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

def download_model(name: str, folders: list[str], watch: _Watch | None = None) -> str:
    """Fetches a network's file into the first folder; returns where it lies."""

def verify_model(name: str, folders: list[str], watch: _Watch | None = None) -> str | None:
    """Holds a network's file against its known checksum; ``None`` if none is known."""

def import_model(
    name: str | None,
    folders: list[str],
    file: _Path,
    watch: _Watch | None = None,
) -> tuple[str, str]:
    """Copies a checkpoint into the first folder; returns the network's id and where it lies then.

    Without a name the file's content says which network it is.
    """

# --- surface: meshes, point clouds, depth files ---------------------------------------------------

_Axes = Literal["opencv", "gltf", "blender", "pytorch3d", "sphere"]
_Depth = NDArray[np.float32] | NDArray[np.float64]

# (fx, fy, cx, cy) in pixels, None for a panorama, and the width and height of the picture.
_SeenBy = tuple[tuple[float, float, float, float] | None, int, int]

@final
class Mesh:
    """Triangles in space, or points where there are no triangles.

    ``axes`` names the directions, seen by the camera, in which x, y and z grow: ``"opencv"``
    right, down, forward; ``"gltf"`` right, up, back; ``"blender"`` right, forward, up;
    ``"pytorch3d"`` left, up, forward; ``"sphere"`` forward, up, right.
    """

    def __new__(
        cls,
        vertices: NDArray[np.float64],
        faces: NDArray[np.uint32] | None = None,
        *,
        colors: NDArray[np.uint8] | None = None,
        uv: NDArray[np.float32] | None = None,
        texture: NDArray[np.uint8] | None = None,
        axes: _Axes = "gltf",
        camera: _SeenBy | None = None,
    ) -> Self:
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
    def camera(self) -> _SeenBy | None:
        """The camera that it was seen from, at the origin, looking forward."""

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
    kind: _Kind = "inverse",
    options: _Options | None = None,
    watch: _Watch | None = None,
) -> Mesh:
    """A mesh of a picture bent by its depth: one vertex a pixel, two triangles between four.

    ``image`` is ``[H, W]`` or ``[H, W, 1..4]``, ``depth`` ``[H, W]`` of the same size, meaning ``kind`` (see
    :func:`mesh_depth`). Group ``simple_mesh``. The grid is shrunk to ``max_size``, not the texture; without
    ``textured`` there are vertex colours only.
    """

def point_cloud(
    depth: _Depth,
    image: NDArray[np.uint8] | None = None,
    kind: _Kind = "metric",
    options: _Options | None = None,
    watch: _Watch | None = None,
) -> Mesh:
    """Points from depth, coloured by a picture, as a mesh without faces, axes ``"opencv"``.

    Pixels without a finite depth above 0 are left out. Group ``point_cloud``; the point of a ``voxel`` is the
    mean of those in it.
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
    picture: _Path | bytes, *, max_pixels: int | None = None, name: str = "the picture"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """A picture file, or its bytes, as RGB ``[H, W, 3]`` and opacity ``[H, W]`` (``None`` where all is opaque).

    PNG, JPEG, WebP, TIFF, BMP, GIF, OpenEXR, HDR, PNM, QOI, TGA, farbfeld; told by the content. EXIF rotation
    is applied; 16 bits are divided by 257 and rounded; floating point is taken as linear light, clamped and given
    the sRGB curve; other colour spaces (ICC profile, gamma of a PNG) become sRGB; of an animation the first frame
    is taken, with a warning on the logger ``rilievo``. Pictures of more than ``max_pixels`` (default 250
    million) are refused before they are decoded. ``name`` is what messages call bytes.

    Raises :class:`FileNotFoundError`, :class:`OSError`; :class:`UnknownFormat` for what another program may read;
    :class:`RilievoError` for what is empty, damaged, cut short, too large or no picture.
    """

def read_depth(
    picture: _Path | bytes, *, max_pixels: int | None = None, name: str = "the depth map"
) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.int32] | NDArray[np.float32]:
    """One channel ``[H, W]`` of a picture file, or its bytes, as it is stored, no bit lost.

    Colours must be gray; of a palette it is the brightness; of OpenEXR the channel that by its name holds depth
    (Z, Depth.Z, depth, V, Y, R), in whatever part, NaN where the display window is not filled. Fewer than 8 bits
    are scaled to 0..255, smaller signed integers become int32, half and double precision float32. Raises as
    :func:`read_picture`.
    """

def read_orientation(picture: _Path | bytes, *, name: str = "the picture") -> int:
    """How EXIF says that the stored pixels are to be turned, 1 to 8. Raises as :func:`read_picture`."""

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
    clip: _Options | None = None,
) -> NDArray[np.uint16]:
    """The 16-bit depth map, near = bright, to the last bit as the reference makes it.

    ``normalize`` stretches to the full range; without it ``values`` are in 0..1 with near = 1 and clamped.
    ``clip`` (group ``clip``) cuts before stretching; where its ends meet the result is a mask, white from there on.

    Raises :class:`ValueError` if some values are not finite, and where the arguments do not go together.
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

def normal_map(depth_u16: NDArray[np.uint16], options: _Options | None = None) -> NDArray[np.uint8]:
    """The reference's normal map, RGB ``[H, W, 3]``: red right, green up, blue towards the viewer.

    Group ``normal_map``. The gain of large Sobel kernels is not compensated.
    """

def camera_normal_map(
    depth: _Depth, kind: _Kind = "metric", options: _Options | None = None, green: str = "opengl"
) -> NDArray[np.uint8]:
    """Camera-space normals of the surface in space, RGB ``[H, W, 3]``, true to its angles.

    Group ``camera``; a panorama is taken as a pinhole picture. ``green`` grows upwards for ``"opengl"``, downwards
    for ``"directx"``. A map that is not metric is scaled as for meshes (:func:`mesh_depth`).
    """

def heat_map(depth_u16: NDArray[np.uint16], options: _Options | None = None) -> NDArray[np.uint8]:
    """The depth in the colours of inferno between two of its percentiles, RGBA ``[H, W, 4]``, opaque.

    Group ``heat_map``.
    """

def adjust_depth(
    values: _Depth,
    kind: _Kind = "inverse",
    options: _Options | None = None,
    clip: _Options | None = None,
) -> NDArray[np.float32]:
    """Nearness ``[H, W]`` in 0..1, stretched (unless told not to), then cut, bent, turned over and blurred.

    Groups ``adjust`` and ``clip``.
    """

# --- effects: depth of field, fog, masks, parallax ------------------------------------------------

@final
class Relief:
    """A depth map as the effects take it: stretched inverse distance."""

    def __new__(
        cls,
        values: _Depth,
        kind: _Kind = "inverse",
        *,
        normalize: bool = True,
        clip: _Options | None = None,
    ) -> Self:
        """Arguments as for :func:`depth_to_u16`; raises :class:`ValueError` as it does."""

    @property
    def nearness(self) -> NDArray[np.float32]:
        """0 the farthest point, 1 the nearest, ``[H, W]``."""

def parallax_presets() -> list[str]:
    """The names of all camera movements."""

def depth_of_field(
    image: NDArray[np.uint8], relief: Relief, options: _Options | None = None, watch: _Watch | None = None
) -> NDArray[np.uint8]:
    """The picture ``[H, W, 3]`` through a lens: blurred where it is out of focus. Group ``depth_of_field``."""

def fog(
    image: NDArray[np.uint8], relief: Relief, options: _Options | None = None, watch: _Watch | None = None
) -> NDArray[np.uint8]:
    """The picture ``[H, W, 3]`` with fog of a colour in it. Group ``fog``."""

def depth_mask(relief: Relief, options: _Options | None = None) -> NDArray[np.float32]:
    """1 where nearness is within a range, 0 beyond its feather, ``[H, W]``. Group ``depth_mask``."""

# --- clips: frames on demand -----------------------------------------------------------------------

@final
class ParallaxFrames:
    """The frames of one loop of the camera, each drawn when it is asked for, in any order and thread.

    Group ``parallax``. Pickles by its inputs at the size of the frames.
    """

    def __new__(
        cls,
        image: NDArray[np.uint8],
        relief: Relief,
        options: _Options | None = None,
        watch: _Watch | None = None,
    ) -> Self: ...
    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame."""

    def frame(self, index: int, watch: _Watch | None = None) -> NDArray[np.uint8]:
        """Frame ``index``, ``[H, W, 3]``. Progress is reported as frames done of frames in all."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...
    def __iter__(self) -> Iterator[NDArray[np.uint8]]: ...

@final
class AnimationWriter:
    """Writes an endless loop of frames to a file, one by one: APNG ("png") or GIF ("gif").

    The file appears whole under its name with :meth:`finish`, or at the end of a ``with`` block that does not
    raise; otherwise nothing is left of it.
    """

    def __new__(cls, path: _Path, format: str, width: int, height: int, frames: int, fps: float) -> Self: ...
    def add(self, frame: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> None:
        """Adds a frame: RGB ``[H, W, 3]`` to an APNG; to a GIF, indices ``[H, W]`` into a palette ``[N, 3]``."""

    def finish(self) -> None:
        """Ends the animation once all ``frames`` frames were added."""

    def abort(self) -> None:
        """Gives the animation up."""

    def __enter__(self) -> AnimationWriter: ...
    def __exit__(self, kind: object, _error: object, _traceback: object) -> None: ...

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
    options: _Options | None = None,
    watch: _Watch | None = None,
) -> list[tuple[str, NDArray[np.uint8]]]:
    """A pair of name and picture for each of ``modes``, in order; all share one pair of eyes.

    ``image`` is ``[H, W, C]`` with up to four channels, ``depth`` is ``[H, W]``, larger is nearer. Group ``stereo``.
    """

def stereo_eyes(
    image: NDArray[np.uint8],
    depth: _AnyDepth,
    options: _Options | None = None,
    watch: _Watch | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """The left eye, the right eye, and the masks of what the fill made up in each. Group ``stereo``."""

def stereo_compose(left: NDArray[np.uint8], right: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    """Two eyes ``[H, W, C]`` as one picture in a stereo mode."""
