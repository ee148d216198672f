"""The transformer over coefficients in visiting order."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tensorar import CachedStepper, CausalBackbone, Order, Signature
from tensorar_plugins.backbones.attention import Block, RotaryAngles, attend_from_last
from tensorar_plugins.backbones.layers.module_sequence import ModuleSequence
from tensorar_plugins.backbones.layers.positions import AxisPositions, RotaryEmbedding, rotate
from tensorar_plugins.backbones.layers.sequence import shift_right, to_event, to_sequence
from tensorar_plugins.backbones.layers.sizes import max_examples_per_call, require_positive, require_probability
from tensorar_plugins.backbones.transformer_candidates import TransformerCandidates

# of the tokens computed at once
MAX_ELEMENTS_PER_CALL = 2**19
# of GPT-2
INITIAL_DEVIATION = 0.02


class Transformer(CausalBackbone):
    """Causal transformer over the coefficients in visiting order, for any order: no blind spot.

    The input of step ``t`` is ``W features[order[t-1]] + e(order[t-1]) + e'(order[t])``, with position embeddings of
    the coefficient visited last and of the one predicted next; it attends to itself and to the steps before it, and
    its output is the parameters of ``order[t]``. One stream is thus exactly causal for every order, as in Pannatier et
    al. 2024, "sigma-GPTs" (docs/decisions/0007). Blocks and initialization are those of Radford et al. 2019, GPT-2,
    except for shared keys and values: LayerNorm before each branch, GELU (exact, not GPT-2's tanh approximation),
    weights of standard deviation 0.02, those into the residual stream divided by the root of their number.

    Options:
        channels: Width of the residual stream.
        heads: Number of attention heads; it divides ``channels``.
        kv_heads: Number of sets of keys and values, each shared by ``heads / kv_heads`` heads; it divides ``heads``.
            With one (Shazeer 2019, "Fast Transformer Decoding") sampling reads and stores least; with ``heads`` it is
            the attention of Vaswani et al. 2017. Measured in docs/decisions/0008.
        layers: Number of blocks.
        position_embedding: "learned" has the learned embeddings only; "rotary" also rotates keys and queries by the
            positions of their coefficients, so that attention depends on the offset along each axis (Su et al. 2021,
            "RoFormer").
        dropout: Probability of dropping an element of the input and of each residual branch in training.
    """

    name = "transformer"
    recommended: ClassVar[dict[str, float]] = {"learning_rate": 3e-3, "batch_size": 64}

    def __init__(
        self,
        signature: Signature,
        *,
        channels: int = 128,
        heads: int = 4,
        kv_heads: int = 1,
        layers: int = 4,
        position_embedding: Literal["learned", "rotary"] = "learned",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(signature)
        require_positive(self.name, channels=channels, heads=heads, kv_heads=kv_heads, layers=layers)
        require_probability(self.name, dropout=dropout)
        self.tokens = StepTokens(signature, channels)
        rotary = position_embedding == "rotary"
        self.rotary = RotaryEmbedding(signature.event_shape, channels // heads) if rotary else None
        self.dropout = nn.Dropout(dropout)
        self.layers: ModuleSequence[Block] = ModuleSequence(
            Block(signature, channels, heads, kv_heads, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, signature.parameter_count)
        self._initialize()

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for layer in (output for block in self.layers for output in block.residual_outputs()):
            nn.init.normal_(layer.weight, std=INITIAL_DEVIATION / (2 * len(self.layers)) ** 0.5)

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output.bias.data = marginal.reshape(-1, marginal.shape[-1]).mean(0).to(self.output.bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        steps = self.dropout(self.tokens(features, order))  # (B, N, C)
        angles = self.rotary_angles(order, features)
        for layer in self.layers:
            steps = layer(steps, angles, context)
        return to_event(self.output(self.norm(steps)), order)

    def rotary_angles(self, order: Order, like: Tensor) -> RotaryAngles | None:
        """The angles of each step's query and key, in the dtype of ``like``; None without rotary embedding."""
        return None if self.rotary is None else RotaryAngles.by_step(self.rotary.angles(like), order)

    def stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> TransformerStepper:
        return TransformerStepper(self, order, batch, context)

    def candidate_stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> TransformerCandidates:
        return TransformerCandidates(self, order, batch, context)


class StepTokens(nn.Module):
    """The inputs of the first block: ``(B, *event, F) -> (B, N, channels)``."""

    def __init__(self, signature: Signature, channels: int) -> None:
        super().__init__()
        self.value = nn.Linear(signature.feature_count, channels)
        self.start = nn.Parameter(INITIAL_DEVIATION * torch.randn(channels))
        self.last_position, self.next_position = (AxisPositions(signature.event_shape, channels) for _ in range(2))

    def forward(
        self, features: Float[Tensor, "batch *event features"], order: Order
    ) -> Float[Tensor, "batch steps channels"]:
        """The value visited last, and the positions of the last and of the next coefficient."""
        return self.with_positions(self.value(to_sequence(features, order)), order)

    def with_positions(
        self, values: Float[Tensor, "*steps_or_1 channels"], order: Order
    ) -> Float[Tensor, "*steps channels"]:
        """Values in visiting order, ``(..., N, C)`` or one for all steps, moved to the next step, plus positions."""
        last_position, next_position = self.last_position(order), self.next_position(order)
        steps: Tensor = shift_right(values + last_position, self.start) + next_position
        return steps


class TransformerStepper(CachedStepper):
    """Keeps keys and values of every layer, ``(batch, kv_heads, N, width of a head)`` each; a step adds one of each.

    A step costs the dense layers for one position, and reads all keys and values so far: large batches are limited by
    memory bandwidth.
    """

    backbone: Transformer

    def begin(self) -> None:
        network, tokens = self.backbone, self.backbone.tokens
        # the tokens without their values, N times (C): the start or the last position, and the next position
        self.positions = tokens.with_positions(tokens.value.bias, self.order).detach().unbind(0)
        self.value = tokens.value.weight.detach().T
        angles = network.rotary_angles(self.order, self.value)
        self.layers = [
            BlockStepper(block, angles, len(self.order), self.batch, self.context) for block in network.layers
        ]
        self.norm, self.output = DetachedNorm(network.norm), DetachedLinear(network.output)

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        position = self.positions[t]
        token = position.expand(self.batch, -1) if features is None else torch.addmm(position, features, self.value)
        for layer in self.layers:
            token = layer.advance(token, t)  # (batch, C)
        return self.output(self.norm(token))

    def prefill(self, features: Float[Tensor, "batch steps features"]) -> None:
        features = functional.pad(features, (0, 0, 1, 0))
        self.t = steps = features.shape[1]
        positions = torch.stack(self.positions[:steps])
        size = max_examples_per_call(steps * len(self.value.T), MAX_ELEMENTS_PER_CALL, features.device)
        for first in range(0, self.batch, size):
            rows = slice(first, first + size)
            tokens = positions + features[rows] @ self.value  # (some, steps, C)
            for layer in self.layers:
                tokens = layer.prefill(tokens, rows)

    def state(self) -> dict[str, Tensor]:
        shape = (self.batch, self.backbone.layers[0].attention.kv_heads)
        return {
            f"{name} of layer {k}": cache.unflatten(0, shape)
            for k, layer in enumerate(self.layers)
            for name, cache in (("keys", layer.keys), ("values", layer.values))
        }


class DetachedLinear:
    """A linear layer as one operation, without gradients for its weights."""

    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.bias = layer.weight.detach().T, layer.bias.detach()

    def __call__(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        return torch.addmm(self.bias, x, self.weight)


class DetachedNorm:
    """A LayerNorm over the channels, without gradients for its weights."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        self.shape, self.eps = norm.normalized_shape, norm.eps
        self.weight, self.bias = norm.weight.detach(), norm.bias.detach()

    def __call__(self, x: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch channels"]:
        return torch.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class BlockStepper:
    """One block for one step, ``(batch, channels) -> (batch, channels)``."""

    def __init__(
        self,
        block: Block,
        angles: RotaryAngles | None,
        steps: int,
        batch: int,
        context: Float[Tensor, "batch context"] | None,
    ) -> None:
        self.angles, self.attention = angles, block.attention
        self.bias = block.context.map(context).detach() if block.context.map else None
        self.inputs, self.output = DetachedLinear(block.attention.inputs), DetachedLinear(block.attention.output)
        self.widen, self.narrow = DetachedLinear(block.feed_forward.widen), DetachedLinear(block.feed_forward.narrow)
        self.attention_norm = DetachedNorm(block.attention_norm)
        self.feed_forward_norm = DetachedNorm(block.feed_forward_norm)
        rows = batch * block.attention.kv_heads
        self.keys, self.values = self.inputs.weight.new_empty(2, rows, steps, block.attention.width)

    def advance(self, token: Float[Tensor, "batch channels"], t: int) -> Float[Tensor, "batch channels"]:
        """The token of step ``t``, given that of the block below."""
        token = token if self.bias is None else token + self.bias
        token = self._attend(self.attention_norm(token), t).add_(token)
        return self.narrow(functional.gelu(self.widen(self.feed_forward_norm(token)))).add_(token)

    def prefill(
        self, tokens: Float[Tensor, "some steps channels"], rows: slice
    ) -> Float[Tensor, "some steps channels"]:
        """The tokens of the first steps, for some examples."""
        shape = tokens.shape[:2]
        tokens = tokens if self.bias is None else tokens + self.bias[rows].unsqueeze(1)
        tokens = tokens.flatten(0, 1)
        tokens = self.output(self._attend_from_all(self.attention_norm(tokens).unflatten(0, shape), rows)).add_(tokens)
        return self.narrow(functional.gelu(self.widen(self.feed_forward_norm(tokens)))).add_(tokens).unflatten(0, shape)

    def _attend_from_all(
        self, tokens: Float[Tensor, "some steps channels"], rows: slice
    ) -> Float[Tensor, "some_steps channels"]:
        steps, kv_heads = tokens.shape[1], self.attention.kv_heads
        projected = self.inputs(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
        # (some, heads or kv_heads, steps, width)
        query, key, value = (each.transpose(1, 2) for each in self.attention.split(projected))
        if self.angles is not None:
            query, key = rotate(query, self.angles.query[:steps]), rotate(key, self.angles.key[:steps])
        for cache, found in ((self.keys, key), (self.values, value)):
            cache.unflatten(0, (-1, kv_heads))[rows, :, :steps] = found
        return self.attention.attend(query, key, value).flatten(0, 1)

    def _attend(self, token: Float[Tensor, "batch channels"], t: int) -> Float[Tensor, "batch channels"]:
        heads_per_key, width = self.attention.heads_per_key, self.attention.width
        query, key, value = self.attention.split(self.inputs(token))  # (batch, heads or kv_heads, width)
        if self.angles is not None:
            query, key = rotate(query, self.angles.query[t]), rotate(key, self.angles.key[t])
        self.keys[:, t], self.values[:, t] = key.reshape(-1, width), value.reshape(-1, width)
        query = query.reshape(-1, heads_per_key, width)
        attended = attend_from_last(query, self.keys[:, : t + 1], self.values[:, : t + 1])
        return self.output(attended.view_as(token))
