"""Inputs of a backbone, and comparison of its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.generate.cases import Case
from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error
from tensorar.utils.shapes import flatten_events

TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}


def inputs(case: Case, model: AutoregressiveModel) -> tuple[Tensor | Order | None, ...]:
    """The arguments of a forward pass with a batch of 3."""
    if isinstance(model.backbone, CausalBackbone):
        return model.features(model.standardize(case.events(3))), model.order, case.contexts(3)
    return evidence_inputs(case, model, 3)


def evidence_inputs(case: Case, model: AutoregressiveModel, batch: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Features, mask and query of random evidence, and contexts, as in training and sampling."""
    mask = torch.rand(batch, *case.event_shape) < 0.5
    features = torch.where(mask.unsqueeze(-1), model.features(model.standardize(case.events(batch))), 0.0)
    query = torch.where(flatten_events(mask), 1, 0).argmin(1, keepdim=True)
    return features, mask, query, case.contexts(batch)


def require_same(one: Tensor, other: Tensor, message: str) -> None:
    """Raise ``CheckFailed`` where two results differ by more than rounding."""
    if one.shape != other.shape:
        raise CheckFailed(f"{message} (shape {tuple(one.shape)} instead of {tuple(other.shape)})")
    if not torch.allclose(one, other, equal_nan=True, **TOLERANCE):
        raise CheckFailed(f"{message} (by {(one - other).detach().abs().max().item():.3g})")


@contextmanager
def describing(case: Case, when: str = "") -> Iterator[None]:
    """Put the case, and when it failed, into the messages of failures within the context."""
    try:
        yield
    except CheckSkipped:
        raise
    except CheckFailed as failed:
        raise CheckFailed(f"{when}{failed} ({case.description})") from None
    except Exception as error:
        raise CheckFailed(f"{when}the part {describe_error(error)} ({case.description})") from error
