"""Grids scanned in steps: the cells of one step side by side, and the positions of their neighbors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from tensorar_plugins.coordinates import coordinates


class Skew(nn.Module):
    """The cells of a grid step by step: skewing makes each diagonal, or each row, contiguous.

    ``step`` (``(*sizes)``) numbers the steps; a cell reads the cells at ``offsets``, all of them of the previous step.
    Skewing as in the PixelRNN paper gives ``2n - 1`` columns of ``n`` cells for an image of ``n * n``, half of them
    empty; here the columns hold live cells only, one after the other, so that a recurrence computes no others.

    ``mirrors`` are sets of axes: one scan direction per set, over the grid with these axes reversed. One plan serves
    all directions, so that they are one batched loop.

    >>> skew = Skew(diagonals((2, 3)), [(0, -1), (-1, 0)])
    >>> skew.counts
    [1, 2, 2, 1]
    >>> skew.cells
    tensor([[0, 1, 3, 2, 4, 5]])
    """

    cells: Tensor
    positions: Tensor
    neighbors: Tensor

    def __init__(
        self,
        step: Int[Tensor, "*sizes"],
        offsets: Sequence[tuple[int, ...]],
        mirrors: Sequence[tuple[int, ...]] = ((),),
    ) -> None:
        super().__init__()
        self.counts: list[int] = step.flatten().bincount().tolist()
        cells = step.flatten().argsort(stable=True)
        mirrored = [torch.arange(len(cells)).reshape(step.shape).flip(axes).flatten()[cells] for axes in mirrors]
        self.taps, self.directions = len(offsets), len(mirrored)
        # (directions, cells): the cell at each position, and the position of each cell
        self.register_buffer("cells", torch.stack(mirrored), persistent=False)
        self.register_buffer("positions", self.cells.argsort(1), persistent=False)
        self.register_buffer("neighbors", self._neighbors(step, cells, offsets), persistent=False)

    def _neighbors(
        self, step: Int[Tensor, "*sizes"], cells: Int[Tensor, " cells"], offsets: Sequence[tuple[int, ...]]
    ) -> Int[Tensor, " taps_cells"]:
        """By step, tap and cell: the neighbor's position within the previous step, or its length if outside."""
        counts, sizes = torch.tensor(self.counts), torch.tensor(step.shape)[:, None]
        position = (cells.argsort() - (counts.cumsum(0) - counts)[step.flatten()]).reshape(step.shape)
        outside = torch.cat([counts.new_zeros(1), counts])[step.flatten()[cells]]
        # coordinates of the cells, (axes, cells)
        here, found = coordinates(tuple(step.shape))[:, cells], []
        for offset in offsets:
            there = here + torch.tensor(offset)[:, None]
            inside = ((there >= 0) & (there < sizes)).all(0)
            found.append(torch.where(inside, position[tuple(there.clamp(min=0).minimum(sizes - 1))], outside))
        return torch.cat([some.flatten() for some in torch.stack(found).split(self.counts, 1)])

    def forward(
        self, maps: Sequence[Shaped[Tensor, "channels cells batch"]] | Shaped[Tensor, "directions channels cells batch"]
    ) -> Shaped[Tensor, "directions channels cells batch"]:
        """Maps ``(C, cells, B)``, one per direction, in the order of the steps."""
        return torch.stack([m.index_select(1, cells) for m, cells in zip(maps, self.cells, strict=True)])

    def undo(
        self, skewed: Shaped[Tensor, "directions channels cells batch"]
    ) -> list[Shaped[Tensor, "channels cells batch"]]:
        """The maps of each direction, ``(C, cells, B)``, in the order of the grid."""
        return [m.index_select(1, positions) for m, positions in zip(skewed, self.positions, strict=True)]

    def by_step(
        self, skewed: Shaped[Tensor, "directions channels cells batch"]
    ) -> tuple[Shaped[Tensor, "directions channels _ batch"], ...]:
        """Skewed maps split into the steps."""
        steps: tuple[Tensor, ...] = skewed.split(self.counts, 2)
        return steps

    def neighbors_by_step(self) -> tuple[Int[Tensor, " _"], ...]:
        """The positions of the neighbors by step, ``(taps * cells)``, one tap after the other."""
        steps: tuple[Tensor, ...] = self.neighbors.split([self.taps * n for n in self.counts])
        return steps


def diagonals(sizes: Sequence[int]) -> Int[Tensor, "*sizes"]:
    """The diagonal of each cell of a grid: the sum of its indices."""
    return torch.stack(torch.meshgrid(*map(torch.arange, sizes), indexing="ij")).sum(0)


def rows(sizes: Sequence[int]) -> Int[Tensor, "*sizes"]:
    """The row of each cell of a grid: its first index. The rows of a volume are its slices."""
    return torch.arange(sizes[0]).reshape(-1, *[1] * (len(sizes) - 1)).expand(tuple(sizes))
