"""Exact conditioning by enumeration: all values of the few coefficients that are unknown before the last known one."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.conditioning.ways import known_steps
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.noise import ordinal
from tensorar.order import Order
from tensorar.prefix import prefix_log_prob
from tensorar.support import support_values
from tensorar.utils.shapes import flatten_events, rows_of


def enumerate_gap(
    model: Factorization,
    evidence: Evidence,
    order: Order,
    context: Float[Tensor, "batch context"] | None,
    noise: Float[Tensor, " batch"] | None = None,
) -> tuple[Evidence, Float[Tensor, " batch"]]:
    """Fill the gap of each example: draw what is unknown before the last known coefficient from its posterior.

    Returns evidence that the order visits first, and the log-probability of what was known (standard values, nats).
    Without ``noise``, one uniform number for each example, nothing is drawn and the evidence is returned as it is.
    """
    first, member = _distinct(evidence, context)
    value, log_evidence = evidence.value.clone(), torch.zeros(len(evidence), dtype=torch.float64, device=member.device)
    # one after another: completions of an event take thousands of times its memory
    for k, row in enumerate(first):
        one, rows = slice(row, row + 1), (member == k).nonzero()[:, 0]
        events, log_prob = _completions(model, evidence[one], order, rows_of(context, one))
        log_evidence[rows] = log_prob.logsumexp(0)
        if noise is not None:
            value[rows] = events[ordinal(log_prob.softmax(0).expand(len(rows), -1), noise[rows])]
    if noise is None:
        return evidence, log_evidence
    return Evidence(order.mask_before(known_steps(order, evidence.mask)), value), log_evidence


def _distinct(evidence: Evidence, context: Tensor | None) -> tuple[list[int], Int[Tensor, " batch"]]:
    """A row of each distinct example, and which of these each example is: completions of one event are alike."""
    columns = [flatten_events(evidence.mask), flatten_events(evidence.value), *([] if context is None else [context])]
    everything = torch.cat([column.double() for column in columns], 1)
    distinct, member = everything.unique(dim=0, return_inverse=True)
    return [int((member == k).int().argmax()) for k in range(len(distinct))], member


def _completions(
    model: Factorization, evidence: Evidence, order: Order, context: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All completions of one example up to the last known coefficient, with their log-probabilities in float64."""
    length = known_steps(order, evidence.mask)
    gap = flatten_events(order.mask_before(length) & ~evidence.mask)[0].nonzero()[:, 0]
    values = [values for i in gap.tolist() if (values := support_values(model.head, i)) is not None]
    filled = torch.cartesian_prod(*values).reshape(-1, len(gap)) if values else torch.empty(1, 0)
    count = len(filled)
    events = flatten_events(evidence.value).repeat(count, 1)
    events[:, gap] = filled.to(events)
    events = events.reshape(count, *model.event_shape)
    contexts = None if context is None else context.expand(count, -1)
    known = Evidence(order.mask_before(length).expand(events.shape), events)
    log_prob = prefix_log_prob(model, known, order, length.expand(count), contexts)
    return events, log_prob.double()
