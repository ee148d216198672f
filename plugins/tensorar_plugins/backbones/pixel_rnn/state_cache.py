"""The states of an LSTM at neighbouring coefficients, kept for as long as a walk looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch

from tensorar_plugins.backbones.masked_conv.cache_layout import TapTable, tap_weights


@dataclass(frozen=True)
class Offsets:
    """Cells to look at that fill no box; ``Ranks.taps`` takes them in place of a kernel."""

    offsets: tuple[tuple[int, ...], ...]
    dilation: ClassVar[int] = 1

    @property
    def size(self):
        """The size of the box around them."""
        return tuple(2 * max(map(abs, axis)) + 1 for axis in zip(*self.offsets, strict=True))


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def state_table(ranks, offsets):
    """The ``StateTable`` of some neighbours."""
    return StateTable(ranks, offsets)


class StateTable:
    """Which places of a ``StateMemory`` hold the states looked at: at some offsets, and beside in the own cell.

    For each group ``neighbours`` and ``beside`` are the looks, as flat indices into ``(offsets, groups, groups)`` and
    ``(groups, groups)``. For each step ``seen[t]`` and ``told[t]`` are their places, ``before[t]`` that of the own
    group at the first offset, and ``place[t]`` where the step's own states go. The states outside of the grid have a
    place for each group, from ``outside`` on.
    """

    def __init__(self, ranks, offsets):
        groups, centre = len(ranks.rank), (0,) * len(offsets[0])
        table = TapTable(ranks.taps(Offsets((*offsets, centre)), include_self=True), ranks)
        self.place, self.steps, self.outside = table.place, table.steps, table.size
        self.neighbours, self.beside = [], []
        self.seen, self.told, self.before = ([None] * len(table.place) for _ in range(3))
        for group, (kinds, reads) in enumerate(zip(table.kinds, table.reads, strict=True)):
            reads = torch.where(reads > 0, reads, self.outside + kinds % groups)
            away = kinds < len(offsets) * groups**2
            beside = ~away & (kinds % groups != group)
            self.neighbours.append(kinds[away])
            self.beside.append(kinds[beside] - len(offsets) * groups**2)
            self._enter(group, self.seen, reads[:, away].unbind())
            self._enter(group, self.told, reads[:, beside].unbind())
            # an event of one cell has no such neighbour
            first = reads[:, kinds == group * (groups + 1)].flatten().tolist() or [self.outside + group]
            self._enter(group, self.before, first)

    def _enter(self, group, by_step, rows):
        for t, row in zip(self.steps[group].tolist(), rows, strict=True):
            by_step[t] = row


class StateMemory:
    """Hidden and cell states of all layers: ``(layers, width, places, B)`` each.

    Channels first and batch last, so that looks side by side are one operand of a matrix product, as in ``ScanLSTM``.
    """

    def __init__(self, layers, width, places, batch, like):
        self.hidden = like.new_zeros(layers, width, places, batch)
        # a sum over all steps: it stays in single precision where the rest is in half
        self.cell = self.hidden.to(torch.promote_types(like.dtype, torch.float32), copy=True)

    def gather(self, index, columns=1):
        """Hidden states, ``(layers, width * looks, columns * B)``; ``index`` lists looks, and columns within them."""
        layers, width, _, batch = self.hidden.shape
        found = self.hidden.index_select(2, index)
        return found.view(layers, width * len(index) // columns, columns * batch)

    def begin(self, first, outside):
        """Put hidden and cell states outside of the grid, ``(groups * width)`` of every layer, at ``first`` and on."""
        for kept, states in zip((self.hidden, self.cell), zip(*outside, strict=True), strict=True):
            flat = torch.stack([state.detach().flatten() for state in states])
            by_group = flat.unflatten(1, (-1, kept.shape[1])).mT.unsqueeze(3)
            kept[:, :, first : first + by_group.shape[2]].copy_(by_group)

    def put(self, places, hidden, cell):
        """Keep states ``(layers, width, places, B)`` at a slice of the places, or at listed ones."""
        for kept, states in ((self.hidden, hidden), (self.cell, cell)):
            if isinstance(places, slice):
                kept[:, :, places].copy_(states)
            else:
                kept.index_copy_(2, places, states)

    def state(self, name):
        """The tensors of the batch, ``(batch, layers, width, places)``."""
        return {f"{name}.hidden": self.hidden.movedim(-1, 0), f"{name}.cell": self.cell.movedim(-1, 0)}


class Gates:
    """The pointwise part of an LSTM: ``sums``, ``(..., 4 * width, columns)``, are gates o, f, i and the candidate."""

    def __init__(self, shape, like, cell):
        self.sums = like.new_empty(shape)
        # in the number type of the cell states
        self.gates = self.sums.to(cell.dtype)
        width = shape[-2] // 4
        self.sigmoids, self.candidate = self.gates.split([3 * width, width], -2)
        self.out, self.forget, self.enter = self.sigmoids.chunk(3, -2)

    def step(self, cell, hidden):
        """Bring cell states up to date in place, and write the hidden ones."""
        if self.gates is not self.sums:
            self.gates.copy_(self.sums)
        self.sigmoids.sigmoid_()
        self.candidate.tanh_()
        cell.mul_(self.forget).addcmul_(self.enter, self.candidate)
        torch.tanh(cell, out=self.candidate)
        torch.mul(self.out, self.candidate, out=hidden)


def columns(layer, kinds):
    """The weights of some kinds of looks, ``(outputs, inputs * looks)``: for what ``StateMemory.gather`` gives."""
    inputs = layer.weight.shape[1] // layer.groups
    return tap_weights(layer, kinds).unflatten(0, (len(kinds), inputs)).permute(2, 1, 0).flatten(1)
