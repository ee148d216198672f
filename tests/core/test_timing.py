"""What takes long is not believed after one timing: the first one of a size, or one beside other work, takes longer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorar.utils.timing import least_seconds, seconds_of_all

BUDGET = 2.0


class Clock:
    """Timings of things that take ``overhead + each * count`` seconds, the first one of every count so much longer."""

    def __init__(self, overhead, each, held_up):
        self.overhead, self.each, self.held_up = overhead, each, held_up
        self.made = []

    def really(self, count):
        return self.overhead + self.each * count

    def __call__(self, count):
        first = count not in self.made
        self.made.append(count)
        return self.really(count) + (self.held_up if first and count > 1 else 0.0)

    def estimated(self, count):
        tried = min(count, 8)
        one, some = self(1), self(tried)
        return seconds_of_all(self, count, one=one, tried=tried, some=some, budget=BUDGET)


@given(
    overhead=st.floats(1e-4, 5),
    each=st.floats(1e-6, 5),
    held_up=st.floats(0, 10),
    count=st.integers(1, 5000),
)
def test_a_first_timing_that_took_longer_changes_nothing(overhead, each, held_up, count):
    clock = Clock(overhead, each, held_up)
    truth = clock.really(count)
    slow = clock.really(min(count, 8)) > BUDGET / 2 and count < 16
    assert truth * 0.99 < clock.estimated(count) < truth * 1.01 + (held_up if slow else 0)


def test_what_was_held_up_thirty_times_as_long():
    # a network of 5 ms, 8 events of it in a cold process 0.4 s: 128 took 6.4 s by that one timing
    clock = Clock(0.005, 0.0001, 0.4)
    assert clock.estimated(128) == pytest.approx(clock.really(128))


@given(each=st.floats(BUDGET / 8, 100), count=st.integers(1, 500))
def test_a_step_that_is_slow_is_tried_once(each, count):
    clock = Clock(0.0, each, 0.0)
    assert clock.estimated(count) == pytest.approx(each * count)
    assert sum(clock.really(n) for n in clock.made) <= 3 * max(BUDGET, clock.really(min(count, 8)))
    assert clock.made.count(count) < 2 or each * count <= BUDGET or count == 1


@given(overhead=st.floats(0, 0.01), each=st.floats(1e-6, 1e-4))
def test_a_step_that_is_fast_is_begun_at_once(overhead, each):
    clock = Clock(overhead, each, 0.0)
    clock.estimated(128)
    assert sum(n > 8 for n in clock.made) <= 3
    assert len(clock.made) <= 5


def test_the_least_of_timings():
    for timings, least in (([5.0, 1.0], 1.0), ([5.0, 4.0, 1.0], 1.0), ([1.0, 1.5], 1.0), ([3.0, 4.0, 5.0], 3.0)):
        left = iter(timings)
        assert least_seconds(lambda left=left: next(left), enough=2.0) == least
        assert not list(left)
