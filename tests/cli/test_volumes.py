"""Volumes and piano rolls from the command line."""

from __future__ import annotations

import nibabel
import numpy as np
import torch

from tensorar import load_dataset, region
from tensorar.plotting import event_grid, view_of
from tensorar.plotting.view import view_of_events

from .commands import SHORT, done, report


def test_a_folder_of_scans_gives_scans(tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for k in range(5):
        voxels = np.random.default_rng(k).normal(size=(4, 5, 12)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([1, 1, 4, 1.0])), scans / f"{k}.nii.gz")
    run = tmp_path / "run"
    result = done("train", scans, "--backbone", "rnn:hidden=4,layers=1", *SHORT, "--out", run)
    assert "depth 12 x height 5 x width 4" in result.stdout
    done("sample", run, "-n", "2", "--out", tmp_path / "drawn")
    image = nibabel.load(tmp_path / "drawn" / "sample-2.nii.gz")
    assert image.shape == (4, 5, 12) and image.header.get_zooms() == (1, 1, 4)
    done("sample", run, "-n", "2")
    found = report("inpaint", run, "--data", scans / "0.nii.gz", "--evidence", "top half", "--out", tmp_path / "x.npy")
    assert found["events"] == 1 and np.load(tmp_path / "x.npy").shape[2:] == (12, 5, 4)


def test_three_orthogonal_slices_through_the_center():
    """Of a volume whose value is its place, and in any order of the axes."""
    place = np.arange(12 * 5 * 4).reshape(12, 5, 4)
    axes = ("depth", "height", "width")
    view = view_of_events(place.shape, axes=axes)
    shown = view.arrange(place, gap=-1)
    assert shown.shape == (12, 4 + 1 + 4 + 1 + 12) and view.is_partial
    assert np.array_equal(shown[:5, :4], place[6])
    assert np.array_equal(shown[:, 5:9], place[:, 2])
    assert np.array_equal(shown[:5, 10:], place[:, :, 2].T)
    assert (shown[5:, :4] == -1).all() and (shown[:, [4, 9]] == -1).all()
    other = view_of_events((4, 5, 12), axes=("width", "height", "depth"))
    assert np.array_equal(other.arrange(place.transpose(2, 1, 0), gap=-1), shown)
    few = view_of_events((9, 5, 4), axes=axes)
    assert np.array_equal(few.cells, view_of((9, 5, 4), axes=axes).cells) and not few.is_partial


def test_a_piano_roll_has_time_from_left_to_right_and_pitch_upwards(tmp_path):
    roll = np.zeros((20, 6, 4), np.uint8)
    roll[:, :, 0] = np.arange(6) < 2  # the lowest pitch sounds first
    np.save(tmp_path / "rolls.npy", roll)
    data = load_dataset(f"npy:path={tmp_path}/rolls.npy,axes='time pitch'")
    shown = view_of(data.event_shape, axes=data.axis_names).arrange(data.train[0].numpy())
    assert shown.tolist() == [[0] * 6, [0] * 6, [0] * 6, [1, 1, 0, 0, 0, 0]]
    assert region("bottom quarter", (6, 4), axes=data.axis_names)[:, 0].all()
    assert region("left third", (6, 4), axes=data.axis_names)[:2].all()
    assert event_grid(data.train[:2], axes=data.axis_names).axes


def test_a_caption_says_that_only_slices_are_shown():
    figure = event_grid(torch.randn(2, 10, 5, 5))
    assert "slices through the center" in figure.get_supxlabel()
