"""Which head is that of a column: equal heads are one, which knows each of its columns by a number."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Head
from tensorar_plugins.heads.in_units import HeadInUnits


class ColumnLayout:
    """The kinds of columns with these heads; coefficients are those of the columns, again and again.

    ``kind`` is the number of each column's kind, ``place`` that of the column among those of its kind, and ``heads``
    has a head for each kind. A single head is that of all coefficients.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        kinds: list[int] = []
        distinct: list[Head] = []
        for head in heads:
            same = distinct.index(head) if head in distinct and _is_shared(head) else len(distinct)
            distinct += [head] if same == len(distinct) else []
            kinds.append(same)
        self.kind, self.heads = torch.tensor(kinds), tuple(distinct)
        self.place = torch.tensor([kinds[:i].count(kind) for i, kind in enumerate(kinds)])

    def kinds(self, coefficients: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """The kind of each coefficient."""
        return self.kind.to(coefficients.device)[coefficients % len(self.kind)]

    def places(self, coefficients: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """The number by which the head of a coefficient knows it."""
        if len(self.kind) == 1:
            return coefficients
        return self.place.to(coefficients.device)[coefficients % len(self.kind)]

    def columns(self, kind: int) -> Int[Tensor, " some"]:
        """The columns of a kind."""
        return (self.kind == kind).nonzero()[:, 0]


def feature_slots(heads: Sequence[Head]) -> dict[str, tuple[int, int]]:
    """The first feature of the heads of each name, and how many features they have."""
    sizes: dict[str, int] = {}
    for head in heads:
        sizes[head.name] = max(head.feature_count, sizes.get(head.name, 0))
    slots, first = {}, 0
    for name, size in sizes.items():
        slots[name] = (first, size)
        first += size
    return slots


def _is_shared(head: Head) -> bool:
    """Whether columns may share a head: what it takes from the data is for each coefficient, or nothing."""
    return isinstance(head, HeadInUnits) or head.for_data(torch.zeros(2, 1)) is head
