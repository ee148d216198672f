"""What is handed to a model, checked, and brought to where and what the model computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Real
from torch import Tensor

from tensorar.errors import ShapeError, SupportError
from tensorar.evidence import Evidence
from tensorar.order import Order

if TYPE_CHECKING:
    from tensorar.model import AutoregressiveModel


def check_events(model: AutoregressiveModel, x: Real[Tensor, "batch *event"]) -> Float[Tensor, "batch *event"]:
    """Events of the model's shape. Raises ``ShapeError``."""
    if tuple(x.shape[1:]) != model.event_shape or x.ndim == 0:
        raise ShapeError(
            expected=f"events of shape (batch, {', '.join(map(str, model.event_shape))})".replace(", )", ",)"),
            got=str(tuple(x.shape)),
            remedy="reshape them, or build the model for their shape",
        )
    return x.to(model.device, model.dtype)


def check_evidence(model: AutoregressiveModel, evidence: Evidence) -> Evidence:
    """Evidence whose known values the head takes. Raises ``ShapeError``, ``SupportError``."""
    check_events(model, evidence.value)
    model.head.check(evidence.value, known=evidence.mask, what="the evidence", dtype=model.dtype)
    return evidence.to(model.device, model.dtype)


def check_examples(
    model: AutoregressiveModel, x: Real[Tensor, "batch *event"], context: Float[Tensor, "batch context"] | None
) -> tuple[Float[Tensor, "batch *event"], Float[Tensor, "batch context"] | None]:
    """Events with their contexts. Raises ``ShapeError``, ``SupportError``."""
    return check_events(model, x), check_context(model, context, len(x))


def check_order(model: AutoregressiveModel, order: Order | None) -> Order:
    """An order of the model's events; None is the model's own. Raises ``ShapeError``."""
    if order is None:
        return model.order
    if order.event_shape != model.event_shape:
        raise ShapeError(
            expected=f"an order of {model.event_shape}",
            got=f"one of {order.event_shape}",
            remedy="leave it out, or give an order of the model's events",
        )
    return order.to(model.device)


def check_context(
    model: AutoregressiveModel, context: Float[Tensor, "batch context"] | None, batch: int
) -> Float[Tensor, "batch context"] | None:
    """One vector per example, if the model was built for them. Raises ``ShapeError``, ``SupportError``."""
    wanted = model.backbone.signature.context_features
    if context is None and not wanted:
        return None
    if context is None or tuple(context.shape) != (batch, wanted):
        raise ShapeError(
            expected=f"a context of shape {(batch, wanted)}" if wanted else "no context",
            got="none" if context is None else f"one of shape {tuple(context.shape)}",
            remedy="give one vector per example, of the size the model was built with (context_features)"
            if wanted
            else "leave it out, or build the model with context_features",
        )
    if not bool(context.isfinite().all()):
        raise SupportError(expected="a context of finite numbers", got="NaN or infinity", remedy="fill them in")
    return context.to(model.device, model.features_dtype)


def initial_evidence(
    model: AutoregressiveModel, n: int | None, evidence: Evidence | None, context: Float[Tensor, "..."] | None
) -> tuple[Evidence, Float[Tensor, "n context"] | None]:
    """Evidence and context of ``n`` samples (None: as many as are given, at least one); a single one serves them all.

    Raises ``ShapeError``, ``SupportError``.
    """
    context = None if context is None else torch.atleast_2d(context)
    if n is None:
        n = max(1 if evidence is None else len(evidence), 1 if context is None else len(context))
    if n < 0:
        raise ShapeError(expected="a number of samples from 0 on", got=str(n), remedy="ask for some")
    start = Evidence.none(n, model.event_shape) if evidence is None else evidence.expand(n)
    if context is not None and len(context) == 1:
        context = context.expand(n, *context.shape[1:])
    return check_evidence(model, start), check_context(model, context, n)
