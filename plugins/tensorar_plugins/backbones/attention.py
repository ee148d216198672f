"""A block of a causal transformer over steps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tensorar import Order, Signature, SpecError
from tensorar_plugins.backbones.layers.context_bias import ContextBias
from tensorar_plugins.backbones.layers.positions import rotate
from tensorar_plugins.backbones.layers.sequence import shift_right


class RotaryAngles(NamedTuple):
    """The angles that rotate each step's query and key, ``(N, pairs)`` each: a key is that of the step before."""

    query: Tensor
    key: Tensor

    @classmethod
    def by_step(cls, angles: Float[Tensor, "n pairs"], order: Order) -> RotaryAngles:
        """The angles in visiting order, given those of each coefficient."""
        query = angles[order.visits]
        return cls(query, shift_right(query, angles.new_zeros(angles.shape[-1])))


class FeedForward(nn.Module):
    """A two-layer network applied to each step. GELU is the exact one, not the tanh approximation of GPT-2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

    def forward(self, steps: Float[Tensor, "batch steps channels"]) -> Float[Tensor, "batch steps channels"]:
        """``narrow(gelu(widen(steps)))``."""
        output: Tensor = self.narrow(functional.gelu(self.widen(steps)))
        return output


class Block(nn.Module):
    """Attention and a feed-forward network, each on a residual branch after a LayerNorm."""

    def __init__(self, signature: Signature, channels: int, heads: int, kv_heads: int, dropout: float) -> None:
        super().__init__()
        self.context = ContextBias(signature, channels)
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = Attention(channels, heads, kv_heads)
        self.feed_forward = FeedForward(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        steps: Float[Tensor, "batch steps channels"],
        angles: RotaryAngles | None,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch steps channels"]:
        """One block, ``(B, N, C) -> (B, N, C)``; the context's bias comes first."""
        steps = self.context(steps, context)
        steps = steps + self.dropout(self.attention(self.attention_norm(steps), angles))
        output: Tensor = steps + self.dropout(self.feed_forward(self.feed_forward_norm(steps)))
        return output

    def residual_outputs(self) -> tuple[nn.Linear, nn.Linear]:
        """The layers whose outputs are added to the residual stream."""
        return self.attention.output, self.feed_forward.narrow


class Attention(nn.Module):
    """Attention with several heads in which a step sees itself and the steps before it: ``(B, N, C) -> (B, N, C)``.

    Vaswani et al. 2017, "Attention Is All You Need", section 3.2. Groups of ``heads / kv_heads`` consecutive heads
    share keys and values (Ainslie et al. 2023, "GQA", section 2.2; one set for all: Shazeer 2019, "Fast Transformer
    Decoding", section 3). Steps come in visiting order, so ``is_causal`` means exactly
    ``may_see(key_step, query_step, strict=False)``, and torch skips the masked part.
    """

    def __init__(self, channels: int, heads: int, kv_heads: int) -> None:
        super().__init__()
        _require_multiple("channels", channels, "heads", heads)
        _require_multiple("heads", heads, "kv_heads", kv_heads)
        self.heads, self.kv_heads = heads, kv_heads
        self.heads_per_key, self.width = heads // kv_heads, channels // heads
        self.inputs = nn.Linear(channels, self.width * (heads + 2 * kv_heads))
        self.output = nn.Linear(channels, channels)

    def forward(
        self, steps: Float[Tensor, "batch steps channels"], angles: RotaryAngles | None = None
    ) -> Float[Tensor, "batch steps channels"]:
        """Every step attends to itself and all steps before it."""
        # (B, heads or kv_heads, N, width)
        query, key, value = (projected.transpose(1, 2) for projected in self.split(self.inputs(steps)))
        if angles is not None:
            query, key = rotate(query, angles.query), rotate(key, angles.key)
        output: Tensor = self.output(self.attend(query, key, value))
        return output

    def attend(
        self,
        query: Float[Tensor, "batch heads steps width"],
        key: Float[Tensor, "batch kv_heads steps width"],
        value: Float[Tensor, "batch kv_heads steps width"],
    ) -> Float[Tensor, "batch steps channels"]:
        """What each step finds in itself and in all steps before it."""
        key, value = self._repeated(key), self._repeated(value)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return attended.transpose(1, 2).flatten(2)

    def split(
        self, projected: Float[Tensor, "*steps inputs"]
    ) -> tuple[
        Float[Tensor, "*steps heads width"],
        Float[Tensor, "*steps kv_heads width"],
        Float[Tensor, "*steps kv_heads width"],
    ]:
        """The queries, keys and values in the output of ``inputs``."""
        counts = [self.heads, self.kv_heads, self.kv_heads]
        query, key, value = projected.unflatten(-1, (sum(counts), self.width)).split(counts, dim=-2)
        return query, key, value

    def _repeated(self, x: Float[Tensor, "batch kv_heads steps width"]) -> Float[Tensor, "batch heads steps width"]:
        """A copy per head: a GPU kernel mishandles expanded views (pytorch#191937)."""
        return x if self.heads_per_key == 1 else x.repeat_interleave(self.heads_per_key, dim=1)


def attend_from_last(
    query: Float[Tensor, "rows heads_per_key width"],
    keys: Float[Tensor, "rows steps width"],
    values: Float[Tensor, "rows steps width"],
) -> Float[Tensor, "rows heads_per_key width"]:
    """What the queries of the last step find in all steps so far, given their cached keys and values.

    For so few queries two plain products are faster than ``scaled_dot_product_attention``.
    """
    scores = torch.bmm(query * query.shape[-1] ** -0.5, keys.mT)  # (rows, heads_per_key, steps)
    return torch.bmm(scores.softmax(2), values)


def _require_multiple(name: str, number: int, divisor_name: str, divisor: int) -> None:
    if number % divisor:
        raise SpecError(
            expected=f"the transformer's {name} to be a multiple of its {divisor_name}",
            got=f"{name}={number}, {divisor_name}={divisor}",
            remedy=f"make {name} a multiple of {divisor_name}",
        )
