"""Masks of known coefficients: regions, tensors, arrays in files, and pictures with holes."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from tensorar import TensorarError
from tensorar.workflows.masks import default_region, known_mask, mask_of_events

EYE = torch.eye(3, dtype=torch.bool)


def picture(path, pixels, mode):
    """Write a picture whose pixels are given by row, and return its path."""
    drawn = Image.new(mode, (len(pixels[0]), len(pixels)))
    drawn.putdata([pixel for row in pixels for pixel in row])
    drawn.save(path)
    return path


def test_masks(tmp_path):
    np.save(tmp_path / "mask.npy", np.eye(3))
    assert known_mask(None, tmp_path / "mask.npy", (3, 3)).equal(EYE)
    assert known_mask(None, EYE, (3, 3)).equal(EYE)
    assert known_mask("left half", None, (2,)).tolist() == [True, False]
    with pytest.raises(TensorarError, match="either `evidence` or `mask`"):
        known_mask("border", EYE, (3, 3))
    with pytest.raises(TensorarError, match="the event's shape"):
        known_mask(None, EYE[:2], (3, 2))


def test_a_mask_per_event(tmp_path):
    masks = torch.stack([EYE, ~EYE])
    np.save(tmp_path / "masks.npy", masks.numpy())
    for given in (masks, tmp_path / "masks.npy"):
        assert mask_of_events(known_mask(None, given, (3, 3)), (3, 3), 2).equal(masks)
    assert mask_of_events(EYE, (3, 3), 2).equal(torch.stack([EYE, EYE]))
    with pytest.raises(TensorarError, match="each of the 3 events to complete, got masks for 2; use events=2"):
        mask_of_events(masks, (3, 3), 3)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_a_mask_tensor_holds_zeros_and_ones(dtype):
    mask = torch.eye(2, dtype=dtype)
    assert known_mask(None, mask, (2, 2)).equal(torch.eye(2).bool())


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0, float("nan")])
def test_other_values_of_a_mask_tensor_are_rejected(value):
    with pytest.raises(TensorarError, match="expected `mask` to be Boolean, or 0 and 1"):
        known_mask(None, torch.full((2, 2), value), (2, 2))


@pytest.mark.parametrize(
    ("shape", "name"), [((2, 3), "top half"), ((1, 3), "left half"), ((3,), "left half"), ((3, 1, 1), "random 0.5")]
)
def test_every_shape_has_a_default_region(shape, name):
    assert default_region(shape) == name


# --- pictures --------------------------------------------------------------------------------------------------------

RED, CLEAR, GLASS = (255, 0, 0, 255), (255, 0, 0, 0), (255, 255, 255, 9)


@pytest.mark.parametrize(
    ("mode", "pixels"),
    [
        ("RGBA", [[CLEAR, RED, GLASS], [RED, CLEAR, CLEAR]]),  # only what is fully transparent is unknown
        ("RGBA", [[(255,) * 4, (0, 0, 0, 255), (0, 0, 0, 255)], [(0, 0, 0, 255), (255,) * 4, (255,) * 4]]),
        ("LA", [[(7, 0), (7, 1), (255, 255)], [(0, 255), (7, 0), (255, 0)]]),
        ("L", [[255, 0, 0], [0, 255, 255]]),
        ("RGB", [[(255,) * 3, (0,) * 3, (0,) * 3], [(0,) * 3, (255,) * 3, (255,) * 3]]),
        ("1", [[1, 0, 0], [0, 1, 1]]),
    ],
)
def test_a_hole_in_a_picture_is_unknown(mode, pixels, tmp_path):
    path = picture(tmp_path / "hole.png", pixels, mode)
    expected = torch.tensor([[False, True, True], [True, False, False]])
    assert known_mask(None, path, (2, 3)).equal(expected)
    assert known_mask(None, path, (3, 2, 3)).equal(expected.expand(3, 2, 3)), "all channels"


def test_a_palette_with_a_transparent_color(tmp_path):
    drawn = Image.new("P", (2, 1))
    drawn.putpalette([255, 255, 255, 9, 9, 9])
    drawn.putdata([0, 1])
    drawn.save(tmp_path / "hole.png", transparency=1)
    assert known_mask(None, tmp_path / "hole.png", (1, 2)).tolist() == [[True, False]]


def _huge(path):
    """A picture that claims 20000 x 20000 pixels: decoding it would take gigabytes."""
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)


def _large(path):
    Image.new("1", (10_000, 9_000)).save(path)  # more pixels than Pillow likes to open


def _truncated(path):
    picture(path, [[0, 255], [255, 0]], "L")
    path.write_bytes(path.read_bytes()[:-25])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: picture(path, [[0, 255]] * 3, "L"), "a PNG picture of 2 x 2 pixels, got 2 x 3 pixels"),
        (lambda path: picture(path, [[0, 9], [0, 0]], "L"), "black where known and white where unknown, .*got other"),
        (_huge, "a PNG picture of 2 x 2 pixels, got"),
        (_large, "a PNG picture of 2 x 2 pixels, got 10000 x 9000 pixels"),
        (_truncated, "a PNG picture of 2 x 2 pixels, got"),
        (lambda path: path.write_bytes(b"GIF89a"), "a PNG picture of 2 x 2 pixels, got"),
        (lambda path: path.mkdir(), "a PNG picture of 2 x 2 pixels, got a folder"),
        (lambda path: None, "a PNG picture of 2 x 2 pixels, got no such file"),
    ],
)
def test_pictures_that_are_no_masks(make, message, tmp_path):
    make(tmp_path / "hole.png")
    with pytest.raises(TensorarError, match=message) as raised:
        known_mask(None, tmp_path / "hole.png", (2, 2))
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("save a PNG of that size whose unknown pixels are transparent")


def test_a_picture_for_a_sequence(tmp_path):
    with pytest.raises(TensorarError, match=r"height and width .*, got shape \(4,\); save the mask with numpy.save"):
        known_mask(None, picture(tmp_path / "hole.png", [[0, 0, 0, 255]], "L"), (4,))
