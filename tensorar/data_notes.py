"""What a head measures of given data that its user should know: outliers, merged and repeated values, whole numbers."""

from __future__ import annotations

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar.head import Head, default_value_dtype
from tensorar.units import deviations, examined, outlying

# smaller shares go unmentioned: rounding merges a few of very many values without harm
MENTIONED = 0.01
MAX_NAMED = 3


def data_notes(head: Head, train: Real[Tensor, "n *event"]) -> list[str]:
    """A line for each property of the training events that makes likelihoods under a head mean something unusual.

    Values that are outliers of their coefficient, different values that the head's units round to the same number, and
    a density for values that repeat or are whole numbers.
    """
    if head.support.is_discrete:
        return []
    values = examined(train)
    columns = values.reshape(len(values), -1)
    notes = [outlier_note(train), _merged(head, values), _whole(train, head) or _repeated(columns, head)]
    return [note for note in notes if note]


def outlier_note(train: Real[Tensor, "n *event"]) -> str:
    """The values that are outliers of their coefficient, and their share; empty if there are none."""
    columns = examined(train).reshape(-1, train[0].numel())
    _, deviation = deviations(columns)
    found = outlying(deviation)
    if not bool(found.any()):
        return ""
    where = found.any(0).nonzero()[:, 0]
    example = columns[:, where[0]][found[:, where[0]]][0].item()
    usual = columns[:, where[0]][~found[:, where[0]]]
    return (
        f"{_share(float(found.double().mean()))} of the values are outliers ({example:g} in {_names(where)}, where the "
        f"others lie between {usual.min().item():g} and {usual.max().item():g}); location and scale are those of the "
        "others. Remove or fill them in if they stand for missing values"
    )


def _merged(head: Head, values: Tensor) -> str:
    """Different values that are the same to the network."""
    index = torch.arange(values[0].numel()).reshape(values.shape[1:])
    standard = head.standardize(values, index).to(default_value_dtype()).reshape(len(values), -1)
    columns, places = values.reshape(len(values), -1).sort(0)
    differs = columns.diff(dim=0) != 0
    merged = differs & (standard.gather(0, places).diff(dim=0) == 0)
    share = merged.sum(0) / differs.sum(0).clamp(min=1)
    if not bool((share > MENTIONED).any()):
        return ""
    where = (share > MENTIONED).nonzero()[:, 0]
    return (
        f"rounding to float32 merges {_share(float(share.max()))} of the different values in {_names(where)}: "
        "likelihoods are those of the rounded values. Remove outliers, or split the values into several coefficients"
    )


def _whole(train: Tensor, head: Head) -> str:
    # floats beyond are whole by rounding
    real = train.is_floating_point() and not bool(((train == train.round()) & (train.abs() < 2**53)).all())
    if real:
        return ""
    return (
        f"the values are whole numbers and {head.name} is a density: nats are per unit of the data, and a probability "
        "of a number only as far as the density is smooth from one to the next"
    )


def _repeated(columns: Tensor, head: Head) -> str:
    ordered = columns.sort(0).values
    same = ordered.diff(dim=0) == 0
    edge = torch.zeros(1, columns.shape[1], dtype=torch.bool)
    repeated = (torch.cat([edge, same]) | torch.cat([same, edge])).double().mean(0)
    where = (repeated > MENTIONED).nonzero()[:, 0]
    if not len(where):
        return ""
    return (
        f"{_share(float(repeated.mean()))} of the values repeat ({_names(where)}) and {head.name} is a density: it can "
        "grow there up to the head's floor, so nats measure how narrow its peaks are, not probabilities"
    )


def _names(coefficients: Tensor) -> str:
    named = ", ".join(map(str, coefficients[:MAX_NAMED].tolist()))
    more = len(coefficients) - MAX_NAMED
    return f"coefficient{'s' if len(coefficients) > 1 else ''} {named}" + (f" and {more} more" if more > 0 else "")


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"
