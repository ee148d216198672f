"""Finding and reporting leaks: conditionals that change with a coefficient they must not depend on."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.generate.cases import Case
from tensorar.testing.results import CheckFailed
from tensorar.utils.shapes import flatten_events

# sums of the same terms in another order may differ in their last bits, a leak in the first ones
TOLERANCE = 1e-10


def require_no_leak(model: AutoregressiveModel, case: Case, when: str = "") -> None:
    """Raise ``CheckFailed`` if changing a coefficient, alone or with all after it, changes a conditional up to it."""
    x, context, order = case.events(1), case.contexts(1), model.order
    other, at = other_values(case, x), torch.arange(len(order)).reshape(-1, *[1] * len(case.event_shape))
    one_changed = torch.where(order.rank == at, other, x)
    rest_changed = torch.where(order.rank >= at, other, x)
    events = torch.cat([x, one_changed, rest_changed])
    contexts = None if context is None else context.expand(len(events), -1)
    results = _results(model, events, contexts)
    rank, n = order.rank.flatten(), len(order)
    # one at a time first, so that the message names a single pair of coefficients
    for first, what in ((1, "changed"), (1 + n, "and all after it changed")):
        for t, visited in enumerate(order.visits.tolist()):
            wrong = differ(results[0], results[first + t]) & (rank <= t)
            if wrong.any():
                raise leak(order, first_visited(order, wrong), visited, f"{what}{' ' + when if when else ''}")


def _results(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Tensor:
    parameters = all_conditionals(model.backbone, model.features(model.standardize(events)), model.order, contexts)
    return parameters.detach().reshape(len(events), len(model.order), -1)


def results_with_same_noise(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Tensor:
    """Parameters ``(batch, N, P)``, with torch seeded before."""
    torch.manual_seed(0)
    return _results(model, events, contexts)


def other_values(case: Case, x: Tensor) -> Tensor:
    """Change every coefficient to another value of the support."""
    levels = case.head.parameter_count if case.head.parameter_count > 1 else 2
    return (x + 1) % levels


def differ(one: Tensor, other: Tensor) -> Tensor:
    """Whether a parameter of a coefficient differs by more than rounding, or is NaN in only one of the results."""
    apart = (one - other).abs() > TOLERANCE + TOLERANCE * one.abs()
    return (apart | (one.isnan() != other.isnan())).any(-1)


def first_visited(order: Order, wrong: Tensor) -> int:
    """The coefficient visited first among those marked as wrong."""
    return int(torch.where(flatten_events(wrong[None])[0], order.rank.flatten(), len(order)).argmin())


def leak(order: Order, dependent: int, source: int, event: str) -> CheckFailed:
    """The error for a conditional that changed when the value of another coefficient did."""
    return CheckFailed(f"{conditional_of(order, dependent)} changed when {visited_coefficient(order, source)}, {event}")


def conditional_of(order: Order, coefficient: int) -> str:
    """Name a conditional in a message."""
    return f"the conditional of {visited_coefficient(order, coefficient)},"


def visited_coefficient(order: Order, coefficient: int) -> str:
    """Name a coefficient (flat index) by its index and step."""
    index = tuple(int(i) for i in torch.unravel_index(torch.tensor(coefficient), order.event_shape))
    return f"coefficient {index}, visited at step {int(order.rank.flatten()[coefficient])}"
