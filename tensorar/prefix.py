"""The likelihood of what an order visits first, and of each coefficient given those."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.order import Order
from tensorar.utils.shapes import MAX_EVENTS_PER_CALL, flatten_events, split_batch


def prefix_log_prob(
    model: Factorization,
    evidence: Evidence,
    order: Order,
    length: Int[Tensor, " batch"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, " batch"]:
    """The log-probability of what ``order`` visits in its first ``length`` steps, which the evidence must include.

    In nats of the evidence's standard values.
    """
    return chosen_log_prob(model, evidence.value, order, order.mask_before(length), context)


def chosen_log_prob(
    model: Factorization,
    x: Float[Tensor, "batch *event"],
    order: Order,
    chosen: Bool[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, " batch"]:
    """The sum over the ``chosen`` coefficients of the log-probability of each given those before it in ``order``."""
    visited = flatten_events(chosen).split(MAX_EVENTS_PER_CALL)
    log_prob = []
    for (some, given), of_some in zip(split_batch(x, context), visited, strict=True):
        parameters = all_conditionals(model.backbone, model.features(some), order, given)
        by_coefficient = parameters.reshape(len(some), len(order), parameters.shape[-1])
        log_prob.append(log_prob_of(model, by_coefficient, flatten_events(some), of_some))
    return torch.cat(log_prob)


def log_prob_of(
    model: Factorization,
    parameters: Float[Tensor, "batch n parameters"],
    x: Float[Tensor, "batch n"],
    chosen: Bool[Tensor, "batch n"],
) -> Float[Tensor, " batch"]:
    """The log-probability of the ``chosen`` coefficients of each event, of standard values.

    The others are not evaluated: a head may have no finite density, or no finite gradient, at the value that stands for
    an unknown one.
    """
    rows, coefficients = chosen.nonzero(as_tuple=True)
    each = model.distribution(parameters[rows, coefficients], coefficients).log_prob(x[rows, coefficients])
    return each.new_zeros(x.shape).index_put((rows, coefficients), each).sum(1)
