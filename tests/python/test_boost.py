"""Boost with the embedded network: the whole way from options to a map."""

import threading

import numpy as np
import pytest
import rilievo
from PIL import Image
from rilievo import Options, _native
from rilievo.cli import main
from rilievo.options import rows


@pytest.fixture(scope="module")
def wide():
    """A photograph with details all over: a grid of small, differently shaded discs before a slope."""
    y, x = np.mgrid[0:700, 0:1000]
    picture = np.stack([x / 4, y / 3, 255 - x / 5], axis=-1)
    for row in range(9):
        for column in range(13):
            inside = np.hypot(y - 40 - 78 * row, x - 40 - 77 * column) < 22
            picture[inside] = [(row * 83) % 255, (column * 71) % 255, (row * column * 37) % 255]
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def boosted(wide):
    return rilievo.estimate_depth(wide, "pocket", boost=True, boost_merge="guided")


def test_a_boosted_map_is_the_plain_one_with_more_details(wide, boosted):
    plain = rilievo.estimate_depth(wide, "pocket", refine=False)
    assert boosted.values.shape == wide.shape[:2]
    assert boosted.values.dtype == np.float32
    assert boosted.kind == plain.kind == "inverse"
    assert np.isfinite(boosted.values).all()
    assert np.corrcoef(boosted.values.ravel(), plain.values.ravel())[0, 1] > 0.85

    def detail(depth):
        values = (depth.values - depth.values.mean()) / depth.values.std()
        return np.abs(np.diff(values, 2, axis=1)).mean()

    assert detail(boosted) > 1.5 * detail(plain)


def test_boosting_is_deterministic(wide, boosted):
    again = rilievo.estimate_depth(wide, "pocket", boost=True, boost_merge="guided")
    assert np.array_equal(boosted.values, again.values)


def test_fewer_patches_change_only_what_lies_in_the_others(wide, boosted):
    _, patches, _ = _native.boost_plan(wide, 256)
    assert len(patches) > 3
    some = rilievo.estimate_depth(wide, "pocket", boost=True, boost_merge="guided", boost_max_patches=2)
    none = rilievo.estimate_depth(wide, "pocket", boost=True, boost_merge="guided", boost_max_patches=0)
    changed = [np.mean(one.values != none.values) for one in (some, boosted)]
    assert 0 < changed[0] < changed[1]
    assert np.array_equal(none.values[:2], some.values[:2])


def test_progress_goes_up_names_patches_and_can_be_stopped(wide):
    seen = []
    rilievo.estimate_depth(
        wide,
        "pocket",
        boost=True,
        boost_merge="guided",
        boost_max_patches=3,
        progress=lambda *step: seen.append(step),
    )
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[0][:2] == ("boost: whole picture", 0)
    assert seen[-1] == ("boost: patch 3 of 3", 1000, 1000)
    assert {stage for stage, _, _ in seen} >= {f"boost: patch {patch} of 3" for patch in (1, 2, 3)}

    stop = threading.Event()
    stages = []

    def step(stage, done, total):
        stages.append(stage)
        if "patch 1" in stage:
            stop.set()

    with pytest.raises(rilievo.Cancelled):
        rilievo.estimate_depth(wide, "pocket", boost=True, boost_merge="guided", progress=step, cancel=stop)
    assert not any("patch 2" in stage for stage in stages)


def test_small_and_flat_pictures_are_boosted():
    for size in [(1, 1), (3, 200), (90, 60)]:
        flat = np.full((*size, 3), 90, np.uint8)
        depth = rilievo.estimate_depth(flat, "pocket", boost=True, boost_merge="guided")
        assert depth.values.shape == size
        assert np.isfinite(depth.values).all()


def test_options_that_cannot_be_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="boost cannot make depth that tiles"):
        Options(boost=True, tiling_mode=True)
    with pytest.raises(ValueError, match="boost_rmax is 8; it must be a number of pixels from 32"):
        Options(boost_rmax=8)
    with pytest.raises(ValueError, match="boost_max_patches is -1; it must be a number from 0 up"):
        Options(boost_max_patches=-1)
    with pytest.raises(ValueError, match="boost_merge is 'best'; it can be auto, network, guided"):
        Options(boost_merge="best")
    assert rows()["net_width"].shown_if == "!net_size_match"
    assert rows()["net_size_match"].shown_if == "!boost"


def test_without_the_merge_network_it_says_what_happens(tmp_path, monkeypatch, wide):
    monkeypatch.setenv("RILIEVO_MODELS", str(tmp_path))
    monkeypatch.setattr(rilievo.models, "folders", lambda: [str(tmp_path)])
    line = rilievo.models.choice(Options(boost=True)).line
    assert "boost merges by guided filtering" in line
    assert "rilievo models download pix2pix" in line
    assert rilievo.models.choice(Options(boost=True, boost_merge="guided")).line.endswith("guided filtering")
    assert "boost" not in rilievo.models.choice(Options()).line
    with pytest.raises(rilievo.RilievoError, match=r"download pix2pix.*boost_merge be guided"):
        rilievo.estimate_depth(wide, "pocket", boost=True, boost_merge="network")


def test_a_file_that_is_no_merge_network_is_named(tmp_path, monkeypatch, wide):
    (tmp_path / "latest_net_G.pth").write_bytes(b"no checkpoint")
    monkeypatch.setattr(rilievo.models, "folders", lambda: [str(tmp_path)])
    plain = rilievo.models.megabytes(Options(model_type="pocket"))
    both = rilievo.models.megabytes(Options(model_type="pocket", boost=True))
    assert 0 < plain < both
    with pytest.raises(rilievo.RilievoError, match=r"latest_net_G\.pth"):
        rilievo.estimate_depth(wide, "pocket", boost=True)


def test_the_command_line_boosts(tmp_path, capsys, wide):
    picture = tmp_path / "wide.png"
    Image.fromarray(wide).save(picture)
    arguments = ["run", str(picture), "-o", str(tmp_path / "out"), "--model", "pocket", "--boost"]
    assert main([*arguments, "--boost-merge", "guided", "--boost-max-patches", "1"]) == 0
    told = capsys.readouterr()
    assert "boost merges by guided filtering" in told.err + told.out
    (depth,) = (tmp_path / "out").glob("*.png")
    assert np.asarray(Image.open(depth)).shape == wide.shape[:2]
