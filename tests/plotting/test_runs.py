"""Pictures of what runs do: confusion matrices, rows of classes, receptive fields."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorar import Order, ShapeError
from tensorar.plotting import class_rows, confusion_matrix, receptive_field
from tensorar.plotting.style import BLUE, ORANGE, RED
from tests.plotting.figure_helpers import draw


def test_a_confusion_matrix_has_shares_of_rows_and_counts():
    figure = draw(confusion_matrix(torch.tensor([[3, 1], [0, 2]]), ["$a", "a name that is far too long to be written"]))
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert sorted(text.get_text() for text in axes.texts) == ["1", "2", "3"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$a", "a name that is …"]


def test_many_classes_have_a_picture_without_numbers():
    assert not draw(confusion_matrix(torch.eye(120).long(), [str(k) for k in range(120)])).axes[0].texts


@pytest.mark.parametrize("shape", [(), (5,), (4, 4), (3, 4, 4), (2, 3, 4)])
def test_rows_of_classes_of_any_shape(shape):
    figure = draw(class_rows({"first": torch.rand(3, *shape), "second": torch.rand(3, *shape)}))
    names = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    titles = [panel._suptitle.get_text() for panel in figure.subfigs]
    assert {"first", "second"} <= {*names, *titles}


@pytest.mark.parametrize("classes", [{}, {"a": torch.rand(2, 3), "b": torch.rand(1, 3)}, {"a": torch.rand(0, 3)}])
def test_rows_need_equally_many_events(classes):
    with pytest.raises(ShapeError):
        class_rows(classes)


def test_a_receptive_field_tells_seen_from_blind():
    seen = torch.tensor([[False, True, False], [False, False, False]])
    figure = draw(receptive_field(Order.raster((2, 3)), 4, seen, torch.rand(2, 3)))
    from matplotlib.colors import to_rgb

    cells = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(cells[0], [to_rgb(ORANGE), to_rgb(BLUE), to_rgb(ORANGE)])
    np.testing.assert_allclose(cells[1, :2], [to_rgb(ORANGE), to_rgb(RED)])
    heat = figure.axes[1].images[0].get_array()
    assert heat.mask.tolist() == [[False] * 3, [False, True, True]]


@pytest.mark.parametrize("shape", [(), (7,), (3, 4, 4), (2, 3, 4)])
def test_receptive_fields_of_any_shape(shape):
    order = Order.raster(shape)
    draw(receptive_field(order, len(order) - 1, torch.ones(shape, dtype=torch.bool)))
    with pytest.raises(ShapeError):
        receptive_field(order, 0, torch.ones(9, 9, dtype=torch.bool))
