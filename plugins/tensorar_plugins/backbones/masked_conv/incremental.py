"""Incremental masked convolutions: one position at a time, the inputs of live taps gathered from a cache.

    convs = IncrementalConvs([with_bias(layer, context), ...], ranks, batch)
    convs.fetch(t)                                     # inputs from earlier steps, for all layers at once
    for layer in convs.layers[convs.group[t]]:         # one after the other
        layer.own_input.copy_(x)
        out = layer.output()
    convs.store(t)                                     # the inputs of this step, for later ones

``SlabConv`` does the same for rows and planes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from tensorar_plugins.backbones.layers.sizes import max_examples_per_call
from tensorar_plugins.backbones.masked_conv.cache_layout import StepWindow, cache_layout
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Ranks

# numbers gathered at once for many steps, by a layer
MAX_ELEMENTS_PER_CALL = 2**19
# a masked convolution, and what is added to its output at every position: (1 or batch, groups, outputs)
BiasedConv = tuple[MaskedConv, Tensor]
Inputs = Float[Tensor, "some steps inputs"]
Outputs = Float[Tensor, "some steps outputs"]


class LayerAtStep(NamedTuple):
    """A layer at the current step, for a coefficient of one group: ``bias + inputs @ weight``.

    ``inputs``, ``(batch, types * inputs)``, are the inputs of its live taps; ``own_input``, ``(batch, inputs)``, is
    the view of them that the step itself fills in, or None for a strict layer.
    """

    own_input: Tensor | None
    inputs: Tensor
    weight: Tensor
    bias: Tensor

    def output(self) -> Float[Tensor, "batch outputs"]:
        """The layer's output at the current step."""
        return torch.addmm(self.bias, self.inputs, self.weight)


class GroupedWeight(NamedTuple):
    """A weight in the layout of ``MaskedConv``: ``(groups * outputs, groups * inputs, taps)``."""

    weight: Tensor
    groups: int


def tap_weights(
    conv: MaskedConv | GroupedWeight, edge_types: Int[Tensor, " types"]
) -> Float[Tensor, "types_inputs outputs"]:
    """The weights of some edge types below each other, ``(types * inputs, outputs)``."""
    blocks = conv.weight.detach().flatten(2).unflatten(1, (conv.groups, -1)).unflatten(0, (conv.groups, -1))
    # (groups, outputs, groups, inputs, taps) to (taps, groups, groups, inputs, outputs)
    weights: Tensor = blocks.permute(4, 0, 2, 3, 1).flatten(0, 2)[edge_types].flatten(0, 1)
    return weights


def layer_bias(
    layer: MaskedLayer, context: Float[Tensor, "batch context"] | None
) -> Float[Tensor, "batch_or_1 groups outputs"]:
    """The bias of a layer at every position, including that of the context."""
    assert layer.conv.bias is not None
    bias: Tensor = layer.context(layer.conv.bias.unsqueeze(0), context).detach()
    return bias.reshape(len(bias), layer.conv.groups, -1)


def with_bias(layer: MaskedLayer, context: Float[Tensor, "batch context"] | None) -> BiasedConv:
    """A layer in the form that ``IncrementalConvs`` expects."""
    return layer.conv, layer_bias(layer, context)


class IncrementalConvs:
    """Layers that follow each other, one coefficient at a time.

    The cached inputs of a step are known before it begins, so layers of one shape fetch theirs by one operation, and
    each layer is one matrix product. ``layers[group]`` are the layers as they are for a group; ``group[t]`` is the
    group that step ``t`` visits.
    """

    def __init__(self, convs: Sequence[BiasedConv], ranks: Ranks, batch: int) -> None:
        alike: dict[Any, list[int]] = defaultdict(list)
        for i, (conv, _) in enumerate(convs):
            alike[conv.weight.shape, conv.kernel, conv.include_self].append(i)
        caches = [_CachedInputs([convs[i] for i in indices], ranks, batch) for indices in alike.values()]
        found = {i: (c, n) for indices, c in zip(alike.values(), caches, strict=True) for n, i in enumerate(indices)}
        self.places = [found[i] for i in range(len(convs))]
        self.layers = [[cache.layer(n, g) for cache, n in self.places] for g in range(len(ranks.rank))]
        self.group = caches[0].group
        # layers that read nothing but their own coefficient have nothing to fetch or store
        self.caches = [cache for cache in caches if cache.reads_earlier]

    def fetch(self, t: int) -> None:
        """Gather the inputs that step ``t`` reads from earlier steps."""
        for cache in self.caches:
            cache.fetch(t)

    def store(self, t: int, features: Float[Tensor, "batch inputs"] | None = None) -> None:
        """Cache the inputs of step ``t``: those filled in, or ``features`` for a strict layer."""
        for cache in self.caches:
            cache.store(t, features)

    def window(self, i: int, maps: Inputs, rows: slice, *, t: int = 0, start: Outputs | None = None) -> Outputs:
        """The output of layer ``i`` at several steps from ``t`` on, for some examples, given its inputs there.

        They are cached. ``start`` replaces the bias. A strict layer reads nothing at the last of these steps.
        """
        cache, n = self.places[i]
        return cache.window(n, maps, rows, t, start)

    def ahead(self, i: int, maps: Float[Tensor, "steps inputs"], t: int) -> Float[Tensor, "steps outputs"]:
        """Like ``window`` for a batch of one example, but the inputs wait for ``keep`` before they are cached."""
        cache, n = self.places[i]
        return cache.ahead(n, maps, t)

    def keep(self, t: int, count: int) -> None:
        """Cache the inputs that all layers were last given by ``ahead`` at step ``t``, for the first steps of these."""
        for cache in self.caches if count else []:
            cache.keep(t, count)

    def state(self, name: str) -> dict[str, Float[Tensor, "batch _ _ _"]]:
        """The tensors of the batch, ``(batch, layers, slots, inputs)``, by names that begin with ``name``."""
        states = [cache.state() for cache in self.caches]
        return {f"{name}.{i}.{key}": tensor for i, state in enumerate(states) for key, tensor in state.items()}


