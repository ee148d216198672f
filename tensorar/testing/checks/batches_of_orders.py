"""Properties of the orders that are drawn for a whole batch at once."""

from __future__ import annotations

import math
from collections import Counter

import torch
from torch import Tensor

from tensorar.ordering import Ordering
from tensorar.testing.checks.orderings import require_permutation, some_taken
from tensorar.testing.kinds import Shape
from tensorar.testing.oracles import SIGNIFICANCE
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import seed_everything
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed
from tensorar.testing.statistics import p_value_of_counts, p_value_of_means

BATCH = 20
# all permutations of so many coefficients are counted
MAX_COUNTED = 4


@check("ordering")
def ranks_are_drawn_as_orders(part: PartUnderTest) -> None:
    """``draw_ranks`` gives a permutation for each example, determined by the generator and distributed as ``draw``.

    Two-sample tests with significance 1e-4: each permutation of up to 4 coefficients, the mean step of each of more.
    """
    ordering = part.instance
    for shape in some_taken(part):
        for rank in _ranks(ordering, shape, BATCH, 0):
            require_permutation(rank, shape)
        if ordering.fixed:
            _require_the_order(ordering, shape)
        elif type(ordering).draw_ranks is not Ordering.draw_ranks:
            _require_follows(ordering, shape)
            _require_same_distribution(ordering, shape, part.profile.draws // 4)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _ranks(ordering: Ordering, shape: Shape, batch: int, seed: int) -> Tensor:
    ranks = ordering.draw_ranks(shape, batch, torch.Generator().manual_seed(seed))
    if tuple(ranks.shape) != (batch, math.prod(shape)):
        raise CheckFailed(f"expected ranks of shape {(batch, math.prod(shape))}, got {tuple(ranks.shape)}")
    return ranks


def _require_the_order(ordering: Ordering, shape: Shape) -> None:
    if not bool((_ranks(ordering, shape, BATCH, 0) == ordering.order(shape).rank.flatten()).all()):
        raise CheckFailed(f"other ranks than those of order, although fixed is True (shape {shape})")


def _require_follows(ordering: Ordering, shape: Shape) -> None:
    seed_everything(0)
    first = _ranks(ordering, shape, BATCH, 3)
    seed_everything(1)
    if not torch.equal(_ranks(ordering, shape, BATCH, 3), first):
        raise CheckFailed(f"the same generator state draws other ranks (shape {shape})")
    if math.prod(shape) > MAX_COUNTED and torch.equal(_ranks(ordering, shape, BATCH, 4), first):
        raise CheckFailed(f"another generator state draws the same ranks (shape {shape})")


def _require_same_distribution(ordering: Ordering, shape: Shape, draws: int) -> None:
    generator = torch.Generator().manual_seed(0)
    single = torch.stack([ordering.draw(shape, generator).rank.flatten() for _ in range(draws)])
    # several batches, whose examples may depend on each other
    together = torch.cat([ordering.draw_ranks(shape, BATCH, generator) for _ in range(draws // BATCH)])
    if single.shape[1] <= MAX_COUNTED:
        if _p_of_permutations(single, together) < SIGNIFICANCE:
            raise CheckFailed(f"draw_ranks draws permutations with other frequencies than draw (shape {shape})")
        return
    p_values = [p_value_of_means(one, other) for one, other in zip(single.T, together.T, strict=True)]
    if min(p_values) < SIGNIFICANCE / len(p_values):
        coefficient = p_values.index(min(p_values))
        raise CheckFailed(
            f"the mean step of coefficient {coefficient} is {float(together[:, coefficient].double().mean()):.3f} by "
            f"draw_ranks, {float(single[:, coefficient].double().mean()):.3f} by draw (shape {shape})"
        )


def _p_of_permutations(one: Tensor, other: Tensor) -> float:
    counts = [Counter(map(tuple, ranks.tolist())) for ranks in (one, other)]
    permutations = sorted(counts[0] | counts[1])
    return p_value_of_counts(*(torch.tensor([count[rank] for rank in permutations]) for count in counts))
