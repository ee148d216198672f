"""The mirrored scans of a diagonal recurrence during stepping: rows at a time, in all layers at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.pixel_rnn.mirrored.schedule import ScanSchedule, Stage, Wavefront
from tensorar_plugins.backbones.pixel_rnn.scan_lstm import block_mask
from tensorar_plugins.backbones.pixel_rnn.state_cache import LSTMCell, StateCache


class MirroredScans:
    """The states of the mirrored directions of ``DiagonalLayer``, computed and kept by the plan of a ``ScanSchedule``.

    Cached are the states, and the maps and features of the steps that the scans have not been through. A wavefront is
    one product for the inputs of all of its cells, then a loop over its stages, each one product and the LSTM's
    pointwise part.
    """

    def __init__(
        self,
        schedule: ScanSchedule,
        layers: Iterable[Any],
        biases: Sequence[Float[Tensor, "batch_or_1 directions gates"]],
        own_pixel: MaskedConv | None,
        batch: int,
    ) -> None:
        layers = list(layers)
        like, count, width = layers[0].weight.detach(), len(layers), layers[0].scan.channels // schedule.groups
        self.schedule, self.batch = schedule, batch
        # rings of the last steps: (layers, 2 * width, steps, B) and (features, steps, B)
        self.maps = like.new_zeros(count, 2 * width, schedule.ring_size, batch)
        features = 0 if own_pixel is None else own_pixel.weight.shape[1] // schedule.groups
        self.features = like.new_zeros(features, schedule.ring_size, batch)
        self.cache = StateCache(count, width, schedule.zeros + 1, batch, like)
        self.cache.set_outside(schedule.outside, [(layer.scan.hidden, layer.scan.cell) for layer in layers])
        self.buffers: dict[tuple[int, ...], tuple[LSTMCell, Tensor]] = {}
        self.weights: dict[Any, WavefrontWeights] = {}
        for wavefront in (wavefront for begun in schedule.wavefronts.values() for wavefront in begun):
            if wavefront.weights_key not in self.weights:
                assert own_pixel is not None
                bias = [b[:, wavefront.direction] for b in biases]
                weights = WavefrontWeights(wavefront, layers, bias, own_pixel, schedule.input_mask)
                self.weights[wavefront.weights_key] = weights

    def store_features(self, t: int, features: Float[Tensor, "batch features"]) -> None:
        """Cache the features of step ``t``."""
        if self.schedule.wavefronts:
            self.features.select(1, t % self.schedule.ring_size).copy_(features.T)

    def store_maps(self, t: int, maps: Float[Tensor, "layers maps batch"]) -> None:
        """Cache the inputs of the layers at step ``t``."""
        if self.schedule.ring_size:
            self.maps.select(2, t % self.schedule.ring_size).copy_(maps)

    def state(self, name: str) -> dict[str, Tensor]:
        """The tensors of the batch, by names that begin with ``name``."""
        rings = {f"{name}.maps": self.maps.movedim(-1, 0), f"{name}.features": self.features.movedim(-1, 0)}
        return rings | self.cache.state(f"{name}.states")

    def advance(self, t: int) -> None:
        """Compute the states that are first read at step ``t``, and those that are ready with them."""
        for wavefront in self.schedule.wavefronts.get(t, ()):
            self._scan(wavefront)

    def _scan(self, wavefront: Wavefront) -> None:
        weights, batch = self.weights[wavefront.weights_key], self.batch
        # (layers, maps, cells * B) and (features, cells * B)
        maps = self.maps.index_select(2, wavefront.maps).view(*weights.inputs.shape[::2], -1)
        features = self.features.index_select(1, wavefront.maps).view(-1, maps.shape[2])
        bias = weights.bias if weights.bias.shape[2] == 1 else weights.bias.repeat(1, 1, maps.shape[2] // batch)
        gates = torch.baddbmm(bias, weights.inputs, maps)
        gates[0].addmm_(weights.own_pixel, features)
        widths = [stage.cells * batch for stage in wavefront.stages]
        for stage, stage_gates in zip(wavefront.stages, gates.split(widths, 2), strict=True):
            self._advance(stage, stage_gates, weights.state)

    def _advance(
        self,
        stage: Stage,
        gates: Float[Tensor, "layers gates cells_batch"],
        weight: Float[Tensor, "layers gates states"],
    ) -> None:
        cache, (lstm, hidden) = self.cache, self._buffer(gates.shape, len(stage.previous))
        cell = cache.cell.index_select(2, stage.previous)
        torch.baddbmm(gates, weight, cache.gather(stage.taps, stage.cells), out=lstm.sums)
        lstm.step(cell.view(lstm.out.shape), hidden.view(lstm.out.shape))
        cache.store(stage.own, hidden, cell)

    def _buffer(self, shape: torch.Size, states: int) -> tuple[LSTMCell, Float[Tensor, "layers width states batch"]]:
        """Buffers for a stage with this number of states, reused by all stages of its shape."""
        if shape not in self.buffers:
            hidden = self.cache.hidden[:, :, :1].repeat(1, 1, states, 1)
            self.buffers[shape] = LSTMCell(shape, hidden, self.cache.cell), hidden
        return self.buffers[shape]


class WavefrontWeights:
    """The weights of the groups of a wavefront, in the order of its tables.

    ``inputs`` ``(layers, gates, maps)``, ``state`` ``(layers, gates, states)`` and ``bias``; ``own_pixel`` ``(gates,
    features)`` goes from the features of the cell itself to the gates of the first layer's mirrored scan.
    """

    def __init__(
        self,
        wavefront: Wavefront,
        layers: Sequence[Any],
        bias: Sequence[Float[Tensor, "batch_or_1 gates"]],
        own_pixel: MaskedConv,
        mask: Bool[Tensor, "groups groups"],
    ) -> None:
        self.wavefront, self.groups = wavefront, len(mask)
        inputs = [self._rows(layer.weight[wavefront.direction].detach() * layer.live) for layer in layers]
        states = [layer.scan.weight[wavefront.direction].detach() for layer in layers]
        live = [layer.scan.live for layer in layers]
        states = [s if k is None else s * k for s, k in zip(states, live, strict=True)]
        self.inputs = torch.stack([self._of_maps(weight) for weight in inputs])
        self.state = torch.stack([self._of_states(self._rows(state), layers[0].scan.skew.taps) for state in states])
        self.bias = torch.stack([self._rows(b.T) for b in bias])
        outputs, features = (size // self.groups for size in own_pixel.weight.shape[:2])
        pixel_weight = own_pixel.weight.detach().flatten(1) * block_mask(mask, outputs, features)
        self.own_pixel = self._of_maps(inputs[0] @ pixel_weight)
        assert own_pixel.bias is not None
        self.bias[0] += inputs[0] @ own_pixel.bias.detach().unsqueeze(1)

    def _rows(self, weight: Float[Tensor, "all_gates columns"]) -> Float[Tensor, "gates columns"]:
        """The gates of the wavefront's groups: gates, then channels, then groups, as their states are side by side."""
        by_gate = weight.unflatten(0, (4, self.groups, -1))[:, list(self.wavefront.groups)]
        rows: Tensor = by_gate.transpose(1, 2).flatten(0, 2)
        return rows

    def _of_maps(self, weight: Float[Tensor, "gates groups_maps"]) -> Float[Tensor, "gates maps"]:
        by_group = weight.unflatten(1, (self.groups, -1))[:, list(self.wavefront.input_groups)]
        columns: Tensor = by_group.transpose(1, 2).flatten(1)
        return columns

    def _of_states(self, weight: Float[Tensor, "gates channels_taps"], taps: int) -> Float[Tensor, "gates states"]:
        tap, group = (list(index) for index in zip(*self.wavefront.taps, strict=True))
        by_type = weight.unflatten(1, (self.groups, -1, taps))[:, group, :, tap]
        columns: Tensor = by_type.permute(1, 2, 0).flatten(1)
        return columns
