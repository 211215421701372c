"""Every output: what asks for it, how it is made, what it can be saved in.

``RECIPES`` is the one table of outputs, by name: their order, file names, formats and
media types, the switches of the command line, the schema of the HTTP API and
the nodes of ComfyUI come from it. See CONTRIBUTING.md, "Add an output".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rilievo import _native
from rilievo.depth import DepthMap
from rilievo.options import STEREO_MODES, Options
from rilievo.outputs import PICTURE_FORMATS, Frames, Numbers, Payload, Picture, Solid
from rilievo.scene import Scene
from rilievo.watch import Watch

Made = Iterator[tuple[str, Payload]]
_DEPTH = ("png", "npy", "exr", "tiff")


@dataclass(frozen=True)
class Recipe:
    """How one output is made.

    ``switch`` is the option that asks for it, with those of ``further``;
    ``group`` the group of the options it is made by. ``kinds`` are what its
    outputs can be called: its name, unless it makes several. ``formats`` is
    what it can be saved in, the usual one first; ``suffix`` the end of a file's
    name. ``unless`` is when it is left out though its switch is on. ``title``
    and ``titles`` are what a person calls one and several.
    """

    name: str
    switch: str
    group: str
    formats: tuple[str, ...]
    make: Callable[[Scene, Watch], Made]
    kinds: tuple[str, ...]
    suffix: str | None = None
    title: str = ""
    titles: str = ""
    further: Mapping[str, Any] = field(default_factory=dict)
    unless: Callable[[Options], bool] = lambda options: False

    def asked(self, options: Options) -> bool:
        """Whether a run with these options makes it."""
        wanted = {self.switch: True, **self.further}
        return all(getattr(options, name) == value for name, value in wanted.items()) and not self.unless(
            options
        )

    @property
    def is_picture(self) -> bool:
        """Whether it is saved as what any browser shows."""
        return self.formats[0] in PICTURE_FORMATS


RECIPES: dict[str, Recipe] = {}
# The recipe that makes each kind of output.
KINDS: dict[str, Recipe] = {}


def _recipe(
    name: str, switch: str, group: str, formats: tuple[str, ...], **more: Any
) -> Callable[[Callable[[Scene, Watch], Payload | Made]], None]:
    """Adds what it decorates to :data:`RECIPES` and :data:`KINDS`: a function that makes the payload, or kinds and payloads."""

    def add(function: Callable[[Scene, Watch], Any]) -> None:
        kinds = more.pop("kinds", (name,))

        def make(scene: Scene, watch: Watch) -> Made:
            made = function(scene, watch)
            return iter([(name, made)]) if isinstance(made, Payload) else iter(made)

        recipe = RECIPES[name] = Recipe(name, switch, group, formats, make, kinds, **more)
        KINDS.update(dict.fromkeys(kinds, recipe))

    return add


@_recipe(
    "depth_prediction",
    "do_output_depth_prediction",
    "depth",
    ("npy", "exr", "tiff"),
    title="raw prediction",
    titles="raw predictions",
)
def _depth_prediction(scene: Scene, watch: Watch) -> Payload:
    depth = scene.depth
    return Numbers(depth if depth.kind == "inverse" else DepthMap(-depth.values))


@_recipe(
    "depth_values",
    "output_depth_values",
    "depth",
    ("exr", "npy", "tiff", "png"),
    suffix="-values",
    title="depth values",
    titles="depth values",
)
def _depth_values(scene: Scene, watch: Watch) -> Payload:
    # Metres in a PNG become millimetres, as depth cameras store them.
    scale = 1000.0 if scene.depth.kind == "metric" else None
    return Numbers(scene.depth, scene.options.depth_values_format, scale)


def _combined_only(options: Options) -> bool:
    return options.output_depth_combine and not options.output_depth_both


@_recipe("depth", "do_output_depth", "depth", _DEPTH, suffix="", unless=_combined_only)
def _depth(scene: Scene, watch: Watch) -> Payload:
    return Picture(scene.written_u16)


@_recipe("concat_depth", "do_output_depth", "depth", PICTURE_FORMATS, further={"output_depth_combine": True})
def _concat_depth(scene: Scene, watch: Watch) -> Payload:
    vertical = scene.options.output_depth_combine_axis == "Vertical"
    return Picture(_native.combine(scene.rgb, scene.written_u16, vertical))


@_recipe("stereo", "gen_stereo", "stereo", PICTURE_FORMATS, kinds=STEREO_MODES)
def _stereo(scene: Scene, watch: Watch) -> Made:
    options = scene.options
    picture = scene.rgba if options.stereo_alpha else scene.rgb
    made = _native.stereo_images(
        picture, scene.depth_u16, options.stereo_modes, options.group("stereo"), watch
    )
    return ((mode, Picture(pixels)) for mode, pixels in made)


@_recipe("normalmap", "gen_normalmap", "normal", PICTURE_FORMATS)
def _normalmap(scene: Scene, watch: Watch) -> Payload:
    return Picture(_native.normal_map(scene.depth_u16, scene.options.group("normal_map")))


@_recipe("camera_normalmap", "gen_camera_normalmap", "normal", PICTURE_FORMATS)
def _camera_normalmap(scene: Scene, watch: Watch) -> Payload:
    options, surface = scene.options, scene.surface
    camera = surface.seen(options.group("camera"))
    return Picture(_native.camera_normal_map(surface.values, surface.kind, camera, options.normalmap_green))


@_recipe("heatmap", "gen_heatmap", "heatmap", ("png", "webp"))
def _heatmap(scene: Scene, watch: Watch) -> Payload:
    return Picture(_native.heat_map(scene.depth_u16, scene.options.group("heat_map")))


@_recipe("dof", "gen_dof", "dof", PICTURE_FORMATS)
def _dof(scene: Scene, watch: Watch) -> Payload:
    options = scene.options.group("depth_of_field")
    return Picture(_native.depth_of_field(scene.rgb, scene.relief, options, watch))


@_recipe("fog", "gen_fog", "fog", PICTURE_FORMATS)
def _fog(scene: Scene, watch: Watch) -> Payload:
    return Picture(_native.fog(scene.rgb, scene.relief, scene.options.group("fog"), watch))


@_recipe("depth_mask", "gen_depth_mask", "mask", PICTURE_FORMATS)
def _depth_mask(scene: Scene, watch: Watch) -> Payload:
    return Picture(_native.depth_mask(scene.relief, scene.options.group("depth_mask")))


@_recipe("parallax", "gen_parallax", "parallax", ("webp", "gif", "png"))
def _parallax(scene: Scene, watch: Watch) -> Payload:
    options = scene.options
    frames = _native.ParallaxFrames(scene.rgb, scene.relief, options.group("parallax"), watch)
    return Frames(frames, options.parallax_fps, options.parallax_format, watch)


@_recipe(
    "simple_mesh",
    "gen_simple_mesh",
    "mesh",
    ("glb", "obj", "ply"),
    suffix="-simple",
    title="mesh",
    titles="meshes",
)
def _simple_mesh(scene: Scene, watch: Watch) -> Payload:
    options, surface = scene.options, scene.surface
    mesh = _native.simple_mesh(
        scene.rgb, surface.values, surface.kind, surface.seen(options.group("simple_mesh")), watch
    )
    return Solid(mesh, options.mesh_format, _axes(options))


@_recipe(
    "point_cloud",
    "gen_point_cloud",
    "mesh",
    ("ply", "glb", "obj"),
    suffix="-points",
    title="point cloud",
    titles="point clouds",
)
def _point_cloud(scene: Scene, watch: Watch) -> Payload:
    options, surface = scene.options, scene.surface
    cloud = _native.point_cloud(
        surface.values, scene.rgb, surface.kind, surface.seen(options.group("point_cloud")), watch
    )
    return Solid(cloud, "ply", _axes(options))


def _axes(options: Options) -> str | None:
    return None if options.mesh_axes == "auto" else options.mesh_axes


def made(scene: Scene, watch: Watch) -> Made:
    """Kind and payload of everything that the options of a scene ask for, one after the other."""
    for recipe in RECIPES.values():
        if recipe.asked(scene.options):
            yield from recipe.make(scene, watch)


def file_suffix(kind: str) -> str:
    """The end of the name of a file with an output of this kind."""
    suffix = KINDS[kind].suffix if kind in KINDS else None
    return f"-{kind}" if suffix is None else suffix


def switches() -> set[str]:
    """The options that decide which outputs there are, and nothing else."""
    asking = {name for recipe in RECIPES.values() for name in (recipe.switch, *recipe.further)}
    return asking | {"stereo_modes", "output_depth_both"}


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
        values.update({KINDS[kind].switch: True, **KINDS[kind].further})
    values["output_depth_both"] = {"depth", "concat_depth"} <= set(wanted)
    modes = [kind for kind in wanted if kind in STEREO_MODES]
    values.pop("stereo_modes")
    return {**values, "stereo_modes": modes} if modes else values
