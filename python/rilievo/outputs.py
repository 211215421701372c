"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Output:
    """One result of one picture.

    ``index`` counts the pictures from 0. ``kind`` is ``depth_prediction``
    (float32 ``[H, W]``, near = large), ``depth`` (uint16 ``[H, W]``),
    ``concat_depth``, ``normalmap``, ``dof``, ``fog`` or a stereo mode (uint8
    ``[H, W, 3]``), ``heatmap`` (uint8 ``[H, W, 4]``), ``depth_mask`` (uint8
    ``[H, W]``), ``parallax`` (uint8 ``[N, H, W, 3]``, to be shown with
    ``fps``) or ``simple_mesh`` (a :class:`rilievo.Mesh`). The last two are to
    be saved as ``format``.
    """

    index: int
    kind: str
    payload: Any
    format: str | None = None
    fps: float | None = None

    @property
    def image(self) -> Image.Image:
        """The payload as a PIL image: mode I;16, L, RGB or RGBA (F for a raw prediction); of ``parallax`` the first frame.

        Raises :class:`TypeError` for a mesh.
        """
        from PIL import Image

        if self.kind == "simple_mesh":
            raise TypeError("a mesh is not a picture; use .payload.save(path)")
        return Image.fromarray(self.payload[0] if self.kind == "parallax" else self.payload)
