"""The checks of types and shapes, which other tests rely on: what they find, and when they are made."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import AutoregressiveModel
from tests.shape_checks import checked


@checked
def joined(a: Float[Tensor, "batch n"], b: Float[Tensor, "batch m"], keep: bool = True) -> Float[Tensor, "batch n+m"]:
    return torch.cat([a, b], 1) if keep else a


@checked
def rows(a: Float[Tensor, "batch n"]) -> Iterator[Tensor]:
    yield from a


@checked
@dataclass
class Pair:
    one: Float[Tensor, " n"]
    other: Float[Tensor, " n"]


A, B = torch.zeros(2, 3), torch.zeros(2, 4)
WRONG = {
    "an axis more": lambda: joined(A[None], B),
    "sizes that differ": lambda: joined(A, B[:1]),
    "another dtype": lambda: joined(A.long(), B),
    "another type": lambda: joined(A, B, keep=1),
    "a result of another shape": lambda: joined(A, B, keep=False),
    "the argument of a generator": lambda: list(rows(A[0])),
    "the fields of a dataclass": lambda: Pair(A[0], B[0]),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_found(call):
    with pytest.raises(Exception, match=r"violates|Type-check error"):
        call()


def test_right_calls_of_other_sizes_pass():
    assert joined(A, B).shape == (2, 7)
    assert joined(A[:1], B[:1, :2]).shape == (1, 5)
    assert len(list(rows(A))) == 2
    assert Pair(A[0], B[0, :3]).other.shape == (3,)


def test_a_method_of_the_library_is_checked():
    with pytest.raises(Exception, match=r"violates"):
        AutoregressiveModel.log_prob(None, "no tensor")


@pytest.mark.usefixtures("without_shape_checks")
def test_they_can_be_switched_off():
    assert joined(A, B[:, :2], keep=False) is A
    assert Pair(A, B).one is A
