"""The Diagonal BiLSTM one coefficient at a time, its mirrored scans a row at a time."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar_plugins.backbones.masked_conv.incremental import GroupedWeight
from tensorar_plugins.backbones.pixel_rnn.base_stepper import (
    LayerInput,
    PixelRNNStepper,
    RecurrentWeights,
    by_group,
)
from tensorar_plugins.backbones.pixel_rnn.mirrored.scans import MirroredScans
from tensorar_plugins.backbones.pixel_rnn.mirrored.schedule import scan_schedule
from tensorar_plugins.backbones.pixel_rnn.state_cache import state_layout, state_weights


class DiagonalBiLSTMStepper(PixelRNNStepper):
    """The stepper of a PixelRNN for the plain scan, which reads the states of the neighbors on every axis.

    The mirrored scans go through a row when the next one begins, because the row's maps are known then in all layers:
    one loop over its columns for all layers at once (``ScanSchedule``, for any number of axes). Cached besides are the
    maps of that row, and mirrored states as long as they are read.
    """

    def begin(self) -> None:
        backbone, ranks = self.backbone, self.backbone.grid.ranks(self.order)
        layers, width = backbone.layers, backbone.channels
        self.schedule = scan_schedule(ranks)
        biases = [_gate_bias(layer, self.context) for layer in layers]
        self.mirrored = MirroredScans(self.schedule, layers, biases, backbone.own_pixel, self.batch)
        # inputs of the current step: its own maps, and those of the other groups of the cell
        others = max(map(len, self.schedule.input_groups))
        inputs = layers[0].weight.detach().new_zeros(len(layers), 2 * width * (1 + others), self.batch)
        self.own_maps, self.other_maps = inputs.split([2 * width, 2 * width * others], 1)
        groups = self.schedule.groups
        layer_inputs = [self._layer_inputs(layers, inputs, group) for group in range(groups)]
        plain = [_weights(layer, bias[:, 0], groups) for layer, bias in zip(layers, biases, strict=True)]
        layout = state_layout(ranks, self.schedule.offsets)
        self.make_caches(ranks, layout, plain, layer_inputs, self.schedule.viewed_groups)

    def _layer_inputs(self, layers: Any, inputs: Float[Tensor, "layers maps batch"], group: int) -> list[LayerInput]:
        """The input-to-state products of the plain scan for a group."""
        groups = self.schedule.groups
        own, others = (
            torch.tensor(sources, dtype=torch.long, device=inputs.device) + group * groups
            for sources in ([group], self.schedule.input_groups[group])
        )
        grouped = [GroupedWeight(by_group(layer.weight[0].detach(), groups).unsqueeze(2), groups) for layer in layers]
        weights = [torch.cat([state_weights(weight, types) for types in (own, others)], 1) for weight in grouped]
        rows = inputs[:, : weights[0].shape[1]]
        return [LayerInput(*tensors) for tensors in zip(self.own_maps, rows, weights, strict=True)]

    def state(self) -> dict[str, Tensor]:
        return super().state() | self.mirrored.state("mirrored")

    def store_features(self, t: int, features: Float[Tensor, "batch features"]) -> None:
        super().store_features(t, features)
        self.mirrored.store_features(t, features)

    def add_states(self, t: int, group: int) -> None:
        super().add_states(t, group)
        self.mirrored.advance(t)
        view_slots, input_slots = self.schedule.view_slots[t], self.schedule.input_slots[t]
        if view_slots is not None:
            self.states[:, self.weights[group].in_views].copy_(self.mirrored.cache.gather(view_slots))
        if input_slots is not None:
            maps = self.mirrored.maps.index_select(2, input_slots).flatten(1, 2)
            self.other_maps[:, : maps.shape[1]].copy_(maps)

    def store_states(self, t: int) -> None:
        super().store_states(t)
        self.mirrored.store_maps(t, self.own_maps)


def _gate_bias(
    layer: Any, context: Float[Tensor, "batch context"] | None
) -> Float[Tensor, "batch_or_1 directions gates"]:
    """The biases of a layer's gates, and what the context adds."""
    bias = layer.bias.detach()
    with_context: Tensor = layer.context(bias.reshape(1, -1), context).detach()
    return with_context.reshape(len(with_context), *bias.shape[:2])


def _weights(layer: Any, bias: Float[Tensor, "batch_or_1 gates"], groups: int) -> RecurrentWeights:
    """The plain scan of a ``DiagonalLayer``."""
    scan, join = layer.scan, layer.join
    state = by_group(scan.weight[0].detach(), groups).unflatten(1, (-1, scan.skew.taps))
    hidden, cell = (s.detach()[0].flatten() for s in (scan.hidden, scan.cell))
    grouped_bias = by_group(bias.T, groups).T.unflatten(1, (groups, -1))
    to_maps = GroupedWeight(join.weight.detach().unsqueeze(2), groups)
    return RecurrentWeights(GroupedWeight(state, groups), grouped_bias, to_maps, join.bias.detach()[:, 0], hidden, cell)
