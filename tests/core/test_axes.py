"""Names of axes: guessed from the shape, said by a dataset, kept with a run."""

import pytest
import torch
from hypothesis import given

from tensorar import DataError, Dataset, ShapeError, Splits
from tensorar.axes import check_axes, guess_axes, horizontal_axis, vertical_axis
from tensorar.testing import event_shapes


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((), ""),
        ((60,), "position"),
        ((28, 28), "height width"),
        ((60, 3), "height width"),
        ((1, 28, 28), "channel height width"),
        ((3, 32, 32), "channel height width"),
        ((4, 32, 32), "channel height width"),
        ((32, 32, 3), "height width channel"),
        ((32, 32, 1), "height width channel"),
        ((16, 32, 32), "depth height width"),
        ((3, 5, 6), "channel height width"),
        ((8, 4, 4), "depth height width"),
        ((8, 3, 32, 32), "depth channel height width"),
        ((8, 32, 32, 3), "depth height width channel"),
        ((1, 16, 32, 32), "channel depth height width"),
        ((9, 16, 32, 32), "time depth height width"),
        ((5, 9, 16, 32, 32), "axis0 time depth height width"),
    ],
)
def test_guesses(shape, axes):
    assert guess_axes(shape) == tuple(axes.split())


@given(shape=event_shapes(max_coefficients=100))
def test_guesses_name_every_axis_and_pictures_have_two_directions(shape):
    axes = guess_axes(shape)
    check_axes(axes, shape)
    if len(shape) > 1:
        assert axes[vertical_axis(axes)] == "height"
        assert axes[horizontal_axis(axes)] == "width"


@pytest.mark.parametrize(
    ("axes", "vertical", "horizontal"),
    [
        ("time pitch", 1, 0),
        ("pitch time", 0, 1),
        ("width height", 1, 0),
        ("time height width", 1, 2),
        ("time channel", None, 0),
        ("channel height", 1, 0),
        ("height channel", 0, 1),
    ],
)
def test_the_directions_of_pictures(axes, vertical, horizontal):
    axes = tuple(axes.split())
    assert (vertical_axis(axes), horizontal_axis(axes)) == (vertical, horizontal)


@pytest.mark.parametrize("axes", [("height",), ("height", "height"), ("Height", "width"), ("a b", "c"), (1, 2)])
@pytest.mark.usefixtures("without_shape_checks")
def test_names_that_do_not_fit(axes):
    with pytest.raises(ShapeError, match="a different name"):
        check_axes(axes, (4, 5))


class _Named(Dataset):
    name = "named"

    def __init__(self, axes):
        self._axes = axes

    @property
    def axes(self):
        return self._axes

    def load(self):
        return Splits(*[torch.zeros(2, 5, 6)] * 3)


def test_a_dataset_says_its_axes_or_they_are_guessed():
    assert _Named(()).axis_names == ("height", "width")
    assert _Named(("time", "pitch")).axis_names == ("time", "pitch")
    with pytest.raises(DataError, match=r"events of shape \(5, 6\), got 'time'"):
        _ = _Named(("time",)).axis_names
