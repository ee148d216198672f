from __future__ import annotations

import math

import pytest

from tensorar.plotting import training_curve
from tests.plotting.figure_helpers import draw


def test_rows_become_curves_above_the_entropy():
    rows = [
        {"step": 0, "train_nats": 9.0, "valid_nats": None},
        {"step": 10, "train_nats": 5.0, "valid_nats": 6.0},
        {"step": 20, "train_nats": math.nan},
    ]
    (axes,) = draw(training_curve(rows, entropy=4.0)).axes
    training, validation, best, entropy = axes.lines
    assert training.get_xydata().tolist() == [[0, 9], [10, 5]]
    assert validation.get_xydata().tolist() == [[10, 6]]
    assert set(best.get_xdata()) == {10}
    assert set(entropy.get_ydata()) == {4.0}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "nats per event")


@pytest.mark.parametrize("rows", [[], [{"step": 3, "train_nats": 2.0}], [{"step": 3, "other": 2.0}]])
def test_few_rows(rows):
    draw(training_curve(rows))
