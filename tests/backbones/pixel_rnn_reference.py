"""The PixelRNNs by the textbook: pixel by pixel, group by group, in plain loops."""

from __future__ import annotations

import torch


class Pixels:
    """Which group of which pixel of an image may see which, by rank; outside of the image ranks go on as inside."""

    def __init__(self, grid, order):
        rank = grid.rank(order.rank)
        self.groups, self.height, self.width = rank.shape
        self.strides = [int(rank.select(a, 1).flatten()[0]) if rank.shape[a] > 1 else 0 for a in range(3)]

    def may(self, group, i, j, group_seen, i_seen, j_seen):
        (g, h, w) = self.strides
        return group_seen * g + i_seen * h + j_seen * w <= group * g + i * h + j * w

    def inside(self, i, j):
        return 0 <= i < self.height and 0 <= j < self.width

    def mask(self, i, j, i_seen, j_seen, rows, columns):
        """``(groups * rows, groups * columns)``: zero for what a group of pixel ``i, j`` may not see at another."""
        may = [[self.may(g, i, j, s, i_seen, j_seen) for s in range(self.groups)] for g in range(self.groups)]
        return torch.tensor(may).double().repeat_interleave(rows, 0).repeat_interleave(columns, 1)


def lstm(gates, cell):
    """One step of the textbook's LSTM: gates o, f, i and the candidate."""
    out, forget, enter, candidate = gates.reshape(4, -1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    return out.sigmoid() * cell.tanh(), cell


def gate_mask(mask):
    """The same mask for each of the four gates."""
    return mask.repeat(4, 1)
