"""What a run gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rilievo import _native

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Output:
    """One result of one picture.

    ``index`` counts the pictures from 0. ``kind`` is ``depth_prediction``
    (float32 ``[H, W]``, near = large), ``depth_values`` (float ``[H, W]``, to
    be saved as ``format``), ``depth`` (uint16 ``[H, W]``), ``concat_depth``,
    ``normalmap``, ``camera_normalmap`` or a stereo mode (uint8 ``[H, W, 3]``),
    ``heatmap`` (uint8 ``[H, W, 4]``), ``simple_mesh`` or ``point_cloud`` (a
    :class:`rilievo.Mesh`, to be saved as ``format`` with ``save_options``).
    """

    index: int
    kind: str
    payload: Any
    format: str | None = None
    save_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def image(self) -> Image.Image:
        """The payload as a PIL image: mode I;16, RGB or RGBA (F for a raw prediction).

        Raises :class:`TypeError` for a mesh.
        """
        from PIL import Image

        if isinstance(self.payload, _native.Mesh):
            raise TypeError("a mesh is not a picture; use .payload.save(path)")
        return Image.fromarray(self.payload)
