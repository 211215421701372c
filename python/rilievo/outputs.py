"""What a run gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rilievo import _native
from rilievo.options import STEREO_MODES

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Output:
    """One result of one picture.

    ``index`` counts the pictures from 0. ``kind`` is ``depth_prediction``
    (float32 ``[H, W]``, near = large), ``depth_values`` (float ``[H, W]``),
    ``depth`` (uint16 ``[H, W]``), ``concat_depth``, ``normalmap``,
    ``camera_normalmap``, ``dof``, ``fog`` or a stereo mode (uint8
    ``[H, W, 3]``), ``heatmap`` (uint8 ``[H, W, 4]``), ``depth_mask`` (uint8
    ``[H, W]``), ``parallax`` (uint8 ``[N, H, W, 3]``), ``simple_mesh`` or
    ``point_cloud`` (a :class:`rilievo.Mesh`). What has a ``format`` is to be
    saved in that, with ``save_options``.
    """

    index: int
    kind: str
    payload: Any
    format: str | None = None
    save_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """Whether it is something to look at: not a mesh, nor a file of numbers."""
        return not isinstance(self.payload, _native.Mesh) and self.kind != "depth_values"

    @property
    def image(self) -> Image.Image:
        """The payload as a PIL image: mode I;16, L, RGB or RGBA (F for a raw prediction); of ``parallax`` the first frame.

        Raises :class:`TypeError` for a mesh.
        """
        from PIL import Image

        if isinstance(self.payload, _native.Mesh):
            raise TypeError("a mesh is not a picture; use .payload.save(path)")
        return Image.fromarray(self.payload[0] if self.kind == "parallax" else self.payload)


@dataclass(frozen=True)
class Kind:
    """A kind of output: the formats it can be written in, the usual one first, and the options that ask for it."""

    formats: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


_PICTURE = ("png", "jpg", "webp")
_DEPTH = ("png", "npy", "exr", "tiff")

KINDS: dict[str, Kind] = {
    "depth_prediction": Kind(("npy", "exr", "tiff"), {"do_output_depth_prediction": True}),
    "depth_values": Kind(("exr", "npy", "tiff", "png"), {"output_depth_values": True}),
    "depth": Kind(_DEPTH, {"do_output_depth": True}),
    "concat_depth": Kind(_PICTURE, {"do_output_depth": True, "output_depth_combine": True}),
    **{mode: Kind(_PICTURE, {"gen_stereo": True}) for mode in STEREO_MODES},
    "normalmap": Kind(_PICTURE, {"gen_normalmap": True}),
    "camera_normalmap": Kind(_PICTURE, {"gen_camera_normalmap": True}),
    "heatmap": Kind(("png", "webp"), {"gen_heatmap": True}),
    "dof": Kind(_PICTURE, {"gen_dof": True}),
    "fog": Kind(_PICTURE, {"gen_fog": True}),
    "depth_mask": Kind(_PICTURE, {"gen_depth_mask": True}),
    "parallax": Kind(("webp", "gif", "png"), {"gen_parallax": True}),
    "simple_mesh": Kind(("glb", "obj", "ply"), {"gen_simple_mesh": True}),
    "point_cloud": Kind(("ply", "glb", "obj"), {"gen_point_cloud": True}),
}


def switches() -> set[str]:
    """The options that decide which outputs there are, and nothing else."""
    return {name for kind in KINDS.values() for name in kind.options} | {"stereo_modes", "output_depth_both"}


def asking_for(kinds: Iterable[str]) -> dict[str, Any]:
    """The values of all :func:`switches` with which a run gives these outputs and no others.

    Raises :class:`ValueError` for a kind that nobody makes.
    """
    wanted = list(dict.fromkeys(kinds))
    for kind in wanted:
        if kind not in KINDS:
            raise ValueError(f"there is no output {kind!r}; there are {', '.join(KINDS)}")
    values: dict[str, Any] = {name: False for name in switches()}
    for kind in wanted:
        values.update(KINDS[kind].options)
    values["output_depth_both"] = {"depth", "concat_depth"} <= set(wanted)
    modes = [kind for kind in wanted if kind in STEREO_MODES]
    values.pop("stereo_modes")
    return {**values, "stereo_modes": modes} if modes else values
