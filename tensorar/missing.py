"""Missing values in data, NaN where a dataset declares them: for statistics, and in words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int, Real
from torch import Tensor

MAX_NAMED = 3
MANY_PATTERNS = 4


def fill_missing(values: Real[Tensor, "n *event"]) -> Real[Tensor, "n *event"]:
    """The same values with those missing (NaN) replaced by a median of what was observed of their coefficient.

    A median is one of the observed values, so that no value occurs that was not observed: for questions such as which
    values occur. A coefficient that is never observed gets the median of all values.

    >>> fill_missing(torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan], [3.0, torch.nan]])).tolist()
    [[1.0, 1.0], [1.0, 1.0], [3.0, 1.0]]
    """
    missing = values.isnan()
    if not bool(missing.any()):
        return values
    middle = values.nanmedian(0).values
    middle = torch.where(middle.isnan(), values.nanmedian(), middle)
    return torch.where(missing, middle, values)


def missing_notes(train: Real[Tensor, "n *event"], names: Sequence[str] = ()) -> list[str]:
    """A line on how much is missing in training events, and one on the coefficients that are never observed.

    >>> missing_notes(torch.tensor([[1.0, torch.nan], [2.0, torch.nan]]))[1]
    'never observed in the training events, so not learned: coefficient 1'
    """
    missing = train.isnan()
    if not bool(missing.any()):
        return []
    share = 100 * float(missing.double().mean())
    notes = [f"{share:.3g} % of the training values are missing: nats are those of what was observed of an event"]
    never = missing.all(0).flatten().nonzero()[:, 0]
    if len(never):
        notes.append(f"never observed in the training events, so not learned: {name_coefficients(never, names)}")
    return notes


def pattern_notes(train: Real[Tensor, "n *event"], batch_size: int) -> list[str]:
    """A line on the number of passes that a causal network of varying orders makes for a batch, if they are many."""
    batch = train[:batch_size].isnan()
    patterns = len(batch.unique(dim=0))
    if patterns < MANY_PATTERNS:
        return []
    return [
        f"a causal network makes a pass for each pattern of missing values, about {patterns} in a batch of "
        f"{len(batch)}: an evidence network such as mlp makes one for all of them"
    ]


def name_coefficients(coefficients: Int[Tensor, " some"], names: Sequence[str] = ()) -> str:
    """Coefficients in words, the first ones by number, or by name if they have ``names``.

    >>> name_coefficients(torch.arange(5))
    'coefficients 0, 1, 2 and 2 more'
    >>> name_coefficients(torch.tensor([1]), ["sex", "age"])
    'column age'
    """
    named = ", ".join(str(names[i] if names else i) for i in coefficients[:MAX_NAMED].tolist())
    more = len(coefficients) - MAX_NAMED
    kind = ("column" if names else "coefficient") + ("s" if len(coefficients) > 1 else "")
    return f"{kind} {named}" + (f" and {more} more" if more > 0 else "")
