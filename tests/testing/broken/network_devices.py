"""Backbones and steppers that make or keep tensors on the CPU."""

from __future__ import annotations

import torch

from tests.testing.reference import Dense, Lines, LinesStepper, Masks


class PositionsOnTheCPU(Lines):
    """Makes positions on the CPU in every pass."""

    def forward(self, features, order, context=None):
        position = torch.arange(len(order), dtype=features.dtype).reshape(*self.signature.event_shape, 1)
        return super().forward(features, order, context) + position / 10

    def stepper(self, order, batch, context=None):
        return None


class TableNotMoved(Dense):
    """Keeps its degrees as an attribute, which ``to`` does not move."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        degrees = self.degrees
        del self.degrees
        self.degrees = degrees


class SumsOnTheCPU(Lines):
    """A stepper that allocates its sums on the CPU."""

    def stepper(self, order, batch, context=None):
        return _OnTheCPU(self, order, batch, context)


class _OnTheCPU(LinesStepper):
    def begin(self):
        super().begin()
        self.steps = torch.zeros(self.batch, 1, dtype=self.sums.dtype)

    def advance(self, features, t):
        return super().advance(features, t) + self.steps


class MasksOnTheCPU(Masks):
    """Gathers with an index made on the CPU."""

    def queried(self, everything, query):
        rows = torch.arange(everything.shape[1])
        return super().queried(everything.index_select(1, rows), query)


class ThroughNumpy(Lines):
    """Computes its mask with numpy."""

    def mask(self, order):
        rank = order.rank.flatten().numpy()
        return torch.from_numpy(rank[None, :] < rank[:, None])


CAUGHT = {
    PositionsOnTheCPU: "any_device",
    TableNotMoved: "any_device",
    SumsOnTheCPU: "any_device",
    MasksOnTheCPU: "any_device",
    ThroughNumpy: "any_device",
}
