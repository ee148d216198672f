"""The values of a batch by step, whose examples may be selected on the way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Lineage:
    """Rows ``(batch,)`` of successive steps. A selection moves nothing: rows are followed back when they are read.

    >>> lineage = Lineage()
    >>> lineage.append(torch.tensor([1.0, 2.0]))
    >>> lineage.select(torch.tensor([1, 1, 0]))
    >>> lineage.append(torch.tensor([3.0, 4.0, 5.0]))
    >>> lineage.stacked()
    tensor([[2., 2., 1.],
            [3., 4., 5.]])
    """

    def __init__(self) -> None:
        self._closed: list[tuple[Tensor, Tensor]] = []
        self._open: list[Tensor] = []
        self.last: Tensor | None = None

    def append(self, row: Float[Tensor, " batch"]) -> None:
        """Keep the row of the next step."""
        self._open.append(row)
        self.last = row

    def extend(self, rows: Sequence[Float[Tensor, " batch"]]) -> None:
        """Keep the rows of the next steps, of at least one."""
        self._open.extend(rows)
        self.last = rows[-1]

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these examples, in this order, repeats allowed."""
        if self.last is None:
            return
        if self._open:
            self._closed.append((torch.stack(self._open), rows))
        else:
            block, before = self._closed[-1]
            self._closed[-1] = (block, before[rows])
        self._open, self.last = [], self.last[rows]

    def stacked(self) -> Float[Tensor, "steps batch"]:
        """All rows. There must be one."""
        parts = [torch.stack(self._open)] if self._open else []
        rows: Tensor | None = None
        for block, chosen in reversed(self._closed):
            rows = chosen if rows is None else chosen[rows]
            parts.append(block[:, rows])
        return torch.cat(parts[::-1])
