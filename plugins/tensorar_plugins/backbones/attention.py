"""A block of a causal transformer over steps."""

from __future__ import annotations

from torch import nn
from torch.nn import functional

from tensorar import SpecError
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.positions import rotate


class Block(nn.Module):
    """Attention and a two-layer network, each added to what comes in and reading it through a LayerNorm per step.

    GELU is the exact one, not the tanh approximation of GPT-2.
    """

    def __init__(self, signature, channels, heads, kv_heads, dropout):
        super().__init__()
        self.context = ContextBias(signature, channels)
        self.attention_norm, self.dense_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = Attention(channels, heads, kv_heads)
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

    Vaswani et al. 2017, "Attention Is All You Need", section 3.2. ``heads / kv_heads`` heads that follow one another
    share keys and values (Ainslie et al. 2023, "GQA", section 2.2; one set for all: Shazeer 2019, "Fast Transformer
    Decoding", section 3). Steps come in visiting order, so ``is_causal`` means exactly
    ``may_see(step_seen, step, strict=False)``, and torch computes none of what is masked out.
    """

    def __init__(self, channels, heads, kv_heads):
        super().__init__()
        _require_even_share("channels", channels, "heads", heads)
        _require_even_share("heads", heads, "kv_heads", kv_heads)
        self.heads, self.kv_heads = heads, kv_heads
        self.share, self.width = heads // kv_heads, channels // heads
        self.inputs = nn.Linear(channels, self.width * (heads + 2 * kv_heads))
        self.output = nn.Linear(channels, channels)

    def forward(self, steps, angles=None):
        query, key, value = (part.transpose(1, 2) for part in self.parts(self.inputs(steps)))
        if angles is not None:
            query, key = rotate(query, angles.asked), rotate(key, angles.seen)
        seen = functional.scaled_dot_product_attention(query, self._shared(key), self._shared(value), is_causal=True)
        return self.output(seen.transpose(1, 2).flatten(2))

    def parts(self, inputs):
        """Queries ``(..., heads, width)``, keys and values ``(..., kv_heads, width)``, out of what ``inputs`` gives."""
        numbers = [self.heads, self.kv_heads, self.kv_heads]
        return inputs.unflatten(-1, (sum(numbers), self.width)).split(numbers, dim=-2)

    def _shared(self, part):
        """``(B, kv_heads, N, width) -> (B, heads, N, width)``."""
        # copied, since a kernel for GPUs is reported to go wrong on views that repeat (pytorch issue 191937)
        return part if self.share == 1 else part.repeat_interleave(self.share, dim=1)


def _require_even_share(what, number, among, sharers):
    if number % sharers:
        raise SpecError(
            expected=f"{what} of the transformer that {sharers} {among} share evenly",
            got=f"{what}={number}, {among}={sharers}",
            remedy=f"make {what} a multiple of {among}",
        )
