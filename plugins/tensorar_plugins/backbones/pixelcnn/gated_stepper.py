"""The Gated PixelCNN: the horizontal stack one coefficient at a time, the others a slab (row, plane) at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from tensorar import CachedStepper
from tensorar_plugins.backbones.masked_conv.cache_layout import group_of_step
from tensorar_plugins.backbones.masked_conv.incremental import (
    IncrementalConvs,
    LayerAtStep,
    examples_per_window,
    layer_bias,
    output_parameters,
    with_bias,
)
from tensorar_plugins.backbones.masked_conv.slab_conv import SlabConv
from tensorar_plugins.backbones.masked_conv.taps import Ranks


class GatedPixelCNNStepper(CachedStepper):
    """Each activation is computed once, those of a slab stack when a new slab begins.

    For an image, the vertical stack is computed a row at a time when the row begins, because it depends only on the
    rows before: each layer is one matrix product. The horizontal stack computes one coefficient at each step; the
    earlier inputs of its taps are gathered for all layers at once. Cached are the inputs of each layer as long as they
    are read (the last rows; the last coefficients), and the partial sums that each stack passes to the next.
    """

    @torch.no_grad()
    def begin(self) -> None:
        backbone, batch, context = self.backbone, self.batch, self.context
        layers, ranks = backbone.layers, backbone.stack_ranks(self.order)
        convs = [with_bias(layer.stacks[-1], context) for layer in layers]
        outs = [(layer.out, layer.out.bias.detach().unflatten(0, (1, layer.groups, -1))) for layer in layers]
        output = [with_bias(layer, context) for layer in backbone.output.layers]
        self.first = IncrementalConvs(convs[:1], ranks[-1], batch)
        self.inner = IncrementalConvs(convs[1:] + outs + output, ranks[-1], batch)
        self.slab_stacks: list[_SlabStack] = []
        for k in range(len(ranks) - 1):
            outer = self.slab_stacks[-1] if k else None
            self.slab_stacks.append(_SlabStack(backbone, k, ranks, batch, context, outer))
        by_group = zip(self.first.layers, self.inner.layers, strict=True)
        self.networks = [_HorizontalStack(first + inner, len(layers)) for first, inner in by_group]

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        if features is not None:
            self._store(t - 1, features)
        for stack in self.slab_stacks:
            if t % stack.count == 0:
                stack.advance(t)
        self.first.fetch(t)
        self.inner.fetch(t)
        parameters = self.networks[self.first.group[t]](self._partial_sums(t))
        self.inner.store(t)
        return parameters

    def prefill(self, features: Float[Tensor, "batch steps features"]) -> None:
        # the features at the last step are not known yet, and not read
        features = functional.pad(features, (0, 0, 0, 1))
        self.t = steps = features.shape[1]
        slab = self.slab_stacks[-1].count if self.slab_stacks else steps
        for t in range(0, steps, slab):
            for stack in self.slab_stacks:
                for last in range(max(0, t - slab), t):
                    stack.convs[0].store(last, features[:, last])
                if t % stack.count == 0:
                    stack.advance(t)
            self._prefill_slab(features[:, t : t + slab], t)
        for stack in self.slab_stacks:
            for last in range(steps - 1 - (steps - 1) % slab, steps - 1):
                stack.convs[0].store(last, features[:, last])

    def _prefill_slab(self, features: Float[Tensor, "batch steps features"], t: int) -> None:
        """Compute the horizontal stack at the first steps of a slab, which begins at ``t``."""
        steps, starts = features.shape[1], [None] * len(self.backbone.layers)
        for rows in examples_per_window(self.inner, self.batch, steps):
            if self.slab_stacks:
                starts = list(self.slab_stacks[-1].partial_sums[:, rows, :steps])
            self._horizontal(features[rows], rows, t, starts)

    def _horizontal(self, maps: Tensor, rows: slice, t: int, starts: Sequence[Tensor | None]) -> None:
        """All layers of the horizontal stack at several steps from ``t`` on."""
        count, skips, stream = len(starts), torch.zeros(()), torch.zeros(())
        for i, start in enumerate(starts):
            convs, place = (self.inner, i - 1) if i else (self.first, 0)
            sums = convs.window(place, maps, rows, t=t, start=start)
            out = self.inner.window(count - 1 + i, gate_in_place(sums, *sums.chunk(2, -1)), rows, t=t)
            skip, *step = out.split(sums.shape[-1] // 2, -1)
            skips = skips + skip
            if step:
                maps = stream = stream + step[0]
        for i in range(2 * count - 1, 2 * count + 2):
            skips = self.inner.window(i, skips.relu(), rows, t=t)

    def state(self) -> dict[str, Tensor]:
        tensors = self.first.state("first") | self.inner.state("inner")
        for k, stack in enumerate(self.slab_stacks):
            tensors |= stack.state(f"stack.{k}")
        return tensors

    def _partial_sums(self, t: int) -> tuple[Float[Tensor, "batch sums"], ...] | None:
        """The initial sums of each horizontal layer; None without slab stacks (they start from the biases)."""
        if not self.slab_stacks:
            return None
        outer = self.slab_stacks[-1]
        return outer.partial_sums_at[t % outer.count]

    def _store(self, t: int, features: Float[Tensor, "batch features"]) -> None:
        self.first.store(t, features)
        for stack in self.slab_stacks:
            stack.convs[0].store(t, features)


class _SlabStack:
    """The layers of a stack other than the last, at the current slab of ``count`` coefficients.

    ``partial_sums[layer]``, ``(batch, count, 2 * channels)``, is what the sums of the next stack start from: its own
    bias, and what the link from this stack adds.
    """

    def __init__(
        self,
        backbone: Any,
        k: int,
        ranks: list[Ranks],
        batch: int,
        context: Float[Tensor, "batch context"] | None,
        outer: _SlabStack | None,
    ) -> None:
        layers, self.outer = backbone.layers, outer
        self.count: int = math.prod(backbone.grid.event_shape[backbone.axes[k] + 1 :])
        options = ranks[k], ranks[-1], self.count, batch
        self.convs = [SlabConv(layer.stacks[k].conv, *options) for layer in layers]
        self.links = [SlabConv(layer.links[k], *options) for layer in layers]
        self.biases, self.next_biases = ([layer_bias(layer.stacks[i], context) for layer in layers] for i in (k, k + 1))
        self.groups = group_of_step(ranks[-1]).split(self.count)
        self.partial_sums = self.biases[0].new_zeros(len(layers), batch, self.count, self.biases[0].shape[2])
        # by coefficient of the slab, then by layer: (batch, 2 * channels)
        self.partial_sums_at: list[tuple[Tensor, ...]] = [sums.unbind() for sums in self.partial_sums.unbind(2)]
        self.sums = torch.zeros_like(self.partial_sums[0])

    def advance(self, t: int) -> None:
        """Compute the slab that begins with the coefficient visited at step ``t``."""
        slab, maps = t // self.count, None
        groups = self.groups[slab]
        layers = zip(self._starts(t, groups), self.convs, self.links, self.next_biases, self.partial_sums, strict=True)
        for start, conv, link, next_bias, partial_sums in layers:
            conv.add_to(self.sums.copy_(start), slab, maps)
            link.add_to(partial_sums.copy_(next_bias[:, groups]), slab, self.sums)
            maps = gate_in_place(self.sums, *self.sums.chunk(2, -1))

    def _starts(self, t: int, groups: Int[Tensor, " count"]) -> list[Tensor]:
        """The initial sums of each layer, ``(1 or batch, count, 2 * channels)``."""
        if self.outer is None:
            return [bias[:, groups] for bias in self.biases]
        return list(self.outer.partial_sums.narrow(2, t % self.outer.count, self.count).unbind())

    def state(self, name: str) -> dict[str, Tensor]:
        """The tensors of the batch, by names that begin with ``name``."""
        states = [conv.state() for conv in [*self.convs, *self.links]]
        caches = {f"{name}.{i}.{key}": tensor for i, state in enumerate(states) for key, tensor in state.items()}
        # the sums are scratch, but as large as the partial sums of a layer
        return caches | {f"{name}.partial_sums": self.partial_sums.transpose(0, 1), f"{name}.sums": self.sums}


def gate_in_place(
    sums: Float[Tensor, "*shape sums"],
    f: Float[Tensor, "*shape channels"],
    g: Float[Tensor, "*shape channels"],
    out: Float[Tensor, "*shape channels"] | None = None,
) -> Float[Tensor, "*shape channels"]:
    """``tanh(f) sigmoid(g)`` of the two halves of ``sums``, which are overwritten."""
    if sums.dtype.itemsize < 4:
        return torch.mul(f.tanh(), g.sigmoid(), out=out)
    # tanh(f) = 1 - 2 sigmoid(-2 f), which takes torch a fifth of the time on a CPU (but loses digits in half precision)
    f.mul_(-2)
    sums.sigmoid_()
    return torch.addcmul(g, f, g, value=-2, out=out)


class _HorizontalStack:
    """All layers of the horizontal stack, one after the other, at a coefficient of one group."""

    def __init__(self, layers: list[LayerAtStep], count: int) -> None:
        convs, outs, self.output = layers[:count], layers[count : 2 * count], layers[2 * count :]
        channels, batch = convs[0].weight.shape[1] // 2, len(convs[0].inputs)
        # skips and residual stream are summed without the biases, which are added where the sums are read
        self.skips_and_stream = convs[0].weight.new_zeros(batch, 2 * channels)
        self.skips, self.stream = self.skips_and_stream.split(channels, 1)
        self.sums = torch.zeros_like(self.skips_and_stream)
        self.f, self.g = self.sums.split(channels, 1)
        *biases, last = (out.bias for out in outs)
        stream_biases = [None, *(bias[:, channels:] for bias in accumulate(biases))]
        self.bias = last + sum(bias[:, :channels] for bias in biases)
        targets = [self.skips_and_stream] * len(biases) + [self.skips]
        self.biases = tuple(conv.bias for conv in convs)
        self.layers = list(zip(stream_biases, convs, outs, targets, strict=True))

    def __call__(
        self, partial_sums: tuple[Float[Tensor, "batch_or_1 sums"], ...] | None
    ) -> Float[Tensor, "batch parameters"]:
        self.skips_and_stream.zero_()
        starts = self.biases if partial_sums is None else partial_sums
        for start, (bias, conv, out, target) in zip(starts, self.layers, strict=True):
            if bias is not None:
                torch.add(self.stream, bias, out=conv.own_input)
            torch.addmm(start, conv.inputs, conv.weight, out=self.sums)
            gate_in_place(self.sums, self.f, self.g, out.own_input)
            target.addmm_(out.inputs, out.weight)
        return output_parameters(self.output, self.skips + self.bias)
