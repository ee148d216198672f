"""Titles neither overlap nor leave their figure, whatever the shapes, the numbers and the columns."""

from __future__ import annotations

import itertools

import pytest
import torch

from tensorar import Evidence, Order, region
from tensorar.plotting import event_grid, inpainting, order_masks, side_by_side, uncertainty
from tensorar.plotting.titles import caption_of, panel_titles

LONG = "a title that is longer than its picture is wide"


def _completions(shape, events, completions):
    x = torch.rand(events, *shape)
    known = region("left half", shape).expand(events, *shape)
    return inpainting(x, Evidence(known, x), torch.rand(events, completions, *shape))


def _uncertainty(shape, events):
    known = region("left half", shape).expand(events, *shape)
    return uncertainty(
        Evidence(known, torch.rand(events, *shape)), torch.rand(events, *shape), label="standard deviation"
    )


FIGURES = {
    "few completions": lambda: _completions((6, 6, 3), 2, 2),
    "many rows": lambda: _completions((4, 4), 14, 6),
    "many columns": lambda: _completions((4, 3), 1, 10),
    "long curves": lambda: _completions((9,), 1, 5),
    "narrow": lambda: event_grid(torch.rand(1, 40, 4), title=LONG),
    "columns": lambda: event_grid(torch.rand(7, 4, 4), title=LONG, columns=7),
    "side by side": lambda: side_by_side({LONG: torch.rand(1, 30, 3), f"{LONG}, too": torch.rand(1, 30, 3)}),
    "tall order": lambda: order_masks(Order.raster((40, 3)), list(range(0, 120, 10))),
    "uncertainty": lambda: _uncertainty((20, 4), 6),
}


@pytest.mark.parametrize("name", FIGURES)
def test_titles_do_not_overlap(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    captions = [caption_of(part) for part in (figure, *figure.subfigs)]
    titles = [*panel_titles(figure), *(text for text in captions if text is not None)]
    assert titles
    boxes = [title.get_window_extent() for title in titles]
    assert all(box.x0 >= figure.bbox.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_titles_that_fit_stay_as_they_are():
    (axes,) = _completions((8, 8), 1, 2).axes
    assert [text.get_text() for text in axes.texts] == ["original", "evidence", "completion 1", "completion 2"]
