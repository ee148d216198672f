"""Sampling from the transformer: keys and values are kept, and each step attends to those before it."""

from __future__ import annotations

import torch

from tensorar import Stepper
from tensorar_plugins.backbones.positions import rotate
from tensorar_plugins.backbones.visiting import shifted


class TransformerStepper(Stepper):
    """Holds the keys and values of every layer, ``(batch * heads, N, channels / heads)``; a step adds one of each.

    A step costs the dense layers for one position, and reads what is kept so far.
    """

    def __init__(self, backbone, order, batch, context):
        tokens = backbone.tokens
        seen, asked = (places().index_select(0, order.visits) for places in (tokens.seen, tokens.asked))
        # all of a token but the value: the mark of the start, or where the value is, and where the next one is
        self.places = (shifted(tokens.value.bias + seen, tokens.start) + asked).detach().unbind(0)
        self.value = tokens.value.weight.detach().T
        angles = backbone.turns(order, self.value)
        self.layers = [BlockStepper(block, angles, len(order), batch, context) for block in backbone.layers]
        self.norm, self.answer = backbone.norm, backbone.answer
        self.batch, self.t = batch, 0

    def step(self, features):
        place = self.places[self.t]
        token = place.expand(self.batch, -1) if features is None else torch.addmm(place, features, self.value)
        for layer in self.layers:
            token = layer.step(token, self.t)
        self.t += 1
        return self.answer(self.norm(token))


class BlockStepper:
    """One block for one step, ``(batch, channels)``."""

    def __init__(self, block, angles, steps, batch, context):
        self.block, self.angles = block, angles
        self.bias = None if context is None else block.context.map(context)
        attention = block.attention
        width = attention.inputs.in_features // attention.heads
        shape = (batch * attention.heads, steps, width)
        self.keys, self.values = (attention.inputs.weight.new_empty(shape) for _ in range(2))

    def step(self, token, t):
        block = self.block
        token = token if self.bias is None else token + self.bias
        token = token + self._attend(block.attention_norm(token), t)
        return token + block.dense(block.dense_norm(token))

    def _attend(self, token, t):
        attention, (count, _, width) = self.block.attention, self.keys.shape
        query, key, value = (part.reshape(count, 1, width) for part in attention.inputs(token).chunk(3, dim=1))
        if self.angles is not None:
            query, key = rotate(query, self.angles.asked[t : t + 1]), rotate(key, self.angles.seen[t : t + 1])
        self.keys[:, t : t + 1], self.values[:, t : t + 1] = key, value
        # for a single query two plain products are faster than scaled_dot_product_attention
        scores = torch.bmm(query, self.keys[:, : t + 1].mT).mul_(width**-0.5)
        seen = torch.bmm(scores.softmax(2), self.values[:, : t + 1])
        return attention.output(seen.reshape(len(token), -1))
