"""Sampling from the transformer: keys and values are kept, and each step attends to those before it."""

from __future__ import annotations

import torch
from torch.nn import functional

from tensorar import Stepper
from tensorar_plugins.backbones.positions import rotate
from tensorar_plugins.backbones.visiting import shifted


class TransformerStepper(Stepper):
    """Holds the keys and values of every layer, ``(batch, heads, N, channels / heads)``; a step adds one of each.

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
        self.keys, self.values = (
            attention.inputs.weight.new_empty(batch, attention.heads, steps, width) for _ in range(2)
        )

    def step(self, token, t):
        block = self.block
        token = token if self.bias is None else token + self.bias
        token = token + self._attend(block.attention_norm(token), t)
        return token + block.dense(block.dense_norm(token))

    def _attend(self, token, t):
        attention = self.block.attention
        query, key, value = attention.inputs(token).unflatten(1, (3, attention.heads, -1)).unbind(1)
        if self.angles is not None:
            query, key = (
                rotate(part.unsqueeze(2), angle[t : t + 1]).squeeze(2)
                for part, angle in ((query, self.angles.asked), (key, self.angles.seen))
            )
        self.keys[:, :, t], self.values[:, :, t] = key, value
        keys, values = self.keys[:, :, : t + 1], self.values[:, :, : t + 1]
        seen = functional.scaled_dot_product_attention(query.unsqueeze(2), keys, values)
        return attention.output(seen.flatten(1))
