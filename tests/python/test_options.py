"""The option table: every row is sound, and every bad value gets a sentence."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import rilievo
from rilievo import options
from rilievo.options import DEFAULTS, Options, rows

# Field names and defaults of the reference's GenerationOptions, for what this version does.
REFERENCE = {
    "net_size_match": False,
    "do_output_depth": True,
    "output_depth_invert": False,
    "output_depth_combine": False,
    "output_depth_combine_axis": "Horizontal",
    "do_output_depth_prediction": False,
    "clipdepth": False,
    "clipdepth_mode": "Range",
    "clipdepth_far": 0.0,
    "clipdepth_near": 1.0,
    "gen_stereo": False,
    "stereo_modes": ["left-right", "red-cyan-anaglyph"],
    "stereo_divergence": 2.5,
    "stereo_separation": 0.0,
    "stereo_fill_algo": "polylines_sharp",
    "stereo_offset_exponent": 1.0,
    "stereo_balance": 0.0,
    "gen_normalmap": False,
    "normalmap_pre_blur": False,
    "normalmap_pre_blur_kernel": 3,
    "normalmap_sobel": True,
    "normalmap_sobel_kernel": 3,
    "normalmap_post_blur": False,
    "normalmap_post_blur_kernel": 3,
    "normalmap_invert": False,
    "gen_heatmap": False,
    "gen_simple_mesh": False,
    "simple_mesh_occlude": True,
    "simple_mesh_spherical": False,
}


# The order of the arguments of the WebUI's scripts, as callers of its API know it: it only grows at the end.
ORDER = """
    compute_device model_type weights precision net_size_match net_width net_height tiling_mode refine
    boost boost_rmax boost_max_patches boost_merge do_output_depth output_depth_invert
    output_depth_combine output_depth_combine_axis output_depth_both do_output_depth_prediction
    output_depth_values depth_values_format depth_map_kind depth_map_scale clipdepth clipdepth_mode
    clipdepth_far clipdepth_near gen_stereo stereo_modes stereo_divergence stereo_separation
    stereo_fill_algo stereo_offset_exponent stereo_balance stereo_convergence stereo_alpha gen_normalmap
    normalmap_pre_blur normalmap_pre_blur_kernel normalmap_sobel normalmap_sobel_kernel
    normalmap_post_blur normalmap_post_blur_kernel normalmap_invert normalmap_green gen_camera_normalmap
    gen_heatmap gen_simple_mesh simple_mesh_occlude simple_mesh_spherical simple_mesh_fov
    camera_intrinsics mesh_maxsize mesh_format mesh_axes gen_point_cloud point_cloud_edges
    point_cloud_voxel gen_dof dof_focus dof_f_number dof_highlights dof_blades gen_fog fog_density
    fog_color gen_depth_mask depth_mask_far depth_mask_near depth_mask_feather depth_mask_invert
    gen_parallax parallax_preset parallax_frames parallax_fps parallax_strength parallax_focus
    parallax_maxsize parallax_format
