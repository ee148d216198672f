"""PixelSNAIL one coefficient at a time: convolutions read cached inputs, attention cached keys and values."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from tensorar import CachedStepper
from tensorar_plugins.backbones.masked_conv.incremental import (
    IncrementalConvs,
    LayerAtStep,
    output_parameters,
    with_bias,
)
from tensorar_plugins.backbones.pixelsnail.attention import PastAttentionStepper

OUTPUT_LAYERS = 3


class PixelSNAILStepper(CachedStepper):
    """A step is a forward pass at one position.

    Cached are the inputs of the convolutions, each until its last reader, and keys and values of each attention, as
    long as the event. The features of a coefficient are added to its keys and values when they are known, one step
    later.
    """

    @torch.no_grad()
    def begin(self) -> None:
        backbone, ranks = self.backbone, self.backbone.grid.ranks(self.order)
        residual = [layer for block in backbone.blocks for layer in [*block.residual, block.merge]]
        inner = [conv for layer in residual for conv in (layer.first, layer.second)] + [*backbone.output.layers]
        self.first, self.inner = (
            IncrementalConvs([with_bias(layer, self.context) for layer in layers], ranks, self.batch)
            for layers in ([backbone.first], inner)
        )
        self.attention = [PastAttentionStepper(block.attention, self.order, self.batch) for block in backbone.blocks]
        by_group = zip(self.first.layers, self.inner.layers, strict=True)
        self.networks = [_StepNetwork(*layers, self.attention) for layers in by_group]

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        if features is not None:
            self.first.store(t - 1, features)
            for attention in self.attention:
                attention.observe(features)
        self.first.fetch(t)
        self.inner.fetch(t)
        parameters = self.networks[self.first.group[t]](t)
        self.inner.store(t)
        return parameters

    def state(self) -> dict[str, Tensor]:
        tensors = self.first.state("first") | self.inner.state("inner")
        for k, attention in enumerate(self.attention):
            tensors |= attention.state(f"attention.{k}")
        return tensors


class _StepNetwork:
    """All layers, one after the other, at a coefficient of one group."""

    def __init__(
        self, first: list[LayerAtStep], inner: list[LayerAtStep], attention: list[PastAttentionStepper]
    ) -> None:
        (self.first,), self.output = first, inner[-OUTPUT_LAYERS:]
        pairs = list(zip(inner[:-OUTPUT_LAYERS:2], inner[1:-OUTPUT_LAYERS:2], strict=True))
        count = len(pairs) // len(attention)
        self.blocks = [(pairs[i * count : (i + 1) * count], attended) for i, attended in enumerate(attention)]

    def __call__(self, t: int) -> Float[Tensor, "batch parameters"]:
        maps = self.first.output()
        for (*residual, merge), attention in self.blocks:
            for layer in residual:
                maps = maps + _gated(*layer, maps)
            maps = maps + _gated(*merge, torch.cat([maps, attention.attend(maps, t)], dim=1))
        return output_parameters(self.output, maps)


def _gated(
    first: LayerAtStep, second: LayerAtStep, maps: Float[Tensor, "batch inputs"]
) -> Float[Tensor, "batch channels"]:
    """What a gated residual layer adds; its convolutions' own inputs are written to the caches."""
    elu_into(first, maps)
    elu_into(second, first.output())
    f, g = second.output().chunk(2, dim=1)
    return f.mul_(g.sigmoid_())


def elu_into(layer: LayerAtStep, maps: Float[Tensor, "batch inputs"]) -> None:
    """Write the ELU of the maps to a layer's own input."""
    assert layer.own_input is not None
    layer.own_input.copy_(functional.elu(maps))
