"""A cache for the LSTM states of neighboring coefficients, each kept until its last reader."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar import cached_plan
from tensorar_plugins.backbones.masked_conv.cache_layout import cache_layout
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.incremental import GroupedWeight, tap_weights
from tensorar_plugins.backbones.masked_conv.taps import Offsets, Ranks


@cached_plan(maxsize=16)
def state_layout(ranks: Ranks, offsets: tuple[tuple[int, ...], ...]) -> StateLayout:
    """The ``StateLayout`` for some neighbors."""
    return StateLayout(ranks, offsets)


class StateLayout:
    """The slots of a ``StateCache`` that hold the states a step reads: at some offsets, and in its own cell.

    For each group, ``neighbor_types`` and ``cell_types`` are what it reads, as flat indices into ``(offsets, groups,
    groups)`` and ``(groups, groups)``. For each step, ``neighbor_slots[t]`` and ``cell_slots[t]`` are the slots of
    these, ``previous_slot[t]`` that of its own group at the first offset, and ``slot[t]`` where its own states are
    stored. The states outside of the grid have a slot for each group, from ``outside`` on.
    """

    def __init__(self, ranks: Ranks, offsets: tuple[tuple[int, ...], ...]) -> None:
        groups, center = len(ranks.rank), (0,) * len(offsets[0])
        layout = cache_layout(ranks.taps(Offsets((*offsets, center)), include_self=True), ranks)
        self.slot, self.steps, self.outside = layout.slot, layout.steps, layout.size
        self.neighbor_types: list[Tensor] = []
        self.cell_types: list[Tensor] = []
        neighbors: dict[int, Tensor] = {}
        cells: dict[int, Tensor] = {}
        previous: dict[int, int] = {}
        by_group = zip(layout.edge_types, layout.reads, layout.steps, strict=True)
        for group, (types, reads, of_group) in enumerate(by_group):
            steps = of_group.tolist()
            reads = torch.where(reads > 0, reads, self.outside + types % groups)
            is_neighbor = types < len(offsets) * groups**2
            in_cell = ~is_neighbor & (types % groups != group)
            self.neighbor_types.append(types[is_neighbor])
            self.cell_types.append(types[in_cell] - len(offsets) * groups**2)
            neighbors.update(zip(steps, reads[:, is_neighbor].unbind(), strict=True))
            cells.update(zip(steps, reads[:, in_cell].unbind(), strict=True))
            # an event of one cell has no such neighbor
            first = reads[:, types == group * (groups + 1)].flatten().tolist() or [self.outside + group]
            previous.update(zip(steps, first, strict=True))
        by_step = range(len(self.slot))
        self.neighbor_slots, self.cell_slots = [neighbors[t] for t in by_step], [cells[t] for t in by_step]
        self.previous_slot = [previous[t] for t in by_step]


class StateCache:
    """Hidden and cell states of all layers: ``(layers, width, slots, B)`` each.

    Channels come first and the batch last, so that states side by side are one operand of a matrix product, as in
    ``ScanLSTM``.
    """

    def __init__(self, layers: int, width: int, slots: int, batch: int, like: Float[Tensor, "*shape"]) -> None:
        self.hidden = like.new_zeros(layers, width, slots, batch)
        # a sum over all steps: it stays in single precision where the rest is in half
        self.cell = self.hidden.to(torch.promote_types(like.dtype, torch.float32), copy=True)

    def gather(self, slots: Int[Tensor, " slots"], columns: int = 1) -> Float[Tensor, "layers rows columns_batch"]:
        """Hidden states, ``(layers, width * slots, columns * B)``; ``slots`` lists types, and columns within them."""
        layers, width, _, batch = self.hidden.shape
        found = self.hidden.index_select(2, slots)
        return found.view(layers, width * len(slots) // columns, columns * batch)

    def set_outside(self, first: int, states: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Write the states outside of the grid to the slots from ``first`` on.

        ``states`` are the hidden and the cell state of each layer, of ``groups * width`` numbers each.
        """
        for cache, of_layers in zip((self.hidden, self.cell), zip(*states, strict=True), strict=True):
            flat = torch.stack([state.detach().flatten() for state in of_layers])
            # (layers, groups * width) to (layers, width, groups, 1)
            by_group = flat.unflatten(1, (-1, cache.shape[1])).mT.unsqueeze(3)
            cache[:, :, first : first + by_group.shape[2]].copy_(by_group)

    def store(
        self,
        slots: slice | Int[Tensor, " slots"],
        hidden: Float[Tensor, "layers width slots batch"],
        cell: Float[Tensor, "layers width slots batch"],
    ) -> None:
        """Write states to the slots."""
        for cache, states in ((self.hidden, hidden), (self.cell, cell)):
            if isinstance(slots, slice):
                cache[:, :, slots].copy_(states)
            else:
                cache.index_copy_(2, slots, states)

    def state(self, name: str) -> dict[str, Float[Tensor, "batch layers width slots"]]:
        """The tensors of the batch, by names that begin with ``name``."""
        return {f"{name}.hidden": self.hidden.movedim(-1, 0), f"{name}.cell": self.cell.movedim(-1, 0)}


class LSTMCell:
    """The pointwise part of an LSTM: ``sums``, ``(..., 4 * width, columns)``, are gates o, f, i and the candidate."""

    def __init__(self, shape: Sequence[int], like: Float[Tensor, "..."], cell: Float[Tensor, "..."]) -> None:
        self.sums = like.new_empty(tuple(shape))
        # in the dtype of the cell states
        self.gates = self.sums.to(cell.dtype)
        width = shape[-2] // 4
        self.sigmoids, self.candidate = self.gates.split([3 * width, width], -2)
        self.out, self.forget, self.enter = self.sigmoids.chunk(3, -2)

    def step(self, cell: Float[Tensor, "*shape width columns"], hidden: Float[Tensor, "*shape width columns"]) -> None:
        """Update cell states in place, and write the hidden ones."""
        if self.gates is not self.sums:
            self.gates.copy_(self.sums)
        self.sigmoids.sigmoid_()
        self.candidate.tanh_()
        cell.mul_(self.forget).addcmul_(self.enter, self.candidate)
        torch.tanh(cell, out=self.candidate)
        torch.mul(self.out, self.candidate, out=hidden)


def state_weights(
    layer: MaskedConv | GroupedWeight, types: Int[Tensor, " types"]
) -> Float[Tensor, "outputs inputs_types"]:
    """The weights of some types, ``(outputs, inputs * types)``: for what ``StateCache.gather`` gives."""
    inputs = layer.weight.shape[1] // layer.groups
    weights = tap_weights(layer, types)
    return weights.view(len(types), inputs, weights.shape[1]).permute(2, 1, 0).flatten(1)
