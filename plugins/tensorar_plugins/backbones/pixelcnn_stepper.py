"""The PixelCNN one coefficient at a time."""

from __future__ import annotations

from itertools import accumulate

import torch

from tensorar import Stepper
from tensorar_plugins.backbones.gathering import Gathering
from tensorar_plugins.backbones.tap_table import bias_of


class PixelCNNStepper(Stepper):
    """Each activation is computed once: a step is a forward pass at one position.

    Held are the rectified inputs of the layers that look at other coefficients (the convolutions; of the 1x1 layers
    those that join channels), each until the last coefficient that reads it. A step gathers what its live taps read,
    for all blocks at once; then every layer is one matrix product over the batch.
    """

    def __init__(self, backbone, order, batch, context):
        ranks = backbone.grid.ranks(order)
        inner = [layer for block in backbone.blocks for layer in block.layers]
        with torch.no_grad():
            first, inner, answer = (
                [(layer.conv, bias_of(layer, context)) for layer in layers]
                for layers in ([backbone.first], inner, backbone.answer.layers)
            )
            self.first = Gathering(first, ranks, batch)
            self.inner = Gathering(inner + answer, ranks, batch)
        self.groups = [_Chain(self.first.places[g], self.inner.places[g]) for g in range(backbone.grid.groups)]
        self.t = 0

    def step(self, features):
        t = self.t
        self.t += 1
        if features is not None:
            self.first.keep(t - 1, features)
        self.first.fetch(t)
        self.inner.fetch(t)
        parameters = self.groups[self.first.groups[t]].run()
        self.inner.keep(t)
        return parameters


class _Chain:
    """All layers, one after the other, at a coefficient of one group."""

    def __init__(self, first, inner):
        (self.first,), layers = first, inner[:-3]
        self.blocks = list(zip(layers[::3], layers[1::3], layers[2::3], strict=True))
        self.answer = inner[-3:]
        # the stream of the blocks goes without the biases of what is added to it: they come in where it is read
        biases = accumulate([self.first.bias, *(wide.bias for _, _, wide in self.blocks)])
        *self.biases, self.last_bias = biases

    def run(self):
        first = self.first
        stream = first.rows @ first.weight
        for bias, (narrow, middle, wide) in zip(self.biases, self.blocks, strict=True):
            torch.add(stream, bias, out=narrow.own).relu_()
            _rectify(_sum(narrow), middle.own)
            _rectify(_sum(middle), wide.own)
            stream.addmm_(wide.rows, wide.weight)
        one, two, last = self.answer
        torch.add(stream, self.last_bias, out=one.own).relu_()
        _rectify(_sum(one), two.own)
        _rectify(_sum(two), last.own)
        return _sum(last)


def _sum(place):
    return torch.addmm(place.bias, place.rows, place.weight)


def _rectify(maps, out):
    torch.clamp_min(maps, 0, out=out)