class _CachedInputs:
    """Layers of one shape: their cached inputs, and those of the current step."""

    def __init__(self, layers: list[BiasedConv], ranks: Ranks, batch: int) -> None:
        convs, self.biases = zip(*layers, strict=True)
        self.layout = layout = cache_layout(convs[0].taps(ranks), ranks)
        self.group, self.slot, self.reads = layout.group, layout.slot, layout.earlier_reads
        self.shape = count, batch = len(convs), batch
        inputs = convs[0].weight.shape[1] // convs[0].groups
        self.reads_earlier = any(len(types) > layout.include_self for types in layout.edge_types)
        # nothing but the steps that are computed, which are of one group
        self.reads_themselves = layout.include_self and not self.reads_earlier and len(layout.steps) == 1
        # per group (layers, types * inputs, outputs) and (layers * batch, types, inputs)
        self.weights = [torch.stack([tap_weights(conv, types) for conv in convs]) for types in layout.edge_types]
        if batch == 1:
            # a vector times a matrix is a fifth faster where the weights of an output lie together
            self.weights = [weight.mT.contiguous().mT for weight in self.weights]
        self.inputs = [self.weights[0].new_zeros(count * batch, len(types), inputs) for types in layout.edge_types]
        # per group (layers, batch, inputs); none for strict layers
        by_layer = [inputs_of_group.unflatten(0, (count, batch)) for inputs_of_group in self.inputs]
        self.own_inputs = [of_group[:, :, 0] for of_group in by_layer] if layout.include_self else []
        # (layers * batch, slots, inputs)
        self.cache = self.inputs[0].new_zeros(count * batch, layout.size if self.reads_earlier else 1, inputs)
        self.by_layer = self.cache.unflatten(0, (count, batch))
        self.by_slot, self.by_example = self.by_layer.unbind(2), self.cache.unbind()
        self.last_window: Any = ()
        self.inputs_ahead: dict[int, Tensor] = {}

    def layer(self, n: int, group: int) -> LayerAtStep:
        """One of the layers, for one group."""
        inputs = self.inputs[group].unflatten(0, self.shape)[n].flatten(1)
        own = self.own_inputs[group][n] if self.own_inputs else None
        return LayerAtStep(own, inputs, self.weights[group][n], self.biases[n][:, group])

    def fetch(self, t: int) -> None:
        """Gather the inputs that step ``t`` reads from earlier steps, for all layers."""
        torch.index_select(self.cache, 1, self.reads[t], out=self.inputs[self.group[t]])

    def store(self, t: int, features: Float[Tensor, "batch inputs"] | None) -> None:
        """Cache the inputs of step ``t``."""
        self.by_slot[self.slot[t]].copy_(self.own_inputs[self.group[t]] if features is None else features)

    def window(self, n: int, maps: Inputs, rows: slice, t: int, start: Outputs | None) -> Outputs:
        """The output of one of the layers at several steps from ``t`` on, whose inputs there are cached."""
        out = self._outputs(n, maps, rows, t, start)
        if self.reads_earlier:
            self._cache(n, maps, rows, self._window_of(t, t + maps.shape[1]))
        return out

    def ahead(self, n: int, maps: Float[Tensor, "steps inputs"], t: int) -> Float[Tensor, "steps outputs"]:
        """The output of one of the layers at several steps from ``t`` on, whose inputs there wait for ``keep``."""
        self.inputs_ahead[n] = maps
        if self.reads_themselves:
            return few_rows(maps, *self.transposed[0][n])
        both, steps = torch.cat([self.by_example[n], maps]), maps.shape[0]
        out = maps.new_empty(0)
        for (places, reads), layers in zip(self._window_of(t, t + steps).reads, self.transposed, strict=True):
            inputs = both.index_select(0, reads.view(-1)).view(reads.shape[0], reads.shape[1] * maps.shape[1])
            sums = few_rows(inputs, *layers[n])
            if sums.shape[0] == steps:
                return sums
            out = out if out.numel() else sums.new_empty(steps, sums.shape[1])
            out.index_copy_(0, places, sums)
        return out

    @cached_property
    def transposed(self) -> list[list[tuple[Tensor, Tensor]]]:
        """Per group the weight, ``(outputs, types * inputs)``, and the bias, ``(outputs, 1)``, of each layer."""
        return [
            [(weight.mT, bias[:, group].mT) for weight, bias in zip(weights, self.biases, strict=True)]
            for group, weights in enumerate(self.weights)
        ]

    def keep(self, t: int, count: int) -> None:
        """Cache the inputs of the first steps."""
        slots, kept = self._window_of(t, t + count).left
        maps = torch.stack([self.inputs_ahead[n] for n in range(self.shape[0])])
        self.cache.index_copy_(1, slots, maps.index_select(1, kept))

    def _cache(self, n: int, maps: Inputs, rows: slice, window: StepWindow) -> None:
        """Leave behind what later steps read."""
        slots, kept = window.left
        self.by_layer[n, rows].index_copy_(1, slots, maps.index_select(1, kept))

    def _outputs(self, n: int, maps: Inputs, rows: slice, t: int, start: Outputs | None) -> Outputs:
        """The output of one of the layers at several steps from ``t`` on."""
        steps = maps.shape[1]
        if self.reads_themselves:
            return self._sums(n, 0, maps, rows, start)
        both, out = torch.cat([self.by_layer[n, rows], maps], 1), maps.new_empty(0)
        for group, (places, reads) in enumerate(self._window_of(t, t + steps).reads):
            count, types = reads.shape
            inputs = both.index_select(1, reads.view(-1)).view(maps.shape[0], count, types * maps.shape[2])
            if count == steps:
                return self._sums(n, group, inputs, rows, start)
            sums = self._sums(n, group, inputs, rows, None if start is None else start.index_select(1, places))
            out = out if group else sums.new_empty(maps.shape[0], steps, sums.shape[2])
            out.index_copy_(1, places, sums)
        return out

    def _sums(self, n: int, group: int, inputs: Inputs, rows: slice, start: Outputs | None) -> Outputs:
        """``bias + inputs @ weight`` of one of the layers for a group; ``start`` replaces the bias."""
        bias, weight = self.biases[n][:, group], self.weights[group][n]
        if start is None and bias.shape[0] == 1:
            return functional.linear(inputs, weight.mT, bias[0])
        return (inputs @ weight).add_(bias[rows].unsqueeze(1) if start is None else start)

    def _window_of(self, first: int, end: int) -> StepWindow:
        """The window of these steps, which one layer after another asks for."""
        if (first, end) != self.last_window[:2]:
            self.last_window = first, end, StepWindow(self.layout, first, end, self.cache.shape[1])
        window: StepWindow = self.last_window[2]
        return window

    def state(self) -> dict[str, Float[Tensor, "batch _ _ _"]]:
        """The cache, and the inputs of the current step."""
        tensors = {"cache": self.cache, **{f"inputs.{group}": inputs for group, inputs in enumerate(self.inputs)}}
        return {name: tensor.unflatten(0, self.shape).transpose(0, 1) for name, tensor in tensors.items()}


