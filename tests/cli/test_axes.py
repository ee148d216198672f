"""Axes of events on the command line: printed, kept with the run, used by pictures and regions."""

import numpy as np
import pytest
from PIL import Image

from tensorar.runs.run import Run

from .commands import SHORT, call, done, refused, report


@pytest.fixture
def colors(tmp_path):
    np.save(tmp_path / "colors.npy", np.random.default_rng(0).integers(0, 2, (40, 6, 5, 3), dtype=np.uint8))
    return f"npy:path={tmp_path / 'colors.npy'}"


def test_the_axes_are_guessed_printed_and_kept(colors, tmp_path):
    output = done("train", colors, *SHORT, "--out", tmp_path / "run").stdout
    assert "events: height 6 x width 5 x channel 3 (names guessed from the shape)" in output
    assert Run.open(tmp_path / "run").axes == ("height", "width", "channel")
    done("inpaint", tmp_path / "run", "--evidence", "top half", "--events", "1", "--out", tmp_path / "one.npy")
    known = report("inpaint", tmp_path / "run", "--evidence", "left half", "--events", "1")["known"]
    assert known == 6 * 3 * 3, "three of five columns"


def test_a_mask_in_a_picture_covers_all_channels(colors, tmp_path):
    done("train", colors, *SHORT, "--out", tmp_path / "run")
    pixels = np.zeros((6, 5), np.uint8)
    pixels[:2] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert report("inpaint", tmp_path / "run", "--mask", tmp_path / "mask.png", "--events", "1")["known"] == 4 * 5 * 3


def test_axes_that_the_user_names(colors, tmp_path):
    output = done("train", f"{colors},axes='width height channel'", *SHORT, "--out", tmp_path / "run").stdout
    assert "events: width 6 x height 5 x channel 3\n" in output
    known = report("inpaint", tmp_path / "run", "--evidence", "left half", "--events", "1")["known"]
    assert known == 3 * 5 * 3
    line = refused(call("train", f"{colors},axes='height width'", *SHORT))
    assert "a different name (small letters) for each axis of events of shape (6, 5, 3), got 'height width'" in line


def test_a_region_without_its_axis_is_refused(colors, tmp_path):
    done("train", colors, *SHORT, "--out", tmp_path / "run")
    line = refused(call("inpaint", tmp_path / "run", "--evidence", "front half"))
    assert "an axis 'depth' for 'front half', got axes height width channel" in line
