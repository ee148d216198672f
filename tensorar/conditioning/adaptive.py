"""Likelihoods of a part of an event under an adaptive ordering, which takes in what is known before it chooses."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tensorar.conditioning.estimate import Estimate
from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.replay import replay, replay_batches
from tensorar.prefix import log_prob_of
from tensorar.utils.shapes import flatten_events, rows_of


def log_marginal(
    model: Factorization, known: Evidence, context: Float[Tensor, "batch context"] | None = None
) -> Estimate:
    """``log p(known)`` of evidence (standard values), in nats of the data: of whole events, and of nothing.

    Raises ``SpecError`` for a part of an event. The ordering visits it among the unknown coefficients, at steps that
    depend on their values.
    """
    counts = flatten_events(known.mask).sum(1)
    partly = (counts > 0) & (counts < len(model.order))
    if bool(partly.any()):
        raise SpecError(
            expected=f"all or nothing known for `log_marginal` under the adaptive ordering {model.ordering.name!r}",
            got=f"{int(counts[partly][0])} of {len(model.order)} coefficients",
            remedy="use log_conditional, the log-likelihood of the rest, or a model with ordering=shuffled",
        )
    value, rows = torch.zeros(len(known), dtype=torch.float64, device=counts.device), counts.nonzero()[:, 0]
    nothing = torch.zeros_like(known.mask[rows])
    value[rows] = log_conditional(model, known.value[rows], nothing, rows_of(context, rows)).value
    return Estimate.exactly(value)


def log_conditional(
    model: Factorization,
    x: Float[Tensor, "batch *event"],
    mask: Bool[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Estimate:
    """The log-probability, in nats of the data, that ``sample`` draws the rest of each event (standard values).

    What is in ``mask`` comes first, then the ordering chooses; exact by replay.
    """
    value = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for rows in replay_batches(model, mask):
        parameters = replay(model, x[rows], rows_of(context, rows), mask[rows]).parameters.flatten(1, -2)
        rest = ~flatten_events(mask[rows])
        value[rows] = log_prob_of(model, parameters, flatten_events(x[rows]), rest).double()
    return Estimate.exactly(value - model.log_scale(x, ~mask))
