"""Attention from each coefficient to all visited before it, in one pass and one coefficient at a time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tensorar import Order, Signature, SpecError
from tensorar_plugins.backbones.attention import attend_from_last
from tensorar_plugins.backbones.layers.positions import AxisPositions
from tensorar_plugins.backbones.layers.sequence import shift_right, to_event, to_sequence

POSITION_DEVIATION = 0.1


class PastAttention(nn.Module):
    """Attention with several heads to everything visited before: ``(B, *event, C) -> (B, *event, C)``.

    The query of coefficient ``i`` is made of its activations, the key and the value of ``j`` of its activations and of
    its own features, all three with the position; ``i`` attends to ``j`` only if ``rank[j] < rank[i]``, and to a
    learned start. Chen, Mishra, Rohaninejad, Abbeel 2018, "PixelSNAIL", section 3; with keys as wide as the values.

    In visiting order, keys and values are moved to the next step, so that torch's causal attention, in which a step
    sees itself, is the strict rule.
    """

    def __init__(self, signature: Signature, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise SpecError(
                expected="pixelsnail's channels to be a multiple of its heads",
                got=f"channels={channels}, heads={heads}",
                remedy=f"make channels a multiple of {heads}",
            )
        self.heads, self.width = heads, channels // heads
        self.position = AxisPositions(signature.event_shape, channels)
        for axis in self.position.axes:
            nn.init.normal_(axis.weight, std=POSITION_DEVIATION)
        self.query, self.past = nn.Linear(channels, channels), nn.Linear(channels, 2 * channels)
        self.features = nn.Linear(signature.feature_count, 2 * channels, bias=False)
        self.start = nn.Parameter(torch.zeros(2 * channels))

    def forward(
        self,
        events: Float[Tensor, "batch *event channels"],
        features: Float[Tensor, "batch *event features"],
        order: Order,
    ) -> Float[Tensor, "batch *event channels"]:
        """What each coefficient finds in those before it, given the activations and the features of all."""
        steps = to_sequence(events, order) + self.position(order)  # (B, N, C)
        past = shift_right(self.past(steps) + self.features(to_sequence(features, order)), self.start)
        query, key, value = (self._by_head(x) for x in (self.query(steps), *past.chunk(2, dim=-1)))
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return to_event(attended.transpose(1, 2).flatten(2), order)

    def _by_head(self, x: Float[Tensor, "batch steps channels"]) -> Float[Tensor, "batch heads steps width"]:
        by_head: Tensor = x.unflatten(-1, (self.heads, self.width))
        return by_head.transpose(1, 2)


class PastAttentionStepper:
    """Keeps the keys and values of all steps so far, ``(batch, heads, N, width of a head)`` each."""

    def __init__(self, attention: PastAttention, order: Order, batch: int) -> None:
        self.batch, self.heads, self.width = batch, attention.heads, attention.width
        position = attention.position(order)
        # the parts of positions and biases, N times (channels) and (2 * channels)
        self.query_position, self.past_position = (
            layer(position).detach().unbind(0) for layer in (attention.query, attention.past)
        )
        self.query, self.past, self.features = (
            layer.weight.detach().T for layer in (attention.query, attention.past, attention.features)
        )
        # the key and the value of the last coefficient, without what its features add; at first those of the start
        self.pending = attention.start.detach().expand(batch, -1).clone()
        self.keys, self.values = self.pending.new_zeros(2, batch * self.heads, len(order), self.width)

    def observe(self, features: Float[Tensor, "batch features"]) -> None:
        """Take in the features of the coefficient visited last."""
        self.pending.addmm_(features, self.features)

    def attend(self, maps: Float[Tensor, "batch channels"], t: int) -> Float[Tensor, "batch channels"]:
        """What the coefficient visited at step ``t``, of these activations, finds in those before it."""
        self.keys[:, t], self.values[:, t] = (x.reshape(-1, self.width) for x in self.pending.chunk(2, dim=1))
        query = torch.addmm(self.query_position[t], maps, self.query).view(-1, 1, self.width)
        torch.addmm(self.past_position[t], maps, self.past, out=self.pending)
        attended = attend_from_last(query, self.keys[:, : t + 1], self.values[:, : t + 1])
        return attended.reshape(self.batch, self.heads * self.width)

    def state(self, name: str) -> dict[str, Tensor]:
        """The tensors of the batch, by names that begin with ``name``."""
        caches = {"keys": self.keys, "values": self.values}
        by_example = {f"{name}.{key}": cache.unflatten(0, (self.batch, self.heads)) for key, cache in caches.items()}
        return by_example | {f"{name}.pending": self.pending}
