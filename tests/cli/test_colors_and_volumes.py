"""Color images and volumes from the command line: train, sample and complete small ones."""

from __future__ import annotations

import numpy as np
import pytest

from .commands import SHORT, report

NETWORKS = [
    "pixelcnn:channels=8,blocks=1",
    "gated_pixelcnn:channels=8,layers=2",
    "diagonal_bilstm:channels=4,layers=1",
    "row_lstm:channels=4,layers=1",
    "transformer:channels=8,layers=1",
    "unet:channels=8",
]
HEAD = "logistic_mixture:levels=256,components=2"


@pytest.fixture
def colors(tmp_path):
    """A file of 40 images of 6 x 5 colors, channels last, as most files have them."""
    np.save(tmp_path / "colors.npy", np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8))
    return tmp_path / "colors.npy"


@pytest.fixture
def volumes(tmp_path):
    """A file of 40 volumes of 3 x 5 x 6 bits."""
    np.save(tmp_path / "volumes.npy", np.random.default_rng(0).integers(0, 2, (40, 3, 5, 6), dtype=np.uint8))
    return tmp_path / "volumes.npy"


def _train_sample_and_complete(file, head, network, folder, shape):
    run = folder / "run"
    report("train", f"npy:path={file}", "--head", head, "--backbone", network, *SHORT, "--out", run)
    drawn = report("sample", run, "-n", "2", "--out", folder / "drawn.npy")
    assert drawn["shape"] == [2, *shape]
    report("sample", run, "-n", "2", "--out", folder / "drawn.png")
    result = report("inpaint", run, "--events", "2", "--completions", "2", "--evidence", "top half", "--split", "train")
    assert result["shape"] == [2, 2, *shape]
    assert (run / "inpainting.png").is_file()
    return np.load(folder / "drawn.npy")


@pytest.mark.parametrize("network", NETWORKS)
def test_color_images(colors, tmp_path, network):
    drawn = _train_sample_and_complete(colors, HEAD, network, tmp_path, (6, 5, 3))
    assert drawn.min() >= 0 and drawn.max() <= 255
    assert (drawn == drawn.round()).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_volumes(volumes, tmp_path, network):
    drawn = _train_sample_and_complete(volumes, "bernoulli", network, tmp_path, (3, 5, 6))
    assert set(np.unique(drawn)) <= {0, 1}


def test_photographs(data_folder, tmp_path):
    """Real colors: 32 x 32 images of CIFAR-10; the likelihood does not matter after such a short training run."""
    file = data_folder / "cifar10_subset" / "cifar10_subset.npz"
    run = tmp_path / "run"
    trained = report(
        "train", f"npz:path={file}", "--head", HEAD, "--backbone", "pixelcnn:channels=8,blocks=1", *SHORT, "--out", run
    )
    assert trained["best_valid_nats"] > 0
    assert report("sample", run, "-n", "1")["shape"] == [1, 32, 32, 3]
