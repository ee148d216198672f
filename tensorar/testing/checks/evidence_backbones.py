"""What a network must be that answers queries given any evidence."""

from __future__ import annotations

import torch

from tensorar.testing.check import CheckFailed, for_all
from tensorar.testing.checks.comparison import evidence_inputs, require_same
from tensorar.testing.generate.cases import Case, Subject, backbone_cases, growing_cases


def queries_as_if_each_came_alone(subject: Subject) -> None:
    """Several queries of one evidence are answered as if each came alone."""

    def test(case: Case) -> None:
        model, n = case.model(), len(case.ordering.order(case.event_shape))
        features, mask, _, context = evidence_inputs(case, model, 3)
        query = torch.randint(n, (3, 4))
        together = model.backbone(features, mask, query, context)
        for q in range(4):
            alone = model.backbone(features, mask, query[:, q : q + 1], context)
            require_same(together[:, q : q + 1], alone, f"query {q} of 4 is answered otherwise alone")

    for_all(backbone_cases(subject), test, examples=subject.profile.examples)


def knows_zero_from_unknown(subject: Subject) -> None:
    """A value that is known to be zero is told from one that is not known."""
    for case in growing_cases(subject, shapes=((2,), (4,), (2, 2), (2, 2, 2))):
        model, n = case.mild_model(), len(case.ordering.order(case.event_shape))
        mask = torch.zeros(2, *case.event_shape, dtype=torch.bool)
        mask.reshape(2, -1)[1, 0] = True
        features = torch.zeros(2, *case.event_shape, case.head.feature_count, dtype=torch.float64)
        answer = model.backbone(features, mask, torch.tensor([[n - 1], [n - 1]]), None)
        if torch.equal(answer[0], answer[1]):
            raise CheckFailed(f"an unknown coefficient and one known to be 0 look the same ({case.words})")
