"""The transformer under adaptive orders: all unknown coefficients against the cached content."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar import CandidateStepper, Order
from tensorar_plugins.backbones.attention import Attention, RotaryAngles
from tensorar_plugins.backbones.layers.positions import rotate

# candidates that are evaluated at once, over all examples; bounds memory
MAX_TOKENS = 4096


class TransformerCandidates(CandidateStepper):
    """Keeps keys and values of every layer, ``(batch, kv_heads, N, width of a head)`` each, of the steps so far.

    A step evaluates the token of every coefficient that may come next, ``W features[last] + e(last) + e'(next)``, each
    of which attends to itself and to the cache; a visit adds the chosen token's keys and values.
    """

    def begin(self) -> None:
        super().begin()
        network, raster = self.backbone, Order.raster(self.order.event_shape).to(self.order.device)
        tokens, attention = network.tokens, network.layers[0].attention
        self.last_position, self.next_position = (
            position(raster).detach() for position in (tokens.last_position, tokens.next_position)
        )
        self.angles = None if network.rotary is None else network.rotary.angles(self.next_position)
        shape = (self.batch, attention.kv_heads, len(self.order), attention.width)
        self.caches = [self.next_position.new_zeros(2, *shape).unbind() for _ in network.layers]
        # the next token without its position
        self.token = tokens.start.detach().expand(self.batch, -1).clone()

    def state(self) -> dict[str, Tensor]:
        held = super().state() | {"token": self.token}
        for k, (keys, values) in enumerate(self.caches):
            held |= {f"keys of layer {k}": keys, f"values of layer {k}": values}
        return held

    def observe(self, features: Float[Tensor, "batch features"]) -> None:
        self.token = self.backbone.tokens.value(features) + self.last_position[self.last]

    def candidates(self, unknown: Int[Tensor, "batch unknown"], t: int) -> Float[Tensor, "batch unknown parameters"]:
        parts = unknown.split(max(1, MAX_TOKENS // max(self.batch, 1)), dim=1)
        network = self.backbone
        return torch.cat([network.output(network.norm(self._evaluate(some, t))) for some in parts], 1)

    def visit(self, index: Int[Tensor, " batch"]) -> None:
        self._evaluate(index.unsqueeze(1), self.t - 1, keep=True)
        super().visit(index)

    def _evaluate(
        self, index: Int[Tensor, "batch some"], t: int, *, keep: bool = False
    ) -> Float[Tensor, "batch some channels"]:
        """The last layer's output for each of these coefficients, were it visited at step ``t``."""
        steps: Tensor = self.token.unsqueeze(1) + self.next_position[index]
        angles = self._angles(index, t)
        for block, (keys, values) in zip(self.backbone.layers, self.caches, strict=True):
            steps = block.context(steps, self.context)
            query, key, value = _rotated(block.attention, block.attention_norm(steps), angles)
            if keep:
                keys[:, :, t], values[:, :, t] = key[:, 0], value[:, 0]
            attended = _attend(query, key, value, keys[:, :, :t], values[:, :, :t])
            steps = steps + block.attention.output(attended)
            steps = steps + block.feed_forward(block.feed_forward_norm(steps))
        return steps

    def _angles(self, index: Tensor, t: int) -> RotaryAngles | None:
        """The angles of queries ``(batch, some, 1, pairs)`` and of keys: those of the coefficient visited last."""
        if self.angles is None:
            return None
        query, key = self.angles[index].unsqueeze(2), self.angles[self.last][:, None, None]
        return RotaryAngles(query, key if t else torch.zeros_like(key))


def _rotated(
    attention: Attention, steps: Float[Tensor, "batch some channels"], angles: RotaryAngles | None
) -> tuple[
    Float[Tensor, "batch some heads width"],
    Float[Tensor, "batch some kv_heads width"],
    Float[Tensor, "batch some kv_heads width"],
]:
    """Queries, keys and values, with the positions in them."""
    query, key, value = attention.split(attention.inputs(steps))
    if angles is not None:
        query, key = rotate(query, angles.query), rotate(key, angles.key)
    return query, key, value


def _attend(
    query: Float[Tensor, "batch some heads width"],
    key: Float[Tensor, "batch some kv_heads width"],
    value: Float[Tensor, "batch some kv_heads width"],
    keys: Float[Tensor, "batch kv_heads steps width"],
    values: Float[Tensor, "batch kv_heads steps width"],
) -> Float[Tensor, "batch some channels"]:
    """Each token attends to itself and to the cached steps, and not to the other candidates."""
    some, kv_heads, width = key.shape[1:]
    grouped = query.unflatten(2, (kv_heads, -1)).transpose(1, 2) * width**-0.5  # (batch, kv_heads, some, group, width)
    own = (grouped * key.transpose(1, 2).unsqueeze(3)).sum(-1, keepdim=True)
    past = (grouped.flatten(2, 3) @ keys.mT).unflatten(2, (some, -1))
    weights = torch.cat([past, own], -1).softmax(-1)
    attended = (weights[..., :-1].flatten(2, 3) @ values).unflatten(2, (some, -1))
    everything: Tensor = attended + weights[..., -1:] * value.transpose(1, 2).unsqueeze(3)
    return everything.transpose(1, 2).flatten(2)
