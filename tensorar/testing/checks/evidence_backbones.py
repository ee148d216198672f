"""Properties of backbones that return conditionals for any evidence."""

from __future__ import annotations

import math

import torch

from tensorar.conditionals import all_conditionals
from tensorar.testing.checks.comparison import describing, evidence_inputs, require_same
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.large_cases import large_cases
from tensorar.testing.generate.part_cases import cases_of, growing_cases
from tensorar.testing.kinds import is_evidential
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed


@check("backbone", when=is_evidential)
def queries_are_independent(part: PartUnderTest) -> None:
    """The result of a query does not depend on other queries of the same evidence."""

    def test(case: Case) -> None:
        model, n = case.model(), len(case.ordering.order(case.event_shape))
        features, mask, _, context = evidence_inputs(case, model, 3)
        query = torch.randint(n, (3, 4))
        together = model.backbone(features, mask, query, context)
        for q in range(4):
            alone = model.backbone(features, mask, query[:, q : q + 1], context)
            require_same(together[:, q : q + 1], alone, f"query {q} of 4 has another result alone")

    for_all(cases_of(part), test, examples=part.profile.examples)


@check("backbone", when=is_evidential)
def all_queries_are_independent(part: PartUnderTest) -> None:
    """In events of 40 coefficients, the results of all queries at once are those of one query at a time."""
    for case in large_cases(part, 40, context_features=2):
        model, n = case.model(), math.prod(case.event_shape)
        features, mask, _, context = evidence_inputs(case, model, 2)
        query = torch.stack([torch.arange(n), torch.randperm(n)])
        together = model.backbone(features, mask, query, context)
        rows = torch.arange(2).repeat_interleave(n)
        contexts = None if context is None else context[rows]
        alone = model.backbone(features[rows], mask[rows], query.reshape(-1, 1), contexts).reshape(together.shape)
        with describing(case):
            require_same(together, alone, "a query has another result with all others than alone")


@check("backbone", when=is_evidential)
def conditionals_are_the_queries(part: PartUnderTest) -> None:
    """All conditionals of complete events, which a network may compute at once, are those of its queries."""
    for case in large_cases(part, 40, context_features=2):
        model, x, context = case.model(), case.events(3), case.contexts(3)
        order, features = model.order, model.features(model.standardize(x))
        together = all_conditionals(model.backbone, features, order, context)
        mask = order.mask_before(torch.arange(len(order))).repeat(3, *[1] * len(case.event_shape))
        rows = torch.arange(3).repeat_interleave(len(order))
        known = torch.where(mask.unsqueeze(-1), features[rows], 0.0)
        query = order.visits.repeat(3).unsqueeze(1)
        alone = model.backbone(known, mask, query, None if context is None else context[rows])
        by_step = together.reshape(3, len(order), -1)[:, order.visits].flatten(0, 1)
        with describing(case):
            require_same(by_step, alone[:, 0], "conditionals gives another result than the queries")


@check("backbone", when=is_evidential)
def distinguishes_zero_from_unknown(part: PartUnderTest) -> None:
    """A coefficient known to be zero and an unknown one give different results."""
    for case in growing_cases(part, shapes=((2,), (4,), (2, 2), (2, 2, 2))):
        model, n = case.mild_model(), len(case.ordering.order(case.event_shape))
        mask = torch.zeros(2, *case.event_shape, dtype=torch.bool)
        mask.reshape(2, -1)[1, 0] = True
        features = torch.zeros(2, *case.event_shape, case.head.feature_count, dtype=torch.float64)
        unknown, zero = model.backbone(features, mask, torch.tensor([[n - 1], [n - 1]]), None)
        if torch.equal(unknown, zero):
            raise CheckFailed(f"an unknown coefficient and one known to be 0 give the same result ({case.description})")
