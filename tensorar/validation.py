"""Validate model inputs and move them to the model's device and dtype."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Real
from torch import Tensor

from tensorar.errors import ShapeError, SpecError, SupportError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events


def check_event_shape(model: Factorization, x: Real[Tensor, "..."]) -> None:
    """Raise ``ShapeError`` unless these are events of the model's shape."""
    if not x.ndim or x.shape[1:] != model.event_shape:
        raise ShapeError(
            expected=f"events of shape (batch, {', '.join(map(str, model.event_shape))})".replace(", )", ",)"),
            got=str(tuple(x.shape)),
            remedy="reshape them, or build the model for their shape",
        )


def check_events(model: Factorization, x: Real[Tensor, "batch *event"]) -> Float[Tensor, "batch *event"]:
    """Standard values of events of the model's shape. Raises ``ShapeError``."""
    check_event_shape(model, x)
    return model.standardize(x)


def check_evidence(model: Factorization, evidence: Evidence, *, checked: bool = False) -> Evidence:
    """Evidence in standard values, all in the head's support (``checked``: known to be so).

    Raises ``ShapeError``, ``SupportError``.
    """
    check_event_shape(model, evidence.value)
    coefficients, what = model.coefficients.to(evidence.value.device), "the evidence"
    if not checked:
        model.head.check(evidence.value, coefficients=coefficients, known=evidence.mask, what=what, dtype=model.dtype)
    return Evidence(evidence.mask.to(model.device), model.standardize(evidence.value))


def check_incomplete(model: Factorization, evidence: Evidence) -> Evidence:
    """The same for evidence that leaves some coefficient of each example unknown. Raises ``ShapeError`` otherwise."""
    evidence = check_evidence(model, evidence)
    if bool(flatten_events(evidence.mask).all(1).any()):
        raise ShapeError(
            expected="at least one unknown coefficient", got="a complete event", remedy="set a mask entry to False"
        )
    return evidence


def check_examples(
    model: Factorization, x: Real[Tensor, "batch *event"], context: Float[Tensor, "batch context"] | None
) -> tuple[Float[Tensor, "batch *event"], Float[Tensor, "batch network_context"] | None]:
    """Standard values of events, with their contexts. Raises ``ShapeError``, ``SupportError``."""
    return check_events(model, x), check_context(model, context, len(x))


def check_order(model: Factorization, order: Order | None) -> Order:
    """An order of the model's events (None: the model's own). Raises ``ShapeError``."""
    if order is None:
        return model.order
    if order.event_shape != model.event_shape:
        raise ShapeError(
            expected=f"an order of {model.event_shape}",
            got=f"one of {order.event_shape}",
            remedy="omit it, or pass an order of the model's events",
        )
    return order.to(model.device)


def check_mixture(
    model: Factorization, orders: Sequence[Order] | None, evidence: Evidence | None
) -> tuple[Order, ...] | None:
    """The orders of a mixture, if there are any. Raises ``ShapeError``, and ``SpecError`` for no order or evidence."""
    if orders is None:
        return None
    if evidence is not None or not orders:
        raise SpecError(
            expected="at least one order, and no evidence: completions choose their orders by what is known",
            got="both orders and evidence" if orders else "no order",
            remedy="leave out the orders" if orders else "pass model.draw_orders(128), for example",
        )
    return tuple(check_order(model, order) for order in orders)


def check_context(
    model: Factorization, context: Float[Tensor, "batch context"] | None, batch: int
) -> Float[Tensor, "batch network_context"] | None:
    """One vector per example, if the model was built with contexts. Raises ``ShapeError``, ``SupportError``.

    A network for augmented events gets the token of events as they are, zeros, unless the context ends with another.
    """
    signature = model.backbone.signature
    tokens = signature.augmentation_features
    wanted = signature.context_features - tokens
    if context is None and not wanted:
        return torch.zeros(batch, tokens, dtype=model.features_dtype, device=model.device) if tokens else None
    if tokens and context is not None and tuple(context.shape) == (batch, wanted):
        context = torch.cat([context, context.new_zeros(batch, tokens)], dim=1)
    if context is None or tuple(context.shape) != (batch, wanted + tokens):
        raise ShapeError(
            expected=f"a context of shape {(batch, wanted)}" if wanted else "no context",
            got="none" if context is None else f"one of shape {tuple(context.shape)}",
            remedy="pass one vector per example, of the size the model was built with (context_features)"
            if wanted
            else "omit it, or build the model with context_features",
        )
    if not bool(context.isfinite().all()):
        raise SupportError(expected="a context of finite numbers", got="NaN or infinity", remedy="fill them in")
    return context.to(model.device, model.features_dtype)


def initial_evidence(
    model: Factorization, n: int | None, evidence: Evidence | None, context: Float[Tensor, "..."] | None
) -> tuple[Evidence, Float[Tensor, "n context"] | None]:
    """Evidence (the data's values) and context of ``n`` samples; a single evidence or context serves them all.

    If ``n`` is None it is the number of evidences or contexts, 1 without any. Raises ``ShapeError``, ``SupportError``.
    """
    context = None if context is None else torch.atleast_2d(context)
    if n is None:
        n = max((len(given) for given in (evidence, context) if given is not None), default=1)
    check_batch(n)
    start = Evidence.none(n, model.event_shape) if evidence is None else evidence.expand(n)
    if context is not None and len(context) == 1:
        context = context.expand(n, *context.shape[1:])
    return start, check_context(model, context, n)


def check_batch(n: int) -> None:
    """Raise ``ShapeError`` for a negative number of examples."""
    if n < 0:
        raise ShapeError(expected="n >= 0", got=str(n), remedy="pass a non-negative number")