def examples_per_window(convs: IncrementalConvs, batch: int, steps: int) -> list[slice]:
    """The examples of a batch in parts whose inputs at so many steps are gathered at once."""
    inputs = max(layer.inputs.shape[1] for layers in convs.layers for layer in layers)
    weight = convs.layers[0][0].weight
    size = max_examples_per_call(steps * inputs, MAX_ELEMENTS_PER_CALL, weight.device)
    return [slice(first, first + size) for first in range(0, batch, size)]


def few_rows(
    inputs: Float[Tensor, "rows inputs"], weight: Float[Tensor, "outputs inputs"], bias: Float[Tensor, "outputs 1"]
) -> Float[Tensor, "rows outputs"]:
    """The linear layer of a few rows, up to half faster than ``functional.linear``: its weights are not repacked."""
    return torch.addmm(bias, weight, inputs.mT).mT


def relu_into(layer: LayerAtStep, maps: Float[Tensor, "batch inputs"]) -> None:
    """Write the rectified maps to a layer's own input."""
    torch.clamp_min(maps, 0, out=layer.own_input)


def output_parameters(layers: Sequence[LayerAtStep], maps: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch p"]:
    """Parameters from maps, by the layers of ``OutputLayers``."""
    for layer in layers:
        relu_into(layer, maps)
        maps = layer.output()
    return maps
