"""MNIST: gray levels, bits and labels, from small files and from the real ones."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from tensorar import SpecError, load_dataset
from tensorar_plugins.datasets import mnist
from tests.datasets.data_errors import check_error
from tests.datasets.small_mnist import images, small_files


def test_reads_the_files_of_a_folder(folder):
    data = load_dataset(f"mnist:path={folder}")
    assert data.event_shape == (1, 28, 28)
    assert data.train.dtype == torch.uint8
    whole = torch.from_numpy(images(12))
    assert torch.equal(torch.cat([data.train, data.valid])[:, 0], whole)
    assert (len(data.valid), len(data.test)) == (2, 3)
    assert data.image_labels.valid.tolist() == [10, 11]


def test_files_that_are_not_compressed(folder):
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(load_dataset(f"mnist:path={folder}").train) == 10


def test_files_of_the_environment_variable(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    for name, content in small_files().items():
        (tmp_path / "mnist" / name).write_bytes(content)
    monkeypatch.setenv("TENSORAR_DATA", str(tmp_path))
    assert len(load_dataset("mnist").test) == 3


def test_a_path_without_the_files(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        check_error(lambda path=path: load_dataset(f"mnist:path={path}").train, "train-images-idx3-ubyte.gz", "got an")
    (tmp_path / "notes.txt").touch()
    check_error(lambda: load_dataset(f"mnist:binarize=static,path={tmp_path}").train, ".npz or binarized", "notes.txt")
    nowhere = tmp_path / "none" / "none"
    for binarize in ("none", "static"):
        data = load_dataset(f"mnist:binarize={binarize},path={nowhere}")
        check_error(data.load, str(tmp_path / "none"), "got no such folder")


def test_threshold(folder):
    data = load_dataset(f"mnist:binarize=threshold,path={folder}")
    assert torch.equal(data.test[:, 0], torch.from_numpy((images(3) > 127).astype(np.uint8)))


def test_dynamic_bits_are_redrawn_for_training_only(folder):
    def load(seed=0):
        return load_dataset(f"mnist:binarize=dynamic,path={folder}", seed=seed)

    a, b = load(), load()
    assert set(a.train.unique().tolist()) == {0, 1}
    assert torch.equal(a.valid, b.valid)
    assert torch.equal(a.test, b.test)
    assert not torch.equal(a.test, load(seed=1).test)
    generator = torch.Generator().manual_seed(0)
    images = torch.arange(10)
    first, second = a.draw(images, generator), a.draw(images, generator)
    assert not torch.equal(first, second)
    assert torch.equal(first, b.draw(images, torch.Generator().manual_seed(0)))
    gray = load_dataset(f"mnist:path={folder}")
    assert torch.equal(gray.draw(images, generator), gray.train[images])


def test_bits_have_the_probability_of_their_gray_level():
    gray = torch.tensor([0, 1, 64, 128, 254, 255], dtype=torch.uint8)
    n = 50_000
    bits = mnist.draw_bits(gray.expand(n, 6), torch.Generator().manual_seed(0))
    p = gray.double() / 255
    assert ((bits.double().mean(0) - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_drawn_images_are_the_training_images_binarized(folder):
    gray = load_dataset(f"mnist:path={folder}").train
    images = torch.arange(len(gray)).flip(0)
    bits = load_dataset(f"mnist:binarize=dynamic,path={folder}").draw(images, torch.Generator().manual_seed(0))
    # a bit drawn from gray level 0 is 0, and from 255 is 1
    assert bits[gray[images] == 0].max() == 0
    assert bits[gray[images] == 255].min() == 1


@pytest.mark.usefixtures("without_shape_checks")
def test_unknown_binarization():
    with pytest.raises(SpecError, match="dynamic"):
        load_dataset("mnist:binarize=sometimes")
    with pytest.raises(SpecError, match="dynamic"):
        mnist.MNIST(binarize="sometimes")


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ("", "binarize=static"),
        ("seed=3", "seed=3,binarize=static"),
        ("labels=true", "labels=true,binarize=dynamic"),
        ("path='a folder',labels=true", 'path="a folder",labels=true,binarize=dynamic'),
        ("binarize=none,path=files", "path=files,binarize=dynamic"),
    ],
)
def test_alternative_specs_keep_the_options(options, bits):
    data = load_dataset(f"mnist:{options}" if options else "mnist")
    assert data.alternative_specs[f"mnist:{bits}"] == (0, 1)


def test_static_has_no_labels():
    check_error(lambda: mnist.MNIST(binarize="static").image_labels, "labels")


# --- the real files -------------------------------------------------------------------------------------------------


def test_real_gray_levels(data_folder):
    data = load_dataset("mnist")
    assert (len(data.train), len(data.valid), len(data.test)) == (50_000, 10_000, 10_000)
    assert data.train.dtype == torch.uint8
    whole = (data.train.sum().item() + data.valid.sum().item()) / (60_000 * 784 * 255)
    assert whole == pytest.approx(0.13066, abs=1e-5)
    assert data.test.sum().item() / (10_000 * 784 * 255) == pytest.approx(0.13251, abs=1e-5)
    assert data.image_labels.train[:5].tolist() == [5, 0, 4, 1, 9]


def test_real_static_split(data_folder):
    data = load_dataset("mnist:binarize=static")
    means = [part.sum().item() / part.numel() for part in (data.train, data.valid, data.test)]
    assert means == pytest.approx([0.1306, 0.1311, 0.1325], abs=1e-4)
    # the likelihood of independent pixels that is known for this split
    p = (data.train.sum(0) + 0.1) / (len(data.train) + 0.2)
    nats = torch.nn.functional.binary_cross_entropy(p.expand(data.test.shape), data.test.float(), reduction="sum")
    assert nats.item() / len(data.test) == pytest.approx(205.79, abs=0.1)


def test_real_dynamic_bits_have_the_mean_of_the_gray_levels(data_folder):
    data = load_dataset("mnist:binarize=dynamic")
    assert data.test.sum().item() / data.test.numel() == pytest.approx(0.13251, abs=1e-3)


# --- colors ---------------------------------------------------------------------------------------------------------


def test_colors_are_of_few_levels_and_follow_the_threshold(folder):
    bits, data = (load_dataset(f"mnist:{option},path={folder}") for option in ("binarize=threshold", "colours=4"))
    assert data.event_shape == (28, 28, 3)
    assert data.axis_names == ("height", "width", "channel")
    for image, bit in zip(data.train, bits.train[:, 0], strict=True):
        figure, background = image[bit == 1].unique(dim=0), image[bit == 0].unique(dim=0)
        assert len(figure) == len(background) == 1
        assert not torch.equal(figure, background)
    assert data.train.max() < 4
    assert not torch.equal(data.test, load_dataset(f"mnist:colours=4,seed=1,path={folder}").test)


@pytest.mark.parametrize(
    "spec", ["mnist:colours=1", "mnist:colours=4,binarize=dynamic", "mnist:colours=4,binarize=static"]
)
def test_impossible_colors(spec):
    with pytest.raises(SpecError, match="colours"):
        load_dataset(spec)
