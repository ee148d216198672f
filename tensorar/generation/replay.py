"""Adaptive orders of given events: the loop of sampling, with their own values."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.generation import Generation
from tensorar.generation.sample import rows_by_known
from tensorar.generation.visits import AdaptiveVisits
from tensorar.utils.shapes import MAX_EVENTS_PER_CALL, flatten_events, rows_of

# parameters of all coefficients of all events at once; bounds memory
MAX_PARAMETERS = 2**20


class Replay(NamedTuple):
    """The order that each event takes, as flat indices by step, and the parameters of its conditionals."""

    visits: Int[Tensor, "batch n"]
    parameters: Float[Tensor, "batch *event parameters"]


def replay_batch_size(model: Factorization) -> int:
    """The number of events to replay at once: more of small ones."""
    return max(MAX_EVENTS_PER_CALL, MAX_PARAMETERS // (len(model.order) * model.head.parameter_count))


def replay_batches(model: Factorization, first: Bool[Tensor, "batch *event"]) -> list[Int[Tensor, " rows"]]:
    """The examples in batches to replay with these coefficients first."""
    return [rows for group in rows_by_known(first) for rows in group.split(replay_batch_size(model))]


@torch.no_grad()
def replay(
    model: Factorization,
    x: Float[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None,
    first: Bool[Tensor, "batch *event"] | None = None,
) -> Replay:
    """Visit given events (standard values) as sampling would have, at the same cost and without gradients.

    The coefficients of ``first``, equally many of each example, come first, as evidence does. NaN marks an unknown
    value: parameters of what is visited after it are NaN.
    """
    flat, known = flatten_events(torch.where(x.isfinite(), x, 0.0)), flatten_events(x.isfinite())
    parameters = torch.empty(*flat.shape, model.head.parameter_count, dtype=model.dtype, device=model.device)
    examples, exact = torch.arange(len(x), device=model.device), torch.ones_like(known[:, 0])
    # in the network's own dtype, as sampling
    with torch.autocast(model.device.type, enabled=False):
        before = torch.zeros_like(known) if first is None else flatten_events(first)
        generation = Generation(model, len(x), AdaptiveVisits.of_mask(model.order, before), context)
        while not generation.done:
            found, index = generation.parameters().to(parameters.dtype), generation.index
            parameters[examples, index] = torch.where(exact.unsqueeze(1), found, torch.nan)
            exact = exact & known[examples, index]
            generation.advance(flat[examples, index])
    visits = torch.stack(generation.visits.columns, 1)
    return Replay(visits, parameters.reshape(*x.shape, model.head.parameter_count))


@torch.no_grad()
def next_given(
    model: Factorization, evidence: Evidence, context: Float[Tensor, "batch context"] | None
) -> tuple[Int[Tensor, " batch"], Float[Tensor, "batch parameters"]]:
    """The coefficient that an adaptive ordering visits after the evidence (standard values), and its parameters."""
    index = torch.empty(len(evidence), dtype=torch.long, device=model.device)
    parameters = torch.empty(len(evidence), model.head.parameter_count, dtype=model.dtype, device=model.device)
    with torch.autocast(model.device.type, enabled=False):
        for rows in rows_by_known(evidence.mask):
            generation = _after(model, evidence[rows], rows_of(context, rows))
            parameters[rows], index[rows] = generation.parameters().to(model.dtype), generation.index
    return index, parameters


def _after(model: Factorization, evidence: Evidence, context: Tensor | None) -> Generation:
    """A generation that has taken in the evidence, of equally many coefficients of each example."""
    visits = AdaptiveVisits.of_mask(model.order, flatten_events(evidence.mask))
    values, generation = flatten_events(evidence.value), Generation(model, len(evidence), visits, context)
    generation.prefill(values.gather(1, visits.known))
    return generation
