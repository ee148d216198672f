"""Steps after a series: windows begin where those of the data do, and each is given the end of what comes before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar.series import TimeSeries
from tensorar.workflows.continuation import Continuation, window_start
from tensorar_plugins.datasets.time_axis import ROWS

SIZES = st.integers(1, 12).flatmap(lambda window: st.tuples(st.just(window), st.integers(1, window)))


@given(sizes=SIZES, first=st.integers(0, 11), length=st.integers(1, 40), wanted=st.integers(1, 40))
def test_the_window_is_the_one_of_the_longest_past_with_room(sizes, first, length, wanted):
    window, alignment = sizes
    first, end = first % alignment, first % alignment + length
    start = window_start(first, end, wanted, window, alignment)
    multiples = range(0, end + 1, alignment)
    roomy = [k for k in multiples if window - (end - k) >= min(wanted, window - window // 2)]
    assert start in (roomy or multiples[-1:])
    assert start == min((k for k in roomy if k >= first), default=multiples[-1])


@dataclass
class Clock:
    """Completes windows with the time since they begin, modulo ``alignment``, and counts on from what it is given."""

    window: int
    frame: tuple[int, ...]

    def __call__(self, evidence, first_step):
        assert first_step % self.window == 0
        mask, value = evidence.mask, evidence.value
        counted = torch.arange(self.window, dtype=torch.float64)
        counted = counted.reshape(1, -1, *[1] * len(self.frame)).expand(mask.shape)
        return torch.where(mask, value, counted)


@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize("length", [1, 5, 9, 40])
@pytest.mark.parametrize("frame", [(), (2,)])
def test_what_is_drawn_has_its_place_in_the_window(start, length, frame):
    """In windows of eight hours that begin at hour zero, whatever the series begins with, the hours go on."""
    hours = (start + torch.arange(length + 30)) % 8
    values = hours.double().reshape(-1, *[1] * len(frame)).expand(-1, *frame)
    past = TimeSeries(values[:length], ROWS, ("hour",) * 2, start)
    drawing = Continuation(past, 8, 8, Clock(8, frame), lambda done, total: None)
    drawn = drawing.draw(3, 30)
    assert drawn.shape == (3, 30, *frame)
    assert torch.equal(drawn, values[length:].expand(3, 30, *frame))


def test_each_window_is_given_the_last_draws():
    """A sum of the two values before, over windows of six steps of which three are given."""
    given_steps = []

    def sums(evidence, first_step):
        values = evidence.value.clone()
        given_steps.append(evidence.counts.tolist())
        for k in range(2, 6):
            values[:, k] = torch.where(evidence.mask[:, k], values[:, k], values[:, k - 1] + values[:, k - 2])
        return values

    done = []
    past = TimeSeries(torch.tensor([1.0, 1, 2, 3, 5]), ROWS, ("x",))
    drawing = Continuation(past, 6, 1, sums, lambda steps, total: done.append((steps, total)))
    assert drawing.draw(2, 7).tolist() == [[8, 13, 21, 34, 55, 89, 144]] * 2
    assert given_steps == [[3, 3], [3, 3], [5, 5]]
    assert (drawing.windows, drawing.seen) == (3, 3)
    assert done == [(3, 7), (6, 7), (7, 7)]


def test_missing_values_of_the_past_are_drawn_once():
    def complete(evidence, first_step):
        return torch.where(evidence.mask, evidence.value, 7.0)

    past = TimeSeries(torch.tensor([1.0, torch.nan, 3.0]), ROWS, ("x",))
    drawing = Continuation(past, 4, 1, complete, lambda steps, total: None)
    assert drawing.draw(1, 6).tolist() == [[7.0] * 6]
