"""What an ordering that varies must be: random by its generator alone, as its declarations say."""

from __future__ import annotations

import math
from collections import Counter

import torch

from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.testing.check import LEVEL, CheckFailed, random_state
from tensorar.testing.checks.orderings import require_permutation, some_taken, visits_of
from tensorar.testing.generate.cases import Shape, Subject
from tensorar.testing.oracles import p_value


def leaves_the_global_random_state_alone(subject: Subject) -> None:
    """Torch's global random state does not change where a generator is given."""
    ordering = subject.make()
    for shape in some_taken(ordering, subject):
        before = random_state()
        ordering.visits(shape)
        ordering.orders(shape)
        ordering.draw(shape, torch.Generator())
        if not torch.equal(torch.get_rng_state(), before):
            raise CheckFailed(f"a draw with a generator changes the global random state (shape {shape})")


def draws_follow_the_generator(subject: Subject) -> None:
    """The same generator state draws the same orders, another one others; each draw moves the generator on."""
    ordering = subject.make()
    if ordering.fixed:
        return
    for shape in [shape for shape in some_taken(ordering, subject) if math.prod(shape) > 4]:

        def draw(seed: int, shape: Shape = shape) -> list[Order]:
            generator = torch.Generator().manual_seed(seed)
            return [ordering.draw(shape, generator) for _ in range(20)]

        torch.manual_seed(0)
        first = draw(3)
        torch.manual_seed(1)
        if draw(3) != first:
            raise CheckFailed(f"the same generator state draws other orders (shape {shape})")
        if len(set(first)) == 1:
            raise CheckFailed(f"20 draws give one and the same order though fixed is False (shape {shape})")
        if draw(4) == first:
            raise CheckFailed(f"another generator state draws the same orders (shape {shape})")


def lists_its_orders(subject: Subject) -> None:
    """``orders`` begins with that of ``order``; of an ensemble it lists each once, and these are what is drawn."""
    ordering = subject.make()
    if ordering.ensemble and ordering.fixed:
        raise CheckFailed("an ensemble draws one of several orders: fixed must be False")
    for shape in some_taken(ordering, subject):
        orders, own = ordering.orders(shape), ordering.order(shape)
        if (ordering.fixed and orders != (own,)) or (ordering.ensemble and (not orders or orders[0] != own)):
            raise CheckFailed(f"orders does not begin with the order of visits (shape {shape})")
        if len(set(orders)) != len(orders):
            raise CheckFailed(f"orders lists an order twice (shape {shape})")
        _require_drawn_alike(subject, ordering, shape, orders)


def uniform_as_declared(subject: Subject) -> None:
    """With ``uniform`` every permutation is drawn as often as any other (chi-square test at the level 1e-4)."""
    ordering = subject.make()
    if not ordering.uniform:
        return
    for shape in [s for s in ((3,), (2, 2), (1, 3, 1)) if visits_of(ordering, s) is not None]:
        generator, n = torch.Generator().manual_seed(0), math.prod(shape)
        drawn = Counter(tuple(ordering.draw(shape, generator).visits.tolist()) for _ in range(subject.profile.draws))
        cells = math.factorial(n)
        counts = torch.tensor([*drawn.values(), *[0] * (cells - len(drawn))])
        if p_value(counts, torch.full((cells,), 1 / cells)) < LEVEL:
            most, least = int(counts.max()), int(counts.min())
            raise CheckFailed(f"of {cells} permutations one is drawn {most} times, another {least} (shape {shape})")


# --- what the checks share -------------------------------------------------------------------------------------------


def _require_drawn_alike(subject: Subject, ordering: Ordering, shape: Shape, orders: tuple[Order, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    if ordering.ensemble and len(orders) > 1:
        drawn = Counter(ordering.draw(shape, generator) for _ in range(subject.profile.draws // 16))
        if not set(drawn) <= set(orders):
            raise CheckFailed(f"an order is drawn that orders does not list (shape {shape})")
        counts = torch.tensor([drawn[order] for order in orders])
        if p_value(counts, torch.full((len(orders),), 1 / len(orders))) < LEVEL:
            raise CheckFailed(f"the orders are drawn {counts.tolist()} times, not alike (shape {shape})")
    elif not ordering.fixed:
        for _ in range(5):
            require_permutation(ordering.draw(shape, generator).visits, shape)
