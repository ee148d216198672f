"""What a network is called with, and when two of its answers are the same."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.check import CheckFailed
from tensorar.testing.generate.cases import Case
from tensorar.utils.shapes import flatten_events

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def inputs(case: Case, model: AutoregressiveModel) -> tuple[Tensor | Order | None, ...]:
    """What the network is called with."""
    if isinstance(model.backbone, CausalBackbone):
        return model.features(case.events(3)), model.order, case.contexts(3)
    return evidence_inputs(case, model, 3)


def evidence_inputs(case: Case, model: AutoregressiveModel, batch: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Some evidence, and the next query, as training and sampling ask for it."""
    mask = torch.rand(batch, *case.event_shape) < 0.5
    features = torch.where(mask.unsqueeze(-1), model.features(case.events(batch)), 0.0)
    query = torch.where(flatten_events(mask), 1, 0).argmin(1, keepdim=True)
    return features, mask, query, case.contexts(batch)


def require_same(one: Tensor, other: Tensor, otherwise: str) -> None:
    """Raise ``CheckFailed`` where two answers differ by more than rounding."""
    if not torch.allclose(one, other, equal_nan=True, **CLOSE):
        raise CheckFailed(f"{otherwise} (by {(one - other).detach().abs().max().item():.3g})")
