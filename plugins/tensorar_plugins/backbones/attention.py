"""A block of a causal transformer over steps."""

from __future__ import annotations

from torch import nn
from torch.nn import functional

from tensorar import SpecError
from tensorar_plugins.backbones.context import ContextBias
from tensorar_plugins.backbones.positions import rotate


class Block(nn.Module):
    """Attention and a two-layer network, each added to what comes in and reading it through a LayerNorm per step.

    GELU is the exact one, not the tanh approximation of GPT-2.
    """

    def __init__(self, signature, channels, heads, dropout):
        super().__init__()
        self.context = ContextBias(signature, channels)
        self.attention_norm, self.dense_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = Attention(channels, heads)
        self.dense = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps, angles, context=None):
        steps = self.context(steps, context)
        steps = steps + self.dropout(self.attention(self.attention_norm(steps), angles))
        return steps + self.dropout(self.dense(self.dense_norm(steps)))

    def into_residual(self):
        """The maps whose outputs are summed over the depth."""
        return self.attention.output, self.dense[-1]


class Attention(nn.Module):
    """Attention with several heads in which a step sees itself and the steps before it: ``(B, N, C) -> (B, N, C)``.

    Vaswani et al. 2017, "Attention Is All You Need", section 3.2. Steps come in visiting order, so ``is_causal``
    means exactly ``may_see(step_seen, step, itself=True)``, and torch computes none of what is masked out.
    """

    def __init__(self, channels, heads):
        super().__init__()
        if channels % heads:
            raise SpecError(
                expected=f"channels of the transformer that {heads} heads share evenly",
                got=f"channels={channels}, heads={heads}",
                remedy="make channels a multiple of heads",
            )
        self.heads = heads
        self.inputs = nn.Linear(channels, 3 * channels)
        self.output = nn.Linear(channels, channels)

    def forward(self, steps, angles=None):
        query, key, value = (self._apart(part) for part in self.inputs(steps).chunk(3, dim=-1))
        if angles is not None:
            query, key = rotate(query, angles.asked), rotate(key, angles.seen)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(seen.transpose(1, 2).flatten(2))

    def _apart(self, part):
        """``(B, N, C) -> (B, heads, N, C / heads)``."""
        return part.unflatten(2, (self.heads, -1)).transpose(1, 2)
