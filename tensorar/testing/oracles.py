"""Brute-force references: slow, obvious, and independent of the code under test."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.support import bounds, support_values

# seeds are fixed, so a test of frequencies always passes or always fails; a correct part fails this rarely
SIGNIFICANCE = 1e-4


def levels_of(head: Head) -> int | None:
    """The number of values of a coefficient, from 0 on, or None for an infinite (or huge) support."""
    values = support_values(head)
    return None if values is None else int(values[-1]) + 1


def all_values(event_shape: tuple[int, ...], levels: int) -> Tensor:
    """All events of a shape: ``(levels ** N, *event)``."""
    rows = list(itertools.product(range(levels), repeat=math.prod(event_shape)))
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, *event_shape)


def event_count(head: Head, event_shape: tuple[int, ...]) -> int | None:
    """The number of events of a shape, or None if there are infinitely (or very) many."""
    values = [support_values(head, i) for i in range(math.prod(event_shape))]
    return None if any(v is None for v in values) else math.prod(len(v) for v in values if v is not None)


def all_events(head: Head, event_shape: tuple[int, ...]) -> Tensor:
    """All events of a shape that a head supports, in standard values: ``(count, *event)``."""
    values = [support_values(head, i) for i in range(math.prod(event_shape))]
    rows = list(itertools.product(*(v.tolist() for v in values if v is not None)))
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, *event_shape)


def joint(
    model: AutoregressiveModel, context: Tensor | None = None, order: Order | None = None
) -> tuple[Tensor, Tensor]:
    """All events ``(count, *event)``, and their probabilities ``(count,)`` under the model."""
    values = model.restore(all_events(model.head, model.event_shape))
    contexts = None if context is None else context.expand(len(values), -1)
    return values, model.log_prob(values, contexts, order=order).exp().detach()


def brute_conditional(values: Tensor, probability: Tensor, known: Tensor, x: Tensor, coefficient: int) -> Tensor:
    """``p(x[coefficient] = v | x[known])`` for each ``v``, as a ratio of sums over the enumerated joint."""
    flat, observed = values.reshape(len(values), -1), x.flatten()
    matches = (flat[:, known.flatten()] == observed[known.flatten()]).all(1)
    levels = int(values.max()) + 1
    masses = torch.stack([probability[matches & (flat[:, coefficient] == v)].sum() for v in range(levels)])
    return masses / masses.sum()


def parameters_of(model: AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> Tensor:
    """The head parameters of all conditionals, ``(batch, N, P)``."""
    parameters = all_conditionals(model.backbone, model.features(model.standardize(x)), model.order, context)
    return parameters.reshape(len(x), -1, parameters.shape[-1])


def p_value(observed: Tensor, probability: Tensor) -> float:
    """The p-value of Pearson's chi-square test of counts; cells with expected counts below 5 are pooled."""
    expected = probability * observed.sum()
    small = expected < 5
    if small.any():
        observed = torch.cat([observed[~small], observed[small].sum()[None]])
        expected = torch.cat([expected[~small], expected[small].sum()[None]])
    keep = expected > 0
    if observed[~keep].sum() > 0:
        return 0.0
    observed, expected = observed[keep].double(), expected[keep].double()
    statistic = ((observed - expected) ** 2 / expected).sum()
    freedom = torch.tensor(max(len(expected) - 1, 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2))


def points_and_weights(head: Head, reach: float = 80, step: float = 0.005) -> tuple[Tensor, Tensor]:
    """Points ``x(u)`` for ``u`` evenly from ``-reach`` to ``reach``, and ``x'(u) step``: the trapezoid rule in ``u``.

    ``x(u)`` maps the real line onto the support: ``sinh``, ``exp`` or ``sigmoid``. For a smooth integrand that vanishes
    at both ends, the error then decreases exponentially as the step is made smaller.
    """
    u = torch.arange(-reach, reach + step / 2, step, dtype=torch.float64)
    points, derivatives = _onto(head, u)
    # for large u, points close to a bound are rounded to it
    inside = head.support.check(points)
    return points[inside], derivatives[inside] * step


def _onto(head: Head, u: Tensor) -> tuple[Tensor, Tensor]:
    low, high = bounds(head)
    if low is None:
        return u.sinh(), u.cosh()
    if high is None:
        return low + u.exp(), u.exp()
    # a density may decrease slowly towards a bound
    u = 2.5 * u
    return low + (high - low) * u.sigmoid(), 2.5 * (high - low) * u.sigmoid() * (-u).sigmoid()
