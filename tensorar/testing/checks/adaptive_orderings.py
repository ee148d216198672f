"""Properties of adaptive orderings: ``next`` is a function of what is known and predicted, among the unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Normal

from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.ordering import Ordering
from tensorar.testing.checks.orderings import some_taken
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.random_state import seed_everything
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.utils.shapes import flatten_events

BATCH = 8
# distributions from three numbers per coefficient
FAMILIES: tuple[Callable[[Tensor], Distribution], ...] = (
    lambda numbers: Categorical(logits=numbers),
    lambda numbers: Bernoulli(logits=numbers[..., 0]),
    lambda numbers: Normal(numbers[..., 0], numbers[..., 1].exp()),
)


def _is_adaptive(part: type[Ordering]) -> bool:
    return part.adaptive


@check("ordering", when=_is_adaptive)
def chooses_unknown_coefficients(part: PartUnderTest) -> None:
    """``next`` returns the flat index of an unknown coefficient for each example."""
    if part.instance.fixed or part.instance.ensemble:
        raise CheckFailed("an adaptive ordering takes different orders, so fixed and ensemble must be False")
    for shape, evidence, numbers in _situations(part):
        index = _next(part.instance, evidence, numbers, shape)
        known = flatten_events(evidence.mask)
        if tuple(index.shape) != (BATCH,) or index.dtype != torch.long:
            raise CheckFailed(f"expected {BATCH} indices, got {index.dtype} of shape {tuple(index.shape)}")
        if ((index < 0) | (index >= known.shape[1])).any() or known.gather(1, index.unsqueeze(1)).any():
            raise CheckFailed(f"a coefficient that is known, or none at all, is chosen (shape {shape})")


@check("ordering", when=_is_adaptive)
def choices_are_deterministic(part: PartUnderTest) -> None:
    """``next`` depends on an example's evidence and predictions alone: not on random states, nor on other examples.

    What is predicted for a known coefficient does not matter either.
    """
    for shape, evidence, numbers in _situations(part):
        seed_everything(1)
        first = _next(part.instance, evidence, numbers, shape)
        seed_everything(2)
        if not torch.equal(_next(part.make(), evidence, numbers, shape), first):
            raise CheckFailed(f"the same predictions lead to another choice (shape {shape})")
        each = [_next(part.instance, evidence[k : k + 1], numbers[k : k + 1], shape) for k in range(BATCH)]
        if not torch.equal(torch.cat(each), first):
            raise CheckFailed(f"an example alone is visited elsewhere than among others (shape {shape})")
        others = torch.where(evidence.mask.unsqueeze(-1), numbers.flip(-1) - 1.0, numbers)
        if not torch.equal(_next(part.instance, evidence, others, shape), first):
            raise CheckFailed(f"a choice depends on what is predicted for a known coefficient (shape {shape})")


@check("ordering", when=_is_adaptive)
def ties_go_to_the_lowest_index(part: PartUnderTest) -> None:
    """Where the predictions are the same for all unknown coefficients, the first of them is chosen."""
    for shape, evidence, numbers in _situations(part):
        first = (~flatten_events(evidence.mask)).int().argmax(1)
        alike = numbers.flatten(0, -2)[0].expand(numbers.shape)
        if not torch.equal(_next(part.instance, evidence, alike, shape), first):
            raise CheckFailed(f"of equal predictions, not the one of the lowest index is chosen (shape {shape})")


# --- helpers ---------------------------------------------------------------------------------------------------------


def choices(ordering: Ordering, shape: Shape) -> list[int]:
    """The choices of an adaptive ordering in a few situations, to compare options and processes."""
    return [int(index) for evidence, numbers in _drawn(shape) for index in _next(ordering, evidence, numbers, shape)]


def _situations(part: PartUnderTest) -> Iterator[tuple[Shape, Evidence, Tensor]]:
    for shape in some_taken(part):
        for evidence, numbers in _drawn(shape):
            yield shape, evidence, numbers


def _drawn(shape: Shape) -> list[tuple[Evidence, Tensor]]:
    """Evidence with an unknown coefficient in each of a batch of examples, and numbers that make distributions."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for share in (0.0, 0.4, 0.8):
        mask = torch.rand(BATCH, *shape, generator=generator) < share
        flatten_events(mask)[:, -1] = False
        value = torch.randint(2, mask.shape, generator=generator).double()
        numbers = torch.randn(*mask.shape, 3, generator=generator, dtype=torch.float64)
        found.append((Evidence(mask, value), numbers))
    return found


def _next(ordering: Ordering, evidence: Evidence, numbers: Tensor, shape: Shape) -> Tensor:
    """The choice for the first family of distributions that the ordering takes. Raises ``CheckSkipped`` for none."""
    for family in FAMILIES:
        try:
            return ordering.next(evidence, family(numbers))
        except SpecError:
            continue
    raise CheckSkipped("neither categories, bits nor normal distributions are taken")
