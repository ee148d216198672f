"""The shape checks that tests run with find a wrong shape, among the first calls of a test."""

import jaxtyping
import pytest
import torch

from tensorar.utils.shapes import flatten_events
from tests.shape_checks import CALLS_PER_TEST


def test_a_wrong_shape_is_found():
    with pytest.raises(jaxtyping.TypeCheckError):
        flatten_events(torch.zeros(()))


def test_later_calls_of_a_test_are_not_checked():
    for _ in range(CALLS_PER_TEST):
        flatten_events(torch.zeros(2, 3))
    with pytest.raises(IndexError):  # of torch itself
        flatten_events(torch.zeros(()))


def test_the_next_test_is_checked_again():
    test_a_wrong_shape_is_found()
