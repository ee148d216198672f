"""What a head measures of given data that its user should know: outliers, merged and repeated values, whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar.head import Head
from tensorar.missing import missing_notes, name_coefficients
from tensorar.units import sample_for_statistics
from tensorar.value_checks import default_value_dtype

# smaller shares go unmentioned: rounding merges a few of very many values without harm
MENTIONED = 0.01


def data_notes(head: Head, train: Real[Tensor, "n *event"], names: Sequence[str] = ()) -> list[str]:
    """A line for each property of the training events that makes likelihoods under a head mean something unusual.

    Missing values (NaN); what the head finds unusual itself (outliers, for a head with units); different values that
    become the same when they are rounded; a density for values that repeat or are whole numbers. ``names`` are those of
    the coefficients, if they have any.
    """
    index = torch.arange(train[0].numel())
    index = index[~head.is_discrete(index)]
    if not len(index):
        return missing_notes(train, names)
    values = sample_for_statistics(train)
    columns = values.reshape(len(values), -1)[:, index]
    rounded = head.standardize(columns, index).to(default_value_dtype())
    ordered, places = columns.sort(0)
    # missing values (NaN) come last, and are neither the same nor different
    same, different = ordered.diff(dim=0) == 0, ordered.diff(dim=0) > 0
    merged = different & (rounded.gather(0, places).diff(dim=0) == 0)
    repeated = _share_repeated(same, ~columns.isnan())
    density, name = head.member(int(index[0])).name, partial(name_coefficients, names=names)
    notes = [_merged(merged, different, index, name), _whole(columns, density)]
    notes += [] if notes[1] else [_repeated(repeated, density, index, name)]
    return [*missing_notes(train, names), *head.notes(train), *(note for note in notes if note)]


def _merged(merged: Tensor, different: Tensor, index: Tensor, name: Callable[[Tensor], str]) -> str:
    share = merged.sum(0) / different.sum(0).clamp(min=1)
    where = (share > MENTIONED).nonzero()[:, 0]
    if not len(where):
        return ""
    return (
        f"rounding to float32 merges {_percent(float(share.max()))} of the different values in "
        f"{name(index[where])}: likelihoods are those of the rounded values. Remove outliers, or split "
        "the values into several coefficients"
    )


def _whole(values: Tensor, density: str) -> str:
    # floats beyond 2**53 are whole by rounding
    whole = values.isnan() | ((values == values.round()) & (values.abs() < 2**53))
    if values.is_floating_point() and not bool(whole.all()):
        return ""
    return (
        f"the values are whole numbers and {density} is a density: nats are per unit of the data, and a probability "
        "of a number only as far as the density is smooth from one to the next"
    )


def _share_repeated(same: Tensor, known: Tensor) -> Tensor:
    """The share of the known values of each coefficient that occur more than once."""
    edge = torch.zeros(1, same.shape[1], dtype=torch.bool)
    repeated = torch.cat([edge, same]) | torch.cat([same, edge])
    return repeated.sum(0).double() / known.sum(0).clamp(min=1)


def _repeated(repeated: Tensor, density: str, index: Tensor, name: Callable[[Tensor], str]) -> str:
    where = index[repeated > MENTIONED]
    if not len(where):
        return ""
    return (
        f"{_percent(float(repeated.mean()))} of the values repeat ({name(where)}) and {density} is a "
        "density: it can grow there up to the head's floor, so nats measure how narrow its peaks are, not probabilities"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
