"""The Row LSTM one coefficient at a time, its state-to-state convolution a row at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import cached_plan
from tensorar_plugins.backbones.masked_conv.cache_layout import step_of_node
from tensorar_plugins.backbones.masked_conv.incremental import GroupedWeight, IncrementalConvs, LayerAtStep, with_bias
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixel_rnn.base_stepper import (
    GroupWeights,
    LayerInput,
    PixelRNNStepper,
    RecurrentWeights,
    by_group,
)
from tensorar_plugins.backbones.pixel_rnn.skew import rows
from tensorar_plugins.backbones.pixel_rnn.state_cache import state_layout

# steps whose state-to-state component is computed by one product; bounds memory where a row is a slice
MAX_STEPS_PER_CALL = 64


class RowSegment(NamedTuple):
    """Steps of one row and group whose gates are computed together.

    ``length`` steps with slots from ``slot`` on; ``state_slots`` are the states that they read, by type and step.
    """

    length: int
    slot: int
    state_slots: Tensor


class RowPlan(NamedTuple):
    """``segments[t]`` is computed when step ``t`` begins; step ``t`` finds its gates in ``slot[t]`` of ``slots``."""

    segments: dict[int, RowSegment]
    slot: list[int]
    slots: int


class RowLSTMStepper(PixelRNNStepper):
    """The stepper of a PixelRNN that computes the state-to-state convolution for a whole row when that row begins.

    All that it reads is in the previous row: one product serves all layers, and 64 coefficients of a group. The
    results, ``row_gates (layers, 4 * width, slots, B)``, are kept until the step of each coefficient.
    """

    def begin(self) -> None:
        backbone, ranks = self.backbone, self.backbone.grid.ranks(self.order)
        convs = [with_bias(layer.input_to_state, self.context) for layer in backbone.layers]
        self.inputs = IncrementalConvs(convs, ranks, self.batch)
        inputs = [[_layer_input(layer) for layer in layers] for layers in self.inputs.layers]
        weights = [_weights(layer, bias) for layer, (_, bias) in zip(backbone.layers, convs, strict=True)]
        self.make_caches(ranks, state_layout(ranks, backbone.offsets), weights, inputs, [[] for _ in inputs])
        self.plan = row_plan(ranks, backbone.offsets)
        layers, gates, batch = self.partial_gates.shape
        self.row_gates = self.partial_gates.new_zeros(layers, gates, self.plan.slots, batch)
        self.gates_at = self.row_gates.unbind(2)

    def state(self) -> dict[str, Tensor]:
        return super().state() | self.inputs.state("inputs") | {"row_gates": self.row_gates.movedim(-1, 0)}

    def set_partial_gates(self, t: int, group: int) -> None:
        self.inputs.fetch(t)
        if t in self.plan.segments:
            self._compute_segment(self.plan.segments[t], self.weights[group])
        self.partial_gates.copy_(self.gates_at[self.plan.slot[t]])

    def _compute_segment(self, segment: RowSegment, weights: GroupWeights) -> None:
        # (layers, width * types, length * B)
        states = self.cache.gather(segment.state_slots, segment.length)
        bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, segment.length)
        # (layers, 4 * width, length * B), a view
        gates = self.row_gates.narrow(2, segment.slot, segment.length).flatten(2)
        torch.baddbmm(bias, weights.state, states, out=gates)

    def store_states(self, t: int) -> None:
        super().store_states(t)
        self.inputs.store(t)


@cached_plan(maxsize=16)
def row_plan(ranks: Ranks, offsets: tuple[tuple[int, ...], ...]) -> RowPlan:
    """The segments of the rows of each group, and their slots.

    Groups that alternate within a row (colors last) have slots of their own.
    """
    layout = state_layout(ranks, offsets)
    row = torch.empty_like(ranks.rank.flatten())
    row_of_cell = rows(ranks.rank.shape[1:]).to(row.device).flatten()
    row[step_of_node(ranks)] = row_of_cell.repeat_interleave(len(ranks.rank))
    segments: list[tuple[int, list[int]]] = []
    for group, of_group in enumerate(layout.steps):
        lengths = row[of_group].unique_consecutive(return_counts=True)[1].tolist()
        for of_row in of_group.split(lengths):
            segments += [(group, segment.tolist()) for segment in of_row.split(MAX_STEPS_PER_CALL)]
    segments.sort(key=lambda segment: segment[1])
    alternating = any(before[-1] > after[0] for (_, before), (_, after) in pairwise(segments))
    longest = max(len(steps) for _, steps in segments)
    plan = RowPlan({}, [0] * len(row), longest * (len(layout.steps) if alternating else 1))
    for group, steps in segments:
        first = group * longest if alternating else 0
        state_slots = torch.stack([layout.neighbor_slots[t] for t in steps], 1).flatten()
        plan.segments[steps[0]] = RowSegment(len(steps), first, state_slots)
        for i, t in enumerate(steps):
            plan.slot[t] = first + i
    return plan


def _layer_input(layer: LayerAtStep) -> LayerInput:
    assert layer.own_input is not None
    return LayerInput(layer.own_input.T, layer.inputs.T, layer.weight.T)


def _weights(layer: Any, bias: Float[Tensor, "batch_or_1 groups gates"]) -> RecurrentWeights:
    """The recurrent part of a ``RowLayer``."""
    scan, groups = layer.scan, layer.groups
    state = by_group(scan.weight[0].detach(), groups).unflatten(1, (-1, scan.skew.taps))
    hidden, cell = (s.detach().flatten() for s in (scan.hidden, scan.cell))
    return RecurrentWeights(
        GroupedWeight(state, groups), bias, layer.to_maps, layer.to_maps.bias.detach(), hidden, cell
    )
