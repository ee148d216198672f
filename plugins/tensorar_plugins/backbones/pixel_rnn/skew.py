"""Grids walked through in steps: the cells of one step side by side, and where the next step finds its neighbours."""

from __future__ import annotations

import torch
from torch import nn


class Skew(nn.Module):
    """The cells of a grid step by step: skewing them puts each diagonal, or each row, into one run of memory.

    ``step`` (``(*sizes)``) numbers the steps; a cell looks at the cells at ``offsets``, all of them of the step before.
    Skewing as in the PixelRNN paper gives ``2n - 1`` columns of ``n`` cells for an image of ``n * n``, half of them
    empty; here the columns hold live cells only, one after the other, so that a recurrence spends nothing on the rest.

    ``mirrors`` are sets of axes: a branch per set walks through the grid with these axes reversed. One plan serves all
    branches, so that they are one batched loop.

    >>> skew = Skew(diagonals((2, 3)), [(0, -1), (-1, 0)])
    >>> skew.counts
    [1, 2, 2, 1]
    >>> skew.cells
    tensor([[0, 1, 3, 2, 4, 5]])
    """

    def __init__(self, step, offsets, mirrors=((),)):
        super().__init__()
        self.counts = step.flatten().bincount().tolist()
        cells = step.flatten().argsort(stable=True)
        mirrored = [torch.arange(len(cells)).reshape(step.shape).flip(axes).flatten()[cells] for axes in mirrors]
        self.taps, self.branches = len(offsets), len(mirrored)
        self.register_buffer("cells", torch.stack(mirrored), persistent=False)
        self.register_buffer("places", self.cells.argsort(1), persistent=False)
        self.register_buffer("neighbours", self._neighbours(step, cells, offsets), persistent=False)

    def _neighbours(self, step, cells, offsets):
        """Per step, tap and cell: the place of the neighbour within the step before; behind its last one if outside."""
        counts, sizes = torch.tensor(self.counts), torch.tensor(step.shape)[:, None]
        place = (cells.argsort() - (counts.cumsum(0) - counts)[step.flatten()]).reshape(step.shape)
        outside = torch.cat([counts.new_zeros(1), counts])[step.flatten()[cells]]
        here, found = torch.stack(torch.unravel_index(cells, step.shape)), []
        for offset in offsets:
            there = here + torch.tensor(offset)[:, None]
            inside = ((there >= 0) & (there < sizes)).all(0)
            found.append(torch.where(inside, place[tuple(there.clamp(min=0).minimum(sizes - 1))], outside))
        return torch.cat([some.flatten() for some in torch.stack(found).split(self.counts, 1)])

    def forward(self, maps):
        """Maps ``(C, cells, B)``, one per branch, as ``(branches, C, cells, B)`` in the order of the steps."""
        return torch.stack([m.index_select(1, cells) for m, cells in zip(maps, self.cells, strict=True)])

    def undo(self, skewed):
        """``(branches, C, cells, B)`` in the order of the steps as maps, one per branch."""
        return [m.index_select(1, places) for m, places in zip(skewed, self.places, strict=True)]

    def by_step(self, skewed):
        """``(branches, C, cells, B)`` cut into the steps."""
        return skewed.split(self.counts, 2)

    def seen(self):
        """Per step the places of the neighbours, ``(taps * cells)``, one tap after the other."""
        return self.neighbours.split([self.taps * n for n in self.counts])


def diagonals(sizes):
    """The diagonal on which each cell of a grid lies: the sum of its indices."""
    return torch.stack(torch.meshgrid(*map(torch.arange, sizes), indexing="ij")).sum(0)


def rows(sizes):
    """The row in which each cell of a grid lies: its first index. Of a volume the rows are slices."""
    return torch.arange(sizes[0]).reshape(-1, *[1] * (len(sizes) - 1)).expand(sizes)
