"""Properties of random orderings: determined by the generator, and distributed as declared."""

from __future__ import annotations

import math
from collections import Counter

import torch

from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.testing.checks.orderings import require_permutation, some_taken, visits_of
from tensorar.testing.kinds import Shape
from tensorar.testing.oracles import SIGNIFICANCE, p_value
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import unseeded_state
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped


@check("ordering")
def global_random_state_unchanged(part: PartUnderTest) -> None:
    """With a generator, torch's global random state does not change."""
    ordering = part.instance
    for shape in some_taken(ordering, part):
        before = unseeded_state()
        ordering.visits(shape)
        ordering.orders(shape)
        ordering.draw(shape, torch.Generator())
        if not torch.equal(torch.get_rng_state(), before):
            raise CheckFailed(f"a draw with a generator changes the global random state (shape {shape})")


@check("ordering")
def draws_follow_the_generator(part: PartUnderTest) -> None:
    """Equal generator states draw equal orders, different ones different orders; each draw advances the state."""
    ordering = part.instance
    if ordering.fixed:
        raise CheckSkipped("the ordering is fixed")
    shapes = [shape for shape in some_taken(ordering, part) if math.prod(shape) > 4]
    if not shapes:
        raise CheckSkipped("no shape with more than 4 coefficients is tried")
    for shape in shapes:

        def draw(seed: int, shape: Shape = shape) -> list[Order]:
            generator = torch.Generator().manual_seed(seed)
            return [ordering.draw(shape, generator) for _ in range(20)]

        torch.manual_seed(0)
        first = draw(3)
        torch.manual_seed(1)
        if draw(3) != first:
            raise CheckFailed(f"the same generator state draws other orders (shape {shape})")
        if len(set(first)) == 1:
            raise CheckFailed(f"20 draws give the same order although fixed is False (shape {shape})")
        if draw(4) == first:
            raise CheckFailed(f"another generator state draws the same orders (shape {shape})")


@check("ordering")
def lists_its_orders(part: PartUnderTest) -> None:
    """``orders`` begins with ``order``; an ensemble lists each order once, and draws them equally often."""
    ordering = part.instance
    if ordering.ensemble and ordering.fixed:
        raise CheckFailed("an ensemble draws from several orders, so fixed must be False")
    for shape in some_taken(ordering, part):
        orders, own = ordering.orders(shape), ordering.order(shape)
        if (ordering.fixed and orders != (own,)) or (ordering.ensemble and (not orders or orders[0] != own)):
            raise CheckFailed(f"orders does not begin with order (shape {shape})")
        if len(set(orders)) != len(orders):
            raise CheckFailed(f"orders lists an order twice (shape {shape})")
        _require_equally_likely(part, ordering, shape, orders)


@check("ordering")
def uniform_as_declared(part: PartUnderTest) -> None:
    """With ``uniform``, all permutations are equally likely (chi-square test, significance 1e-4)."""
    ordering = part.instance
    if not ordering.uniform:
        raise CheckSkipped("uniform is not declared")
    shapes = [s for s in ((3,), (2, 2), (1, 3, 1)) if visits_of(ordering, s) is not None]
    if not shapes:
        raise CheckSkipped("no shape of 3 or 4 coefficients is taken")
    for shape in shapes:
        generator, n = torch.Generator().manual_seed(0), math.prod(shape)
        drawn = Counter(tuple(ordering.draw(shape, generator).visits.tolist()) for _ in range(part.profile.draws))
        cells = math.factorial(n)
        counts = torch.tensor([*drawn.values(), *[0] * (cells - len(drawn))])
        if p_value(counts, torch.full((cells,), 1 / cells)) < SIGNIFICANCE:
            most, least = int(counts.max()), int(counts.min())
            raise CheckFailed(f"one of {cells} permutations is drawn {most} times, another {least} (shape {shape})")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_equally_likely(part: PartUnderTest, ordering: Ordering, shape: Shape, orders: tuple[Order, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    if ordering.ensemble and len(orders) > 1:
        drawn = Counter(ordering.draw(shape, generator) for _ in range(part.profile.draws // 16))
        if not set(drawn) <= set(orders):
            raise CheckFailed(f"an order is drawn that orders does not list (shape {shape})")
        counts = torch.tensor([drawn[order] for order in orders])
        if p_value(counts, torch.full((len(orders),), 1 / len(orders))) < SIGNIFICANCE:
            raise CheckFailed(f"the orders are drawn {counts.tolist()} times, not equally often (shape {shape})")
    elif not ordering.fixed:
        for _ in range(5):
            require_permutation(ordering.draw(shape, generator).visits, shape)
