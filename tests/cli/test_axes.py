"""Axes of events on the command line: printed, kept with the run, used by pictures and regions."""

import numpy as np
import pytest
from PIL import Image

from tensorar.runs.run import Run

from .commands import SHORT, call, done, refused, report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with 40 events of 6 x 5 x 3 bits and a run on them, and what its training printed."""
    folder = tmp_path_factory.mktemp("colors")
    np.save(folder / "colors.npy", np.random.default_rng(0).integers(0, 2, (40, 6, 5, 3), dtype=np.uint8))
    (folder / "output.txt").write_text(done("train", _data(folder), *SHORT, "--out", folder / "run").stdout)
    return folder


def _data(folder):
    return f"npy:path={folder / 'colors.npy'}"


def test_the_axes_are_guessed_printed_and_kept(folder):
    output = (folder / "output.txt").read_text()
    assert "events: height 6 x width 5 x channel 3 (names guessed from the shape)" in output
    assert Run.open(folder / "run").axes == ("height", "width", "channel")


def test_regions_and_masks_cover_all_channels(folder, tmp_path):
    def known(*given):
        options = ["--events", "1", "--completions", "1", "--out", tmp_path / "completed.npy"]
        return report("inpaint", folder / "run", *given, *options)["known"]

    assert known("--evidence", "left half") == 6 * 3 * 3, "three of five columns"
    pixels = np.zeros((6, 5), np.uint8)
    pixels[:2] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert known("--mask", tmp_path / "mask.png") == 4 * 5 * 3


def test_axes_that_the_user_names(folder, tmp_path):
    data = f"{_data(folder)},axes='width height channel'"
    output = done("train", data, *SHORT, "--out", tmp_path / "run").stdout
    assert "events: width 6 x height 5 x channel 3\n" in output
    out = ["--events", "1", "--completions", "1", "--out", tmp_path / "completed.npy"]
    assert report("inpaint", tmp_path / "run", "--evidence", "left half", *out)["known"] == 3 * 5 * 3
    line = refused(call("train", f"{_data(folder)},axes='height width'", *SHORT))
    assert "a different name (small letters) for each axis of events of shape (6, 5, 3), got 'height width'" in line


def test_a_region_without_its_axis_is_refused(folder):
    line = refused(call("inpaint", folder / "run", "--evidence", "front half"))
    assert "an axis 'depth' for 'front half', got axes height width channel" in line
