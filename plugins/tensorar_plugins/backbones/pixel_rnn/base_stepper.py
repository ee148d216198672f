"""The base class of the steppers of the two PixelRNNs, which differ in what their recurrent layers read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tensorar import CachedStepper
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.incremental import (
    GroupedWeight,
    IncrementalConvs,
    output_parameters,
    with_bias,
)
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixel_rnn.state_cache import LSTMCell, StateCache, StateLayout, state_weights


class RecurrentWeights(NamedTuple):
    """The recurrent part of a layer.

    ``state``, a tap for each neighbor, maps states to gates with ``bias`` ``(1 or B, groups, 4 * width)``; ``to_maps``
    maps states to what is added to the maps, with ``maps_bias`` ``(groups * outputs)``. ``hidden`` and ``cell``,
    ``(groups * width)``, are the states outside of the grid.
    """

    state: GroupedWeight
    bias: Tensor
    to_maps: GroupedWeight | MaskedConv
    maps_bias: Tensor
    hidden: Tensor
    cell: Tensor


class LayerInput(NamedTuple):
    """The input-to-state product of a layer for one group, ``weight @ inputs``; ``maps`` are the layer's own input.

    ``maps`` ``(maps, B)``, ``inputs`` ``(inputs, B)`` with ``maps`` among them or equal to them, ``weight``
    ``(4 * width, inputs)``.
    """

    maps: Tensor
    inputs: Tensor
    weight: Tensor


class _LayerStep(NamedTuple):
    """The tensors of a layer in the loop of a step, for one group."""

    partial_gates: Tensor
    input: LayerInput
    cell: Tensor
    hidden: Tensor
    to_maps: Tensor
    states: Tensor
    next_maps: Tensor


class PixelRNNStepper(CachedStepper):
    """The layers of a PixelRNN one coefficient at a time, each activation once.

    Cached are the inputs of the masked convolutions (see ``IncrementalConvs``) and the states, as long as they are
    read: mostly a few rows. What a step reads from earlier ones is known for all layers before it begins, so it is
    gathered and multiplied for all layers at once. Then a layer is two matrix products over the batch, with the LSTM's
    pointwise part between them.

    ``begin`` of a subclass ends with ``make_caches``. A subclass may extend ``add_states`` and ``set_partial_gates``,
    which compute what follows from earlier steps.
    """

    def make_caches(
        self,
        ranks: Ranks,
        layout: StateLayout,
        layers: Sequence[RecurrentWeights],
        inputs: Sequence[Sequence[LayerInput]],
        viewed_groups: Sequence[Sequence[int]],
    ) -> None:
        """Allocate the caches that both steppers use.

        ``inputs[group]`` has an entry for each of the ``layers``; ``viewed_groups[group]`` are the groups whose
        mirrored states are added to the group's maps.
        """
        backbone, batch, self.layout = self.backbone, self.batch, layout
        like, groups, width = backbone.first.conv.weight.detach(), backbone.grid.groups, backbone.channels
        self.first, self.output = (
            IncrementalConvs([with_bias(layer, self.context) for layer in layers], ranks, batch)
            for layers in ([backbone.first], backbone.output.layers)
        )
        self.cache = StateCache(len(layers), width, layout.outside + groups, batch, like)
        self.cache.set_outside(layout.outside, [(layer.hidden, layer.cell) for layer in layers])
        self.weights = [GroupWeights(layers, layout, group, viewed_groups[group]) for group in range(groups)]
        # of the current step: a row of ones for the bias, its own hidden states, and those of other groups
        rows = max(weights.to_maps.shape[2] for weights in self.weights)
        self.states = like.new_ones(len(layers), rows, batch)
        self.partial_gates = like.new_empty(len(layers), 4 * width, batch)
        self.hidden, self.cell = self.states[:, 1 : 1 + width], torch.empty_like(self.cache.cell[:, :, 0])
        self.lstm = LSTMCell((4 * width, batch), like, self.cell)
        self.steps = [self._layer_steps(*of_group) for of_group in zip(self.weights, inputs, strict=True)]

    def _layer_steps(self, weights: GroupWeights, inputs: Sequence[LayerInput]) -> list[_LayerStep]:
        maps = [layer.maps for layer in inputs]
        maps.append(torch.empty_like(maps[0]))
        states = self.states[:, : weights.to_maps.shape[2]]
        by_layer = (self.partial_gates, inputs, self.cell, self.hidden, weights.to_maps, states, maps[1:])
        return [_LayerStep(*tensors) for tensors in zip(*by_layer, strict=True)]

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        if features is not None:
            self.store_features(t - 1, features)
        self.first.fetch(t)
        self.output.fetch(t)
        group = self.first.group[t]
        self.set_partial_gates(t, group)
        self.add_states(t, group)
        self.cell.copy_(self.cache.cell.select(2, self.layout.previous_slot[t]))
        maps = self._run(group)
        self.store_states(t)
        parameters = output_parameters(self.output.layers[group], maps.T)
        self.output.store(t)
        return parameters

    def state(self) -> dict[str, Tensor]:
        return self.first.state("first") | self.output.state("output") | self.cache.state("states")

    def _run(self, group: int) -> Float[Tensor, "maps batch"]:
        """All layers one after the other; returns the last maps and leaves the states in ``hidden`` and ``cell``."""
        (first,), steps, lstm = self.first.layers[group], self.steps[group], self.lstm
        # transposed factors and not a transposed output, which cuBLAS refuses for a batch of one
        torch.addmm(first.bias.T, first.weight.T, first.inputs.T, out=steps[0].input.maps)
        for partial_gates, (maps, inputs, weight), cell, hidden, to_maps, states, next_maps in steps:
            torch.addmm(partial_gates, weight, inputs, out=lstm.sums)
            lstm.step(cell, hidden)
            torch.addmm(maps, to_maps, states, out=next_maps)
        return steps[-1].next_maps

    def store_features(self, t: int, features: Float[Tensor, "batch features"]) -> None:
        """Cache the features of step ``t``."""
        self.first.store(t, features)

    def set_partial_gates(self, t: int, group: int) -> None:
        """Write the bias and the state-to-state component of the gates to ``partial_gates``."""
        weights = self.weights[group]
        neighbors = self.cache.gather(self.layout.neighbor_slots[t])
        torch.baddbmm(weights.bias, weights.state, neighbors, out=self.partial_gates)

    def add_states(self, t: int, group: int) -> None:
        """Write the states of other groups that are added to the maps of this step to ``states``."""
        in_cell = self.weights[group].in_cell
        if in_cell is not None:
            self.states[:, in_cell].copy_(self.cache.gather(self.layout.cell_slots[t]))

    def store_states(self, t: int) -> None:
        """Cache the states of step ``t``."""
        slot = self.layout.slot[t]
        self.cache.hidden.select(2, slot).copy_(self.hidden)
        self.cache.cell.select(2, slot).copy_(self.cell)


class GroupWeights:
    """The weights of a group for all layers: ``(layers, outputs, inputs)``.

    ``state`` maps the states of neighbors to the gates, with ``bias``. ``to_maps`` maps to the maps: a row of ones,
    the group's own states, those of other groups ``in_cell``, and the mirrored ones of the viewed groups ``in_views``.
    The last two are slices of its inputs, None if empty.
    """

    def __init__(
        self, layers: Sequence[RecurrentWeights], layout: StateLayout, group: int, viewed_groups: Sequence[int]
    ) -> None:
        groups = len(layout.steps)
        self.bias = torch.stack([layer.bias[:, group].T for layer in layers])
        self.state = torch.stack([state_weights(layer.state, layout.neighbor_types[group]) for layer in layers])
        maps_bias = torch.stack([layer.maps_bias.unflatten(0, (groups, -1, 1))[group] for layer in layers])
        own, views = (
            layout.steps[group].new_tensor([group * groups + source for source in sources])
            for sources in ([group], viewed_groups)
        )
        parts = [
            torch.stack([state_weights(layer.to_maps, types) for layer in layers])
            for types in (own, layout.cell_types[group], views)
        ]
        self.to_maps = torch.cat([maps_bias, *parts], 2)
        own_size, cell_size, view_size = (part.shape[2] for part in parts)
        start = 1 + own_size
        self.in_cell = slice(start, start + cell_size) if cell_size else None
        self.in_views = slice(start + cell_size, start + cell_size + view_size) if view_size else None


def by_group(weight: Shaped[Tensor, "gates_groups_width *rest"], groups: int) -> Shaped[Tensor, "rows *rest"]:
    """Rows that are gates before groups, ``(4 * groups * width, ...)``, as groups before gates."""
    rows: Tensor = weight.unflatten(0, (4, groups, -1)).transpose(0, 1).flatten(0, 2)
    return rows
