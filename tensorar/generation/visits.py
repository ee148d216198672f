"""The coefficients visited at each step by the examples of a batch: one order for all, or one per example."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar.order import Order


class Visits:
    """The orders of a batch: the distinct ones, and which one each example follows.

    A batch of one order has ``members`` None. ``columns[t]`` holds the flat indices visited at step ``t``: a 0-d tensor
    for one order, else ``(batch,)``.
    """

    def __init__(self, orders: Sequence[Order], members: Int[Tensor, " batch"] | None = None) -> None:
        self.orders, self.members = tuple(orders), members
        self.table = orders[0].visits if members is None else torch.stack([o.visits for o in orders])[members]
        self.columns = self.table.unbind(-1)
        self._flat = self.table.tolist() if members is None else None

    @classmethod
    def of(cls, orders: Sequence[Order]) -> Visits:
        """The visits of a batch with an order for each example."""
        distinct = list(dict.fromkeys(orders))
        if len(distinct) == 1:
            return cls(distinct)
        place = {order: k for k, order in enumerate(distinct)}
        members = [place[order] for order in orders]
        return cls(distinct, torch.tensor(members, device=orders[0].visits.device))

    def __len__(self) -> int:
        return len(self.orders[0])

    def coefficient(self, t: int) -> int | Int[Tensor, " batch"]:
        """The flat index visited at step ``t``: an int, or one for each example if their orders differ."""
        return self.columns[t] if self._flat is None else self._flat[t]

    def select(self, rows: Int[Tensor, " selected"]) -> Visits:
        """The visits of these examples."""
        return self if self.members is None else Visits(self.orders, self.members[rows])

    def by_step(self, by_coefficient: Tensor) -> Tensor:
        """``(batch, N)`` values by flat index in visiting order."""
        if self.members is None:
            return by_coefficient.index_select(1, self.table)
        return by_coefficient.gather(1, self.table)

    def by_coefficient(self, by_step: Tensor) -> Tensor:
        """``(batch, N)`` values in visiting order as values by flat index."""
        if self.members is None:
            return by_step.index_select(1, self.orders[0].rank.flatten())
        return torch.empty_like(by_step).scatter_(1, self.table, by_step)
