"""Volumes: arrays and NIfTI files of any orientation lie the same way, come back as files, and are seen in slices."""

from __future__ import annotations

import sys

import nibabel
import numpy as np
import pytest
import torch

from tensorar import SpecError
from tensorar_plugins.datasets.volumes import Volumes
from tests.datasets.data_errors import check_error

SHAPE = (3, 4, 5)


def array(k):
    return np.random.default_rng(k).normal(size=SHAPE).astype(np.float32)


def scan(path, volume, codes="RAS", zooms=(1.0, 2.0, 3.0)):
    """A volume from above, the front and the left, stored in another orientation, as scanners do."""
    image = nibabel.Nifti1Image(volume[::-1, ::-1].transpose(2, 1, 0), np.diag([*zooms, 1.0]))
    change = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(codes)
    )
    nibabel.save(image.as_reoriented(change), path)


@pytest.fixture
def arrays(tmp_path):
    for k in range(8):
        np.save(tmp_path / f"{k}.npy", array(k))
    return tmp_path


@pytest.fixture
def scans(tmp_path):
    """Files in four orientations, compressed or not."""
    for k, codes in enumerate(("RAS", "LPS", "ASR", "PIL") * 2):
        scan(tmp_path / f"{k}.nii{'.gz' if k % 3 else ''}", array(k), codes)
    return tmp_path


def volumes_of(data):
    return {tuple(event.flatten().tolist()) for part in (data.train, data.valid, data.test) for event in part}


def test_arrays_are_events(arrays):
    data = Volumes(path=arrays)
    assert data.event_shape == SHAPE and data.axes == ("depth", "height", "width")
    assert volumes_of(data) == {tuple(array(k).ravel().tolist()) for k in range(8)}
    assert "8 volumes of 3 x 4 x 5 voxels" in data.notes[0]


def test_scans_lie_the_same_way_whatever_their_orientation(scans):
    data = Volumes(path=scans)
    assert volumes_of(data) == {tuple(array(k).ravel().tolist()) for k in range(8)}
    assert Volumes.accepts_folder(scans) and data.event_ending == ".nii.gz"


def test_a_scan_is_written_where_it_was(scans, tmp_path):
    data = Volumes(path=scans)
    (tmp_path / "out.nii.gz").write_bytes(data.event_file(torch.from_numpy(array(0))))
    written, original = nibabel.load(tmp_path / "out.nii.gz"), nibabel.load(scans / "0.nii")
    assert np.allclose(written.affine, original.affine)
    assert np.array_equal(written.get_fdata(), original.get_fdata())
    found = data.read_events(tmp_path / "out.nii.gz", SHAPE)
    assert torch.equal(found.events[0], torch.from_numpy(array(0)))


def test_a_smaller_scan_covers_the_same_space(scans, tmp_path):
    """Half as many voxels along the last axis, twice as wide: their corners lie where those of the file do."""
    path = tmp_path / "small"
    path.mkdir()
    for k in range(3):
        scan(path / f"{k}.nii", np.random.default_rng(k).normal(size=(2, 4, 6)))
    data = Volumes(path=path, size=(2, 4, 3))
    (tmp_path / "out.nii.gz").write_bytes(data.event_file(data.train[0]))
    written, original = nibabel.load(tmp_path / "out.nii.gz"), nibabel.load(path / "0.nii")
    for corner in ((-0.5, -0.5, -0.5), (1.0, 1.0, 1.0)):
        ends = [image.affine @ [*(np.array(corner) * np.where(np.array(corner) > 0, np.array(image.shape) - 0.5, 1)), 1]
                for image in (written, original)]  # fmt: skip
        assert np.allclose(*ends)


def test_real_values_are_averaged_and_classes_picked(tmp_path):
    for k in range(4):
        np.save(tmp_path / f"{k}.npy", np.arange(64.0).reshape(4, 4, 4) + k)
    means = Volumes(path=tmp_path, size=(2,)).train
    assert means.shape[1:] == (2, 2, 2) and (means[0] - means[0, 0, 0, 0])[0, 0, 1] == 2
    blocks = np.arange(64.0).reshape(4, 4, 4)[:2, :2, :2].mean()
    assert float(means[0, 0, 0, 0]) % 1 == blocks % 1
    for k in range(4):
        np.save(tmp_path / f"{k}.npy", np.kron(np.arange(8).reshape(2, 2, 2), np.ones((3, 3, 3))).astype(np.uint8))
    assert Volumes(path=tmp_path, size=(2,)).train[0].flatten().tolist() == list(range(8))


def test_defects_are_one_line(arrays, tmp_path):
    check_error(lambda: Volumes(path=tmp_path / "no").train, "volumes (.npy, .nii, .nii.gz)", "no such folder")
    np.save(arrays / "9.npy", np.zeros((3, 4, 6)))
    check_error(lambda: Volumes(path=arrays).train, "volumes of one shape", "(3, 4, 6) in 9.npy", "size=")
    np.save(arrays / "9.npy", np.zeros((3, 4)))
    check_error(lambda: Volumes(path=arrays).train, "at most 5 % of the", "(9.npy: shape (3, 4))")
    (arrays / "9.npy").unlink()
    (arrays / "9.nii.gz").write_bytes(b"\x1f\x8b no")
    check_error(lambda: Volumes(path=arrays).train, "at most 5 % of the", "(9.nii.gz: ")
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 2)), np.eye(4)), arrays / "9.nii.gz")
    check_error(lambda: Volumes(path=arrays).train, "at most 5 % of the", "(9.nii.gz: shape (3, 4, 5, 2))")


def test_nibabel_is_named_where_it_is_missing(scans, monkeypatch):
    monkeypatch.setitem(sys.modules, "nibabel", None)
    check_error(lambda: Volumes(path=scans).train, "the package nibabel", "pip install tensorar[volumes]")


@pytest.mark.parametrize("size", [(0,), (2, 2), (1, 2, -1)])
def test_sizes_are_checked(size):
    check_error(lambda: Volumes(path="no", size=size), "one or three sizes", kind=SpecError)
