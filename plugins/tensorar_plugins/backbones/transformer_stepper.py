"""Sampling from the transformer: keys and values are kept, and each step attends to those before it."""

from __future__ import annotations

import torch
from torch.nn import functional

from tensorar import Stepper
from tensorar_plugins.backbones.positions import rotate


class TransformerStepper(Stepper):
    """Holds keys and values of every layer, ``(batch * kv_heads, N, width of a head)`` each; a step adds one of each.

    A step costs the dense layers for one position, and reads what is kept so far: for large batches it takes as long
    as memory takes to give it.
    """

    def __init__(self, backbone, order, batch, context):
        tokens = backbone.tokens
        # all of a token but the value: the mark of the start, or where the value is, and where the next one is
        self.places = tokens.placed(tokens.value.bias, order).detach().unbind(0)
        self.value = tokens.value.weight.detach().T
        angles = backbone.turns(order, self.value)
        self.layers = [BlockStepper(block, angles, len(order), batch, context) for block in backbone.layers]
        self.norm, self.answer = backbone.norm, Dense(backbone.answer)
        self.batch, self.t = batch, 0

    def step(self, features):
        place = self.places[self.t]
        token = place.expand(self.batch, -1) if features is None else torch.addmm(place, features, self.value)
        for layer in self.layers:
            token = layer.step(token, self.t)
        self.t += 1
        return self.answer(self.norm(token))


class Dense:
    """A linear layer as one operation."""

    def __init__(self, layer):
        self.weight, self.bias = layer.weight.detach().T, layer.bias.detach()

    def __call__(self, x):
        return torch.addmm(self.bias, x, self.weight)


class BlockStepper:
    """One block for one step, ``(batch, channels)``."""

    def __init__(self, block, angles, steps, batch, context):
        self.block, self.angles = block, angles
        self.bias = None if context is None else block.context.map(context)
        self.attention = attention = block.attention
        self.inputs, self.output = Dense(attention.inputs), Dense(attention.output)
        self.widen, self.narrow = Dense(block.dense[0]), Dense(block.dense[2])
        rows = batch * attention.kv_heads
        self.keys, self.values = self.inputs.weight.new_empty(2, rows, steps, attention.width)

    def step(self, token, t):
        block = self.block
        token = token if self.bias is None else token + self.bias
        token = self._attend(block.attention_norm(token), t).add_(token)
        return self.narrow(functional.gelu(self.widen(block.dense_norm(token)))).add_(token)

    def _attend(self, token, t):
        share, width = self.attention.share, self.attention.width
        query, key, value = self.attention.parts(self.inputs(token))
        if self.angles is not None:
            query, key = rotate(query, self.angles.asked[t]), rotate(key, self.angles.seen[t])
        self.keys[:, t], self.values[:, t] = key.reshape(-1, width), value.reshape(-1, width)
        query = query.reshape(-1, share, width) * width**-0.5
        # for so few queries two plain products are faster than scaled_dot_product_attention
        scores = torch.bmm(query, self.keys[:, : t + 1].mT)
        seen = torch.bmm(scores.softmax(2), self.values[:, : t + 1])
        return self.output(seen.view_as(token))
