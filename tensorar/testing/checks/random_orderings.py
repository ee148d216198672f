"""Properties of random orderings: determined by the generator, and distributed as declared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.testing.checks.orderings import require_permutation, some_taken, visits_of
from tensorar.testing.generate.many_shapes import SHAPES_OF_40
from tensorar.testing.kinds import Shape
from tensorar.testing.oracles import SIGNIFICANCE, p_value
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import seed_everything, unchanged_global_state
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

# draws of 40 coefficients in a test of positions and neighbors
DRAWS_OF_40 = 2000


@check("ordering")
def leaves_global_state_alone(part: PartUnderTest) -> None:
    """Making an ordering, its orders, and draws with a generator use no global generator and change no mode."""
    with unchanged_global_state("making an ordering"):
        ordering = part.make()
    for shape in some_taken(part):
        with unchanged_global_state(f"a draw with a generator (shape {shape})"):
            ordering.visits(shape)
            ordering.orders(shape)
            ordering.draw(shape, torch.Generator())


@check("ordering")
def draws_follow_the_generator(part: PartUnderTest) -> None:
    """Equal generator states draw equal orders, different ones different orders; each draw advances the state.

    Without a generator, draws follow torch's global state.
    """
    ordering = part.instance
    if ordering.fixed:
        raise CheckSkipped("the ordering is fixed")
    shapes = [shape for shape in some_taken(part) if math.prod(shape) > 4]
    if not shapes:
        raise CheckSkipped("no shape with more than 4 coefficients is tried")
    for shape in shapes:
        _require_follows("generator state", shape, partial(_draws, ordering, shape))
        _require_follows("global seed", shape, partial(_global_draws, ordering, shape))


@check("ordering")
def lists_its_orders(part: PartUnderTest) -> None:
    """``orders`` begins with ``order``; an ensemble lists each order once, and draws them equally often."""
    ordering = part.instance
    if ordering.ensemble and ordering.fixed:
        raise CheckFailed("an ensemble draws from several orders, so fixed must be False")
    for shape in some_taken(part):
        orders, own = ordering.orders(shape), ordering.order(shape)
        if (ordering.fixed and orders != (own,)) or (ordering.ensemble and (not orders or orders[0] != own)):
            raise CheckFailed(f"orders does not begin with order (shape {shape})")
        if len(set(orders)) != len(orders):
            raise CheckFailed(f"orders lists an order twice (shape {shape})")
        _require_drawn_as_listed(part, ordering, shape, orders)


@check("ordering")
def uniform_as_declared(part: PartUnderTest) -> None:
    """With ``uniform``, all permutations are equally likely (chi-square tests, significance 1e-4).

    Each permutation of 3 or 4 coefficients; for 40 the step of each coefficient, which coefficient follows another, and
    the correlation of successive draws.
    """
    ordering = part.instance
    if not ordering.uniform:
        raise CheckSkipped("uniform is not declared")
    few: tuple[Shape, ...] = ((3,), (2, 2), (1, 3, 1))
    shapes = [s for s in few if visits_of(ordering, s) is not None]
    large = [s for s in SHAPES_OF_40 if visits_of(ordering, s) is not None][:2]
    if not shapes + large:
        raise CheckSkipped("no shape of 3, 4 or 40 coefficients is taken")
    for shape in shapes:
        _require_each_permutation(part, ordering, shape)
    for shape in large:
        _require_uniform_positions(ordering, shape)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_follows(what: str, shape: Shape, draw: Callable[[int], list[Order]]) -> None:
    """Require that a seed determines draws, that these vary, and that another seed gives others."""
    seed_everything(0)
    first = draw(3)
    seed_everything(1)
    if draw(3) != first:
        raise CheckFailed(f"the same {what} draws other orders (shape {shape})")
    if len(set(first)) == 1:
        raise CheckFailed(f"20 draws give the same order although fixed is False (shape {shape})")
    if draw(4) == first:
        raise CheckFailed(f"another {what} draws the same orders (shape {shape})")


def _draws(ordering: Ordering, shape: Shape, seed: int) -> list[Order]:
    generator = torch.Generator().manual_seed(seed)
    return [ordering.draw(shape, generator) for _ in range(20)]


def _global_draws(ordering: Ordering, shape: Shape, seed: int) -> list[Order]:
    torch.default_generator.manual_seed(seed)
    return [ordering.draw(shape) for _ in range(20)]


def _require_drawn_as_listed(part: PartUnderTest, ordering: Ordering, shape: Shape, orders: tuple[Order, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    if ordering.ensemble and len(orders) > 1:
        draws = [ordering.draw(shape, generator) for _ in range(part.profile.draws // 16)]
        if not set(draws) <= set(orders):
            raise CheckFailed(f"an order is drawn that orders does not list (shape {shape})")
        index = {order: k for k, order in enumerate(orders)}
        drawn = torch.tensor([index[order] for order in draws])
        counts = drawn.bincount(minlength=len(orders))
        if _p_of_equal(counts) < SIGNIFICANCE:
            raise CheckFailed(f"the orders are drawn {counts.tolist()} times, not equally often (shape {shape})")
        if _p_of_equal(((drawn[1:] - drawn[:-1]) % len(orders)).bincount(minlength=len(orders))) < SIGNIFICANCE:
            raise CheckFailed(f"which order is drawn depends on the one drawn before (shape {shape})")
    elif not ordering.fixed:
        for _ in range(5):
            require_permutation(ordering.draw(shape, generator).visits, shape)


def _p_of_equal(counts: Tensor) -> float:
    """The p-value of counts if all cells are equally likely."""
    return p_value(counts, torch.full((len(counts),), 1 / len(counts)))


def _require_each_permutation(part: PartUnderTest, ordering: Ordering, shape: Shape) -> None:
    generator, cells = torch.Generator().manual_seed(0), math.factorial(math.prod(shape))
    drawn = Counter(tuple(ordering.draw(shape, generator).visits.tolist()) for _ in range(part.profile.draws))
    counts = torch.tensor([*drawn.values(), *[0] * (cells - len(drawn))])
    if _p_of_equal(counts) < SIGNIFICANCE:
        most, least = int(counts.max()), int(counts.min())
        raise CheckFailed(f"one of {cells} permutations is drawn {most} times, another {least} (shape {shape})")


def _require_uniform_positions(ordering: Ordering, shape: Shape) -> None:
    generator, n = torch.Generator().manual_seed(0), math.prod(shape)
    visits = torch.stack([ordering.draw(shape, generator).visits for _ in range(DRAWS_OF_40)])
    positions = torch.zeros(n, n, dtype=torch.long).index_put_(
        (torch.arange(n).expand_as(visits), visits), torch.tensor(1), accumulate=True
    )
    if _p_of_independence(positions) < SIGNIFICANCE:
        step, coefficient = divmod(int(positions.sub(DRAWS_OF_40 // n).abs().argmax()), n)
        raise CheckFailed(
            f"coefficient {coefficient} is visited at step {step} in {int(positions[step, coefficient])} of"
            f" {DRAWS_OF_40} draws, expected about {DRAWS_OF_40 // n} (shape {shape})"
        )
    distances = ((visits[:, 1:] - visits[:, :-1]) % n).flatten().bincount(minlength=n)[1:]
    if _p_of_equal(distances) < SIGNIFICANCE:
        raise CheckFailed(f"which coefficient is visited next depends on the last one (shape {shape})")
    steps = visits.argsort(1).double() - (n - 1) / 2
    correlation = (steps[1:] * steps[:-1]).sum(1).mean() / steps.square().sum(1).mean()
    # of two uniform permutations: mean 0, variance 1 / (n - 1)
    if math.erfc(abs(correlation) * math.sqrt((n - 1) * len(steps) / 2)) < SIGNIFICANCE:
        raise CheckFailed(f"successive draws are correlated (shape {shape})")


def _p_of_independence(counts: Tensor) -> float:
    """The p-value of a square table of counts whose rows and columns have the same fixed sums."""
    n = len(counts)
    expected = counts.sum() / n**2
    statistic = ((counts - expected) ** 2 / expected).sum() * (n - 1) / n
    freedom = torch.tensor((n - 1) ** 2 / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic.double() / 2))