"""


def test_names_and_defaults_are_the_references():
    assert {name: DEFAULTS[name] for name in REFERENCE} == REFERENCE


def test_every_row_accepts_its_default_and_explains_itself():
    new = Options()
    for name, row in rows().items():
        assert getattr(new, name) == DEFAULTS[name]
        assert row.help, name
        assert row.type != "choice" or DEFAULTS[name] in row.choices


def test_the_order_of_script_arguments_stays():
    recorded = ORDER.split()
    assert list(rows())[: len(recorded)] == recorded


def test_every_option_has_one_definition_and_one_row():
    named = {row["option"] for row in options.native_rows() if row["option"]}
    assert named == set(options.ROWS)
    assert [field.name for field in dataclasses.fields(Options)] == list(rows())
    assert {
        field.name: field.default for field in dataclasses.fields(Options) if field.name != "stereo_modes"
    } == {name: default for name, default in DEFAULTS.items() if name != "stereo_modes"}


def test_numbers_are_shown_as_they_were_written():
    assert repr(Options().dof_f_number) == "2.8"
    assert repr(Options(fog_density=0.3).fog_density) == "0.3"


@pytest.mark.parametrize("name", [name for name, row in rows().items() if row.type in ("whole", "number")])
def test_what_is_in_range_is_accepted_and_what_is_not_is_named(name):
    limit = rows()[name].limit
    for bound, beyond in ((limit.least, -1), (limit.most, 1)):
        if bound is not None:
            assert getattr(Options(**{name: bound}), name) == bound
            if bound + beyond != 0 or limit.zero is None:
                with pytest.raises(ValueError, match=re.escape(limit.wanted)):
                    Options(**{name: bound + beyond})
    for bound in (limit.above, limit.below):
        if bound is not None and (bound != 0 or limit.zero is None):
            with pytest.raises(ValueError, match=f"{name} is {bound:g}; it must be {limit.wanted}"):
                Options(**{name: bound})
    if limit.zero is not None:
        assert getattr(Options(**{name: 0}), name) == 0


def test_groups_have_the_names_of_the_core():
    assert Options(fog_density=3).group("fog") == {"density": 3.0, "color": "#c8d0d8"}
    camera = Options(simple_mesh_fov=60).group("camera")
    assert camera == {"spherical": False, "fov": 60.0, "intrinsics": None}
    assert camera.items() <= Options(simple_mesh_fov=60).group("point_cloud").items()


def test_functions_show_what_they_take():
    parameters = inspect.signature(rilievo.fog).parameters
    assert list(parameters) == ["image", "depth", "progress", "cancel", "density", "color"]
    assert parameters["density"].default == DEFAULTS["fog_density"]
    assert (
        "- ``density``: of the light of the farthest point exp(-density) is left; a number from 0 to 50"
        in str(rilievo.fog.__doc__)
    )
    with pytest.raises(TypeError, match="there is no option 'thickness' of fog; known are density, color"):
        rilievo.fog(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32), thickness=1)


def test_values_of_other_libraries_are_read():
    read = Options(
        net_width=np.int64(64),
        clipdepth=np.bool_(True),
        clipdepth_far=np.float32(0.5),
        weights=Path("a"),
        clipdepth_mode=enum.Enum("Mode", {"OUTLIERS": "Outliers"}).OUTLIERS,
    )
    assert read.changed() == {
        "net_width": 64,
        "clipdepth": True,
        "clipdepth_far": 0.5,
        "weights": "a",
        "clipdepth_mode": "Outliers",
    }


def test_names_are_taken_in_any_case():
    options = Options.from_mapping(
        {"GEN_HEATMAP": "yes", "net_width": "512", "Stereo_Modes": "left-only, top-bottom"}
    )
    assert options.changed() == {
        "gen_heatmap": True,
        "net_width": 512,
        "stereo_modes": ["left-only", "top-bottom"],
    }


def test_unknown_names_are_refused_or_dropped():
    with pytest.raises(ValueError, match="there is no option 'gen_magic'"):
        Options.from_mapping({"gen_magic": 1})
    assert Options.from_mapping({"gen_magic": 1}, strict=False) == Options()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("net_width", 3, "pixels from 32 to 8192"),
        ("net_width", 64.5, "whole number"),
        ("clipdepth", "perhaps", "true or false"),
        ("clipdepth_far", float("nan"), "must be a number"),
        ("clipdepth_far", 1.5, "from 0 to 1"),
        ("clipdepth_mode", "Median", "it can be Range, Outliers"),
        ("normalmap_sobel_kernel", 4, "odd number from 1 to 31"),
        ("normalmap_sobel_kernel", 33, "odd number from 1 to 31"),
        ("stereo_balance", -1.01, "from -1 to 1"),
        ("stereo_offset_exponent", 0, "above 0"),
        ("stereo_modes", 7, "list of names"),
        ("mesh_format", "stl", "glb, obj, obj-textured, ply"),
        ("gen_stereo", None, "true or false"),
    ],
)
def test_a_bad_value_is_named_with_what_is_accepted(name, value, message):
    with pytest.raises(ValueError, match=message) as error:
        Options(**{name: value})
    assert name in str(error.value)


def test_far_above_near_is_an_error_only_when_clipping():
    with pytest.raises(ValueError, match="swap them"):
        Options(clipdepth=True, clipdepth_far=0.8, clipdepth_near=0.2)
    assert Options(clipdepth_far=0.8, clipdepth_near=0.2).clipdepth_near == 0.2


def test_choices_are_spelled_as_in_the_table():
    assert Options(clipdepth_mode="outliers").clipdepth_mode == "Outliers"


def test_replace_leaves_the_original_alone():
    options = Options()
    assert options.replace(GEN_STEREO=True).gen_stereo
    assert dataclasses.asdict(options) == DEFAULTS


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(None, None, None), (512, None, (512, 512)), (None, 256, (256, 256)), (64, 96, (64, 96))],
)
def test_one_net_side_stands_for_both(width, height, size):
    assert Options(net_width=width, net_height=height).net_size == size
