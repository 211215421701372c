"""What a worker does with a job: pictures from disk, ``generate``, results to disk."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rilievo
from rilievo import models, pictures
from rilievo.api.errors import ApiError
from rilievo.api.jobs import Job
from rilievo.api.limits import Limits
from rilievo.options import Options
from rilievo.outputs import extension


@dataclass
class Task:
    """What a client asked for, checked as far as that goes without decoding pictures."""

    images: list[Path]
    options: Options
    depth_maps: list[Path | None] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)

    @property
    def needs_network(self) -> bool:
        """Whether any picture comes without a depth map of its own."""
        return None in self.depth_maps or len(self.depth_maps) < len(self.images)


def run(task: Task, job: Job, limits: Limits) -> None:
    """Computes everything a task asks for."""
    text = {
        "Software": f"rilievo {rilievo.__version__}",
        "rilievo": json.dumps({"options": task.options.changed()}, sort_keys=True),
    }
    if task.needs_network:
        job.model = models.choice(task.options).id
    maps: list[Path | None] = task.depth_maps or [None] * len(task.images)
    for index, (image, depth_map) in enumerate(zip(task.images, maps)):
        rgb = pictures.load_rgb(image, max_pixels=limits.max_pixels)
        custom: Any = None
        if depth_map is not None:
            custom = pictures.load_depth(depth_map, max_pixels=limits.max_pixels)
        elif task.options.net_size_match:
            check_net_size(rgb.shape[1], rgb.shape[0], limits)
        outputs = rilievo.generate(
            rgb,
            task.options,
            depth_maps=[custom],
            progress=job.report(index, len(task.images)),
            cancel=job.stop,
        )
        for output in outputs:
            format = task.formats.get(output.kind) or extension(output.content.usual_format())
            job.keep(dataclasses.replace(output, index=index), format, text)


def check_net_size(width: int, height: int, limits: Limits) -> None:
    """An :class:`ApiError` if a network's input would be larger than this server computes."""
    if width * height > limits.max_net_pixels:
        raise ApiError(
            "too_large",
            f"the network would run at {width}x{height}, more than the {limits.max_net_pixels} pixels that this "
            "server allows; give a smaller net_width and net_height, or leave net_size_match off",
            field="options",
        )
