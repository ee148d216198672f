"""Finding and reporting leaks: conditionals that change with a coefficient they must not depend on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tensorar.dependencies import dependency_matrix
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.generate.cases import Case
from tensorar.testing.oracles import parameters_of
from tensorar.testing.results import CheckFailed
from tensorar.utils.random_state import seed_all
from tensorar.utils.shapes import flatten_events

# sums of the same terms in another order may differ in their last bits, a leak in the first ones; a convolution by FFT
# rounds all results by as much as the largest one
TOLERANCE = 1e-10
# derivatives below this share of the largest one are rounding, too
GRADIENT_TOLERANCE = 1e-12


def require_no_leak(model: AutoregressiveModel, case: Case, when: str = "", steps: Sequence[int] | None = None) -> None:
    """Raise ``CheckFailed`` if changing a coefficient, alone or with all after it, changes a conditional up to it.

    At these steps (None: at all).
    """
    x, context, order = case.events(1), case.contexts(1), model.order
    steps = range(len(order)) if steps is None else steps
    other, at = other_values(case, x), torch.tensor(steps).reshape(-1, *[1] * len(case.event_shape))
    one_changed = torch.where(order.rank == at, other, x)
    rest_changed = torch.where(order.rank >= at, other, x)
    events = torch.cat([x, one_changed, rest_changed])
    contexts = None if context is None else context.expand(len(events), -1)
    results = parameters_of(model, events, contexts).detach()
    rank = order.rank.flatten()
    # one at a time first, so that the message names a single pair of coefficients
    for first, what in ((1, "changed"), (1 + len(steps), "and all after it changed")):
        for k, t in enumerate(steps):
            wrong = differ(results[0], results[first + k]) & (rank <= t)
            if wrong.any():
                happened = f"{what}{' ' + when if when else ''}"
                raise leak(order, first_visited(order, wrong), int(order.visits[t]), happened)


def dependencies(model: AutoregressiveModel, case: Case) -> Tensor:
    """Whether conditional ``i`` (row) depends on coefficient ``j`` (column): by a derivative, or by its values.

    A network that looks up values in a table has no derivative with respect to them.
    """
    x, n = case.events(1), len(model.order)
    at = torch.arange(n).reshape(-1, *[1] * len(case.event_shape))
    changed = torch.where(at == torch.arange(n).reshape(case.event_shape), other_values(case, x), x)
    contexts = case.contexts(1)
    contexts = None if contexts is None else contexts.expand(n + 1, -1)
    results = parameters_of(model, torch.cat([x, changed]), contexts).detach()
    by_value = GRADIENT_TOLERANCE * results.abs().max() < (results[1:] - results[:1]).abs().amax(-1).T
    return dependency_matrix(model, case.events(3), case.contexts(3)) | by_value


def results_with_same_noise(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Tensor:
    """Parameters ``(batch, N, P)``, with torch seeded before."""
    seed_all(0)
    return parameters_of(model, events, contexts).detach()


def other_values(case: Case, x: Tensor) -> Tensor:
    """Change every coefficient to another value of the support."""
    levels = case.head.parameter_count if case.head.parameter_count > 1 else 2
    return (x + 1) % levels


def differ(one: Tensor, other: Tensor) -> Tensor:
    """Whether a parameter of a coefficient differs by more than rounding, or is NaN in only one of the results."""
    largest = one.nan_to_num().abs().amax() if one.numel() else 0.0
    apart = (one - other).abs() > TOLERANCE + TOLERANCE * largest
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
    index = tuple(int(i) for i in np.unravel_index(coefficient, order.event_shape))
    return f"coefficient {index}, visited at step {int(order.rank.flatten()[coefficient])}"
