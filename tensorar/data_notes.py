"""What a head measures of given data that its user should know: outliers, merged and repeated values, whole numbers."""

from __future__ import annotations

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar.head import Head, default_value_dtype
from tensorar.units import sample_for_statistics

# smaller shares go unmentioned: rounding merges a few of very many values without harm
MENTIONED = 0.01
MAX_NAMED = 3


def data_notes(head: Head, train: Real[Tensor, "n *event"]) -> list[str]:
    """A line for each property of the training events that makes likelihoods under a head mean something unusual.

    What the head finds unusual itself (outliers, for a head with units), different values that become the same when
    they are rounded, and a density for values that repeat or are whole numbers.
    """
    if head.support.is_discrete:
        return []
    values = sample_for_statistics(train)
    columns = values.reshape(len(values), -1)
    index = torch.arange(values[0].numel()).reshape(values.shape[1:])
    rounded = head.standardize(values, index).to(default_value_dtype()).reshape(columns.shape)
    ordered, places = columns.sort(0)
    same = ordered.diff(dim=0) == 0
    merged = ~same & (rounded.gather(0, places).diff(dim=0) == 0)
    notes = [_merged(merged, same), _whole(values, head) or _repeated(same, head)]
    return [*head.notes(train), *(note for note in notes if note)]


def _merged(merged: Tensor, same: Tensor) -> str:
    share = merged.sum(0) / (~same).sum(0).clamp(min=1)
    where = (share > MENTIONED).nonzero()[:, 0]
    if not len(where):
        return ""
    return (
        f"rounding to float32 merges {_percent(float(share.max()))} of the different values in {_names(where)}: "
        "likelihoods are those of the rounded values. Remove outliers, or split the values into several coefficients"
    )


def _whole(values: Tensor, head: Head) -> str:
    # floats beyond 2**53 are whole by rounding
    if values.is_floating_point() and not bool(((values == values.round()) & (values.abs() < 2**53)).all()):
        return ""
    return (
        f"the values are whole numbers and {head.name} is a density: nats are per unit of the data, and a probability "
        "of a number only as far as the density is smooth from one to the next"
    )


def _repeated(same: Tensor, head: Head) -> str:
    edge = torch.zeros(1, same.shape[1], dtype=torch.bool)
    repeated = (torch.cat([edge, same]) | torch.cat([same, edge])).double().mean(0)
    where = (repeated > MENTIONED).nonzero()[:, 0]
    if not len(where):
        return ""
    return (
        f"{_percent(float(repeated.mean()))} of the values repeat ({_names(where)}) and {head.name} is a density: it "
        "can grow there up to the head's floor, so nats measure how narrow its peaks are, not probabilities"
    )


def _names(coefficients: Tensor) -> str:
    named = ", ".join(map(str, coefficients[:MAX_NAMED].tolist()))
    more = len(coefficients) - MAX_NAMED
    return f"coefficient{'s' if len(coefficients) > 1 else ''} {named}" + (f" and {more} more" if more > 0 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
