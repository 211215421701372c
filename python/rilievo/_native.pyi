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
        self, name: str, path: _Path | None = None, device: str = "auto", precision: str = "auto"
    ) -> None:
        """Loads the network called ``name`` from ``path`` (``None``: embedded)."""

    @property
    def name(self) -> str:
        """The catalog's name of the network."""

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

def identify(path: _Path) -> str:
    """The name of the network that a checkpoint file holds."""

# --- models: the catalog and the store -------------------------------------------------------------

def models(folders: list[str]) -> list[dict[str, Any]]:
    """Every network: the catalog's row, and whether and where it is installed."""

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

def import_model(name: str, folders: list[str], file: _Path) -> str:
    """Copies a checkpoint into the first folder; returns where it lies then."""

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
