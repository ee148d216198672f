"""Generation with an explicit state: the likelihood one coefficient at a time, also after selection and reset."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.errors import PluginError
from tensorar.generation import Generation
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.checks.comparison import require_same
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import cases_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckSkipped

BATCH = 3


@check("backbone", "model")
def generation_is_the_forward_pass(part: PartUnderTest) -> None:
    """The conditionals of ``model.generation`` add up to ``log_prob`` when the values of complete events are observed.

    In one order for the batch, and in an order per example if the ordering is random or an ensemble.
    """

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(BATCH), case.contexts(BATCH)
        for order in (None, _drawn_orders(case)):
            total = _observe(model.generation(BATCH, order=order, context=context), x)
            expected = _log_prob(model, x, context, order or [model.order] * BATCH)
            require_same(total, expected, "the conditionals do not add up to log_prob")

    for_all(cases_of(part, max_coefficients=6), test, examples=max(4, part.profile.examples // 2))


@check("backbone", "model")
def generation_selects_and_resets(part: PartUnderTest) -> None:
    """The same after ``select(rows)`` at any position, and again after ``reset``."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(BATCH), case.contexts(BATCH)
        orders = _drawn_orders(case) or [model.order] * BATCH
        state = model.generation(BATCH, order=orders, context=context)
        rows = torch.tensor([2, 0, 2, 2, 0][: 2 + case.seed % 4])
        t = case.seed % len(state)
        total = _observe(state, x, until=t)
        _select(state, rows)
        x, context = x[rows], None if context is None else context[rows]
        orders = [orders[row] for row in rows.tolist()]
        expected = _log_prob(model, x, context, orders)
        require_same(total[rows] + _observe(state, x), expected, f"the conditionals differ after select at {t}")
        state.reset()
        require_same(_observe(state, x), expected, "the conditionals differ after reset")

    for_all(cases_of(part, max_coefficients=6), test, examples=max(4, part.profile.examples // 2))


# --- helpers ---------------------------------------------------------------------------------------------------------


def _observe(state: Generation, x: Tensor, until: int | None = None) -> Tensor:
    """Observe the values of ``x`` up to a position (None: the end). Returns the sum of their log-probabilities."""
    flat, total = x.reshape(len(x), -1), torch.zeros(len(x), dtype=torch.float64)
    while state.position < (len(state) if until is None else until):
        value = flat.gather(1, torch.as_tensor(state.coefficient).expand(len(x)).unsqueeze(1))[:, 0]
        total = total + state.distribution().log_prob(value)
        state.observe(value)
    return total


def _select(state: Generation, rows: Tensor) -> None:
    try:
        state.select(rows)
    except PluginError as error:
        raise CheckSkipped("steppers without select cannot resample") from error


def _drawn_orders(case: Case) -> list[Order] | None:
    if case.ordering.fixed:
        return None
    generator = torch.Generator().manual_seed(case.seed)
    return [case.ordering.draw(case.event_shape, generator) for _ in range(BATCH)]


@torch.no_grad()
def _log_prob(model: AutoregressiveModel, x: Tensor, context: Tensor | None, orders: list[Order]) -> Tensor:
    """The log-likelihood of each event in its order."""
    contexts = [None] * len(x) if context is None else context.unsqueeze(1)
    events = zip(x.unsqueeze(1), contexts, orders, strict=True)
    return torch.cat([model.log_prob(one, given, order=order) for one, given, order in events])
