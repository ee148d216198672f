"""The PixelCNN one coefficient at a time."""

from __future__ import annotations

from itertools import accumulate

import torch

from tensorar import Stepper
from tensorar_plugins.backbones.gathering import Gathering, answer, rectify, with_bias


class PixelCNNStepper(Stepper):
    """Each activation is computed once: a step is a forward pass at one position.

    Held are the rectified inputs of the layers that look at other coefficients (the convolutions; of the 1x1 layers
    those that join channels), each until the last coefficient that reads it. A step gathers what its live taps read,
    for all blocks at once; then every layer is one matrix product over the batch.
    """

    def __init__(self, backbone, order, batch, context):
        ranks = backbone.grid.ranks(order)
        inner = [layer for part in [*backbone.blocks, backbone.answer] for layer in part.layers]
        with torch.no_grad():
            self.first, self.inner = (
                Gathering([with_bias(layer, context) for layer in layers], ranks, batch)
                for layers in ([backbone.first], inner)
            )
            self.chains = [_Chain(*places) for places in zip(self.first.places, self.inner.places, strict=True)]
        self.t = 0

    def step(self, features):
        t = self.t
        self.t += 1
        if features is not None:
            self.first.keep(t - 1, features)
        self.first.fetch(t)
        self.inner.fetch(t)
        parameters = self.chains[self.first.groups[t]]()
        self.inner.keep(t)
        return parameters


class _Chain:
    """All layers, one after the other, at a coefficient of one group."""

    def __init__(self, first, inner):
        (self.first,), self.answer = first, inner[-3:]
        narrow, middle, wide = (inner[i:-3:3] for i in range(3))
        # the stream of the blocks goes without the biases of what is added to it: they come in where it is read
        *biases, self.bias = accumulate([self.first.bias, *(place.bias for place in wide)])
        self.blocks = list(zip(biases, narrow, middle, wide, strict=True))

    def __call__(self):
        stream = self.first.rows @ self.first.weight
        for bias, narrow, middle, wide in self.blocks:
            torch.add(stream, bias, out=narrow.own).relu_()
            rectify(narrow.sum(), middle)
            rectify(middle.sum(), wide)
            stream.addmm_(wide.rows, wide.weight)
        return answer(stream.add_(self.bias), self.answer)
