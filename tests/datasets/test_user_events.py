"""Pictures and arrays of the user's own as events of a dataset of arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import DataError, load_dataset


@pytest.fixture
def picture(tmp_path):
    """A picture of 4 x 6 colors, of which the last row is transparent, and its colors."""
    colors = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    alpha = np.full((4, 6, 1), 255, np.uint8)
    alpha[3] = 0
    Image.fromarray(np.concatenate([colors, alpha], -1)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png", torch.from_numpy(colors)


def _dataset(tmp_path, events, name="events.npy", **options):
    np.save(tmp_path / name, events)
    extra = "".join(f",{key}='{value}'" for key, value in options.items())
    return load_dataset(f"npy:path={tmp_path / name}{extra}")


@pytest.mark.parametrize("layout", ["height width channel", "channel height width", "width channel height"])
def test_a_picture_comes_in_the_layout_of_the_events(tmp_path, picture, layout):
    path, colors = picture
    sizes = {"height": 4, "width": 6, "channel": 3}
    shape = tuple(sizes[name] for name in layout.split())
    dataset = _dataset(tmp_path, np.full((9, *shape), 200, np.uint8), axes=layout)
    found = dataset.read_events(path, shape)
    places = [["height", "width", "channel"].index(name) for name in layout.split()]
    known = torch.ones(4, 6, 3, dtype=torch.bool)
    known[3] = False
    assert torch.equal(found.known[0], known.permute(places))
    assert torch.equal(found.events[0][found.known[0]], colors.permute(places)[found.known[0]])
    assert found.notes == ()


def test_bits_are_a_threshold_and_gray_has_an_axis_of_size_1(tmp_path):
    Image.fromarray(np.array([[0, 127], [128, 255]], np.uint8)).save(tmp_path / "gray.png")
    bits = _dataset(tmp_path, np.eye(2, dtype=np.uint8)[None, None].repeat(9, 0))
    assert bits.read_events(tmp_path / "gray.png", (1, 2, 2)).events.tolist() == [[[[0, 0], [1, 1]]]]


def test_a_smaller_pixel_is_unknown_if_any_part_of_it_is(tmp_path):
    Image.new("L", (40, 40), 90).save(tmp_path / "photo.png")
    mask = np.zeros((40, 40), np.uint8)
    mask[12, 12] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    dataset = _dataset(tmp_path, np.full((9, 4, 4), 200, np.uint8))
    found = dataset.read_events(tmp_path / "photo.png", (4, 4), tmp_path / "mask.png")
    assert (~found.known[0]).nonzero().tolist() == [[1, 1]]
    assert found.notes == (f"{tmp_path / 'photo.png'} was resized from 40 x 40 to 4 x 4 pixels",)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((4, 6), np.float32, "a model of bits or of 256 levels, for the picture .*, got real values"),
        ((24,), np.uint8, "a model of images, for the picture .*, got events of axes position"),
        ((8, 9, 9), np.uint8, "a model of images, for the picture .*, got events of axes depth height width"),
    ],
)
def test_models_that_take_no_pictures(tmp_path, picture, shape, dtype, message):
    dataset = _dataset(tmp_path, np.arange(9 * np.prod(shape)).reshape(9, *shape).astype(dtype) / dtype(2))
    with pytest.raises(DataError, match=message):
        dataset.read_events(picture[0], shape)


def test_arrays(tmp_path):
    dataset = _dataset(tmp_path, np.zeros((9, 2, 3)))
    np.save(tmp_path / "one.npy", np.full((2, 3), 5.0))
    np.save(tmp_path / "two.npy", [[[1, 2, np.nan], [4, 5, 6]]] * 2)
    one, two = (dataset.read_events(tmp_path / f"{name}.npy", (2, 3)) for name in ("one", "two"))
    assert one.events.shape == (1, 2, 3) and one.known is None
    assert two.known.sum().item() == 10
    np.save(tmp_path / "wrong.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"an event of shape \(2, 3\), or several, in .*, got shape \(3, 2\)"):
        dataset.read_events(tmp_path / "wrong.npy", (2, 3))
    np.savez(tmp_path / "events.npz", data=np.zeros((9, 2, 3)))
    archive = load_dataset(f"npz:path={tmp_path / 'events.npz'}")
    assert archive.read_events(tmp_path / "two.npy", (2, 3)).events.shape == (2, 2, 3)
    assert archive.read_events(tmp_path / "events.npz", (2, 3)).events.shape == (9, 2, 3)
