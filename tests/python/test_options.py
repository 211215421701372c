"""The option table: every row is sound, and every bad value gets a sentence."""

from __future__ import annotations

import dataclasses

import pytest
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


def test_names_and_defaults_are_the_references():
    assert {name: DEFAULTS[name] for name in REFERENCE} == REFERENCE


def test_every_row_accepts_its_default_and_explains_itself():
    options = Options()
    for name, row in rows().items():
        assert getattr(options, name) == DEFAULTS[name]
        assert row.help, name
        assert row.type != "choice" or DEFAULTS[name] in row.choices


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
