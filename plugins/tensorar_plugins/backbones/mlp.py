"""A dense network from any evidence to all conditionals."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tensorar import EvidenceBackbone, Head, Order, Signature, flatten_events
from tensorar_plugins.backbones.layers.dense import dense_layers
from tensorar_plugins.backbones.layers.sequence import shift_right, to_event, to_sequence
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability

# bounds memory
PREFIXES_AT_ONCE = 8192


class MLP(EvidenceBackbone):
    """Dense layers from mask and values to all conditionals at once: for tables, and for any order.

    The deep NADE of Uria, Murray, Larochelle, "A Deep and Tractable Density Estimator", ICML 2014, eq. 10 (with the
    mask as input), for any head.

    Options:
        hidden: Number of hidden units per layer.
        layers: Number of hidden layers.
        dropout: Probability of dropping a hidden unit in training.
    """

    name = "mlp"
    dense = True
    preferred_ordering = "shuffled"

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        return {}

    def __init__(self, signature: Signature, *, hidden: int = 512, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers)
        require_probability(self.name, dropout=dropout)
        n = math.prod(signature.event_shape)
        inputs = n * (signature.feature_count + 1) + signature.context_features
        self.hidden = dense_layers(inputs, hidden, layers, dropout)
        self.output = nn.Linear(hidden, n * signature.parameter_count)

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        self.output.bias.data = marginal.flatten().to(self.output.bias)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        mask: Bool[Tensor, "batch *event"],
        query: Int[Tensor, "batch queries"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        inputs = [features.flatten(1), flatten_events(mask).to(features.dtype)]
        if context is not None:
            inputs.append(context)
        output: Tensor = self.output(self.hidden(torch.cat(inputs, dim=1)))
        n, p = math.prod(self.signature.event_shape), self.signature.parameter_count
        return output.reshape(-1, n, p).take_along_dim(query.unsqueeze(-1), dim=1)

    def conditionals(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        by_step = to_sequence(features, order)  # (B, N, F)
        each = max(1, PREFIXES_AT_ONCE // len(order))
        contexts = [None] * -(-len(by_step) // each) if context is None else context.split(each)
        parts = [
            self._conditionals_by_step(some, order, given)
            for some, given in zip(by_step.split(each), contexts, strict=True)
        ]
        return to_event(torch.cat(parts), order)

    def _conditionals_by_step(
        self, features: Float[Tensor, "batch steps features"], order: Order, context: Tensor | None
    ) -> Float[Tensor, "batch steps parameters"]:
        """All prefixes at once: one more known coefficient adds its columns of the first weight to the sum so far."""
        n, p, f = len(order), self.signature.parameter_count, features.shape[-1]
        first = self.hidden[0]
        assert isinstance(first, nn.Linear)
        columns = first.weight[:, : n * f].T.reshape(n, f, -1)[order.visits]  # (N, F, H)
        added = torch.einsum("bnf,nfh->bnh", features, columns) + first.weight[:, n * f : n * (f + 1)].T[order.visits]
        hidden = shift_right(added, first.bias).cumsum(1)
        if context is not None:
            hidden = hidden + functional.linear(context, first.weight[:, n * (f + 1) :]).unsqueeze(1)
        hidden = self.hidden[1:](hidden)
        weight = self.output.weight.reshape(n, p, -1)[order.visits]
        return torch.einsum("bnh,nph->bnp", hidden, weight) + self.output.bias.reshape(n, p)[order.visits]
