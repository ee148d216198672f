"""Candidate steppers: what may come next under an adaptive order, against the forward pass."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone
from tensorar.conditionals import all_conditionals
from tensorar.generation.candidates import takes_adaptive_orders
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.stepper import CandidateStepper
from tensorar.testing.checks.comparison import require_same
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import cases_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check

BATCH = 3


def _has_candidates(part: type[Backbone]) -> bool:
    return issubclass(part, CausalBackbone) and takes_adaptive_orders(part)


@check("backbone", when=_has_candidates)
def candidates_are_the_forward_pass(part: PartUnderTest) -> None:
    """At every step each unknown coefficient has the parameters of a forward pass that visits it next.

    Each example follows an order of its own; some steps are skipped, the examples are selected, and all is repeated
    after ``reset``.
    """

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(BATCH), case.contexts(BATCH)
        generator = torch.Generator().manual_seed(case.seed)
        visits = torch.rand(BATCH, len(model.order), generator=generator).argsort(1)
        assert isinstance(model.backbone, CausalBackbone)
        stepper = model.backbone.candidate_stepper(model.order, BATCH, context)
        assert stepper is not None
        for _ in range(2):
            _walk(model, stepper, x, visits, context)
            rows = torch.tensor([2, 0, 2, 1][: 2 + case.seed % 3]) % len(x)
            stepper.select(rows)
            x, visits, context = x[rows], visits[rows], None if context is None else context[rows]
            stepper.reset()

    for_all(cases_of(part, max_coefficients=5, varying=True), test, examples=max(4, part.profile.examples // 4))


# --- helpers ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _walk(
    model: AutoregressiveModel, stepper: CandidateStepper, x: Tensor, visits: Tensor, context: Tensor | None
) -> None:
    """Compare the parameters at every other step, and select the examples in between."""
    features = model.features(model.standardize(x)).reshape(len(x), -1, model.head.feature_count)
    rows = torch.arange(len(x))
    for t in range(visits.shape[1]):
        last = None if t == 0 else features[rows, visits[:, t - 1]]
        if t % 2:
            stepper.skip(last)
        else:
            _compare(model, stepper.step(last), x, visits, t, context)
        if t == 1:
            stepper.select(rows)
        stepper.visit(visits[:, t])


def _compare(
    model: AutoregressiveModel, found: Tensor, x: Tensor, visits: Tensor, t: int, context: Tensor | None
) -> None:
    for row, order in enumerate(visits.tolist()):
        for i in order[t:]:
            next_first = [*order[:t], i, *(j for j in order[t:] if j != i)]
            given = None if context is None else context[row : row + 1]
            of_one = Order(torch.tensor(next_first), model.event_shape)
            features = model.features(model.standardize(x[row : row + 1]))
            expected = all_conditionals(model.backbone, features, of_one, given)
            require_same(
                found[row, i], expected.reshape(-1, expected.shape[-1])[i], f"the candidates differ at step {t}"
            )
