"""The transformer over coefficients in visiting order."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tensorar import CausalBackbone, Stepper
from tensorar_plugins.backbones.attention import Block
from tensorar_plugins.backbones.layers.positions import AxisPositions, Rotary, rotate
from tensorar_plugins.backbones.layers.sequence import by_coefficient, by_step, shifted
from tensorar_plugins.backbones.layers.sizes import require_positive


class Transformer(CausalBackbone):
    """Causal transformer over the coefficients in visiting order, for any order: no blind spot.

    Step ``t`` begins as ``W features[order[t-1]] + e(order[t-1]) + e'(order[t])``, the coefficient just shown, where
    it is, and where the one asked for is; it attends to itself and to the steps before it, and ends as the parameters
    of ``order[t]``. One stream is thus exactly causal for every order, as in Pannatier et al. 2024, "sigma-GPTs"
    (docs/decisions/0007). Blocks and initialisation are those of Radford et al. 2019, GPT-2, but for shared keys and
    values: LayerNorm before each branch, GELU (exact, where GPT-2 has its tanh approximation), weights of deviation
    0.02, those into the residual stream divided by the root of their number.

    There are ``kv_heads`` sets of keys and values, each shared by ``heads / kv_heads`` heads: one for all by default
    (Shazeer 2019, "Fast Transformer Decoding"), since what a step of sampling reads and keeps grows with them; as many
    as ``heads`` in Vaswani et al. 2017. What that does to speed and likelihoods: docs/decisions/0008.

    ``positions="rotary"`` moreover turns keys by the place of the coefficient shown and queries by that of the one
    asked for, so that attention sees how far apart the two are along each axis (Su et al. 2021, "RoFormer").
    """

    name = "transformer"

    def __init__(
        self,
        signature,
        *,
        channels: int = 128,
        heads: int = 4,
        kv_heads: int = 1,
        layers: int = 4,
        positions: Literal["learned", "rotary"] = "learned",
        dropout: float = 0.0,
    ):
        super().__init__(signature)
        require_positive(self.name, channels=channels, heads=heads, kv_heads=kv_heads, layers=layers)
        self.tokens = StepTokens(signature, channels)
        self.rotary = Rotary(signature.event_shape, channels // heads) if positions == "rotary" else None
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Block(signature, channels, heads, kv_heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.answer = nn.Linear(channels, signature.parameter_count)
        self._initialise()

    def _initialise(self):
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for layer in (last for block in self.layers for last in block.into_residual()):
            nn.init.normal_(layer.weight, std=0.02 / (2 * len(self.layers)) ** 0.5)

    def init_output_bias(self, marginal):
        self.answer.bias.data = marginal.reshape(-1, marginal.shape[-1]).mean(0).to(self.answer.bias)

    def forward(self, features, order, context=None):
        steps = self.dropout(self.tokens(features, order))
        angles = self.turns(order, features)
        for layer in self.layers:
            steps = layer(steps, angles, context)
        return by_coefficient(self.answer(self.norm(steps)), order)

    def turns(self, order, like):
        """By which keys and queries are turned at each step, in numbers like ``like``; None where they are not."""
        return None if self.rotary is None else Angles.of(self.rotary.angles(like), order)

    def stepper(self, order, batch, context=None):
        return TransformerStepper(self, order, batch, context)


class StepTokens(nn.Module):
    """The steps at the bottom: ``(B, *event, F) -> (B, N, channels)``."""

    def __init__(self, signature, channels):
        super().__init__()
        self.value = nn.Linear(signature.feature_count, channels)
        self.start = nn.Parameter(0.02 * torch.randn(channels))
        self.seen, self.asked = (AxisPositions(signature.event_shape, channels) for _ in range(2))

    def forward(self, features, order):
        return self.placed(self.value(by_step(features, order)), order)

    def placed(self, values, order):
        """Values in visiting order, ``(..., C)``, as the steps that are shown them: each with the two places."""
        return shifted(values + self.seen(order), self.start) + self.asked(order)


class Angles(NamedTuple):
    """By which each step's key and query are turned: ``(N, pairs)`` each."""

    seen: Tensor
    asked: Tensor

    @classmethod
    def of(cls, angles, order):
        asked = angles[order.visits]
        return cls(shifted(asked, angles.new_zeros(angles.shape[-1])), asked)


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
