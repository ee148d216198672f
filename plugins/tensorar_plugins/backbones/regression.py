"""Linear regression on any evidence, and a network for what it leaves."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar import EvidenceBackbone, Head, Order, Signature, flatten_events
from tensorar_plugins.backbones.layers.dense import dense_layers
from tensorar_plugins.backbones.layers.linear_prediction import LinearPrediction, Prediction
from tensorar_plugins.backbones.layers.sequence import to_event
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability

# bounds memory
PREFIXES_AT_ONCE = 8192
# more features take long to factorize for each evidence
MAX_SUGGESTED_FEATURES = 128


class Regression(EvidenceBackbone):
    """The best linear prediction from any evidence, corrected by dense layers: for tables of few columns, any order.

    ``parameters = relocated(network(prediction), mean, deviation)``

    ``mean`` and ``deviation`` of the unknown are those of a Gaussian of the features, whose covariance is found in the
    training events (values may be missing). The network receives the features, filled in where they are unknown, and
    how surprising the known ones are; it starts at the marginals, in units of the prediction's spread where the head
    has a location and a scale. With real numbers in ``units=normal`` the start is therefore a Gaussian copula.

    Options:
        hidden: Number of hidden units per layer.
        layers: Number of hidden layers.
        dropout: Probability of dropping a hidden unit in training.
    """

    name = "regression"
    dense = True
    preferred_ordering = "shuffled"
    # it starts close to where it ends, and small tables are soon learned by heart
    recommended: ClassVar[dict[str, float]] = {"learning_rate": 2e-3, "warmup": 20, "ema": 0.99}

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        count = math.prod(event_shape)
        if len(event_shape) != 1 or count > MAX_SUGGESTED_FEATURES or head.support.is_discrete:
            return None
        used = int(head.used_features(torch.arange(count)).sum())
        return {} if count > 1 and used <= MAX_SUGGESTED_FEATURES else None

    def __init__(self, signature: Signature, *, hidden: int = 128, layers: int = 2, dropout: float = 0.3) -> None:
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers)
        require_probability(self.name, dropout=dropout)
        n, f = math.prod(signature.event_shape), signature.feature_count
        used = torch.ones(n, f, dtype=torch.bool)
        if signature.head is not None:
            used = signature.head.used_features(torch.arange(n)).clone()
        self.register_buffer("_used", used.flatten().nonzero()[:, 0], persistent=False)
        count = int(used.sum())
        self.prediction = LinearPrediction(count)
        self.hidden = dense_layers(2 * count + n + signature.context_features, hidden, layers, dropout)
        self.output = nn.Linear(hidden, n * signature.parameter_count)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    @property
    def used(self) -> Int[Tensor, " used"]:
        """The flat indices of the features that may differ from zero."""
        used = self._used
        assert isinstance(used, Tensor)
        return used

    # --- the start --------------------------------------------------------------------------------------------------

    def init_from_features(self, features: Float[Tensor, "n *event features"], mask: Bool[Tensor, "n *event"]) -> None:
        known = flatten_events(mask).repeat_interleave(features.shape[-1], 1)
        self.prediction.fit(features.flatten(1)[:, self.used], known[:, self.used])

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        flat = marginal.reshape(-1, marginal.shape[-1]).to(self.output.bias)
        mean, variance = (
            self._everywhere(part) for part in (self.prediction.location, self.prediction.covariance.diagonal())
        )
        deviation = torch.where(variance > 0, variance, 1.0).sqrt()
        start = self._relocated(flat, -mean / deviation, 1 / deviation, torch.arange(len(flat), device=flat.device))
        self.output.bias.data = start.flatten().to(self.output.bias)

    # --- parameters -------------------------------------------------------------------------------------------------

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        mask: Bool[Tensor, "batch *event"],
        query: Int[Tensor, "batch queries"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        flat = flatten_events(mask)
        known = flat.repeat_interleave(features.shape[-1], 1)[:, self.used]
        found = self.prediction(features.flatten(1)[:, self.used], known)
        raw = self.output(self.hidden(_inputs(found, flat, context))).unflatten(1, (flat.shape[1], -1))
        parameters, mean, deviation = (
            part.take_along_dim(query.unsqueeze(-1), dim=1)
            for part in (raw, self._everywhere(found.mean), self._everywhere(found.deviation))
        )
        return self._relocated(parameters, mean, deviation, query)

    def conditionals(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        each = max(1, PREFIXES_AT_ONCE // len(order))
        flat = features.flatten(1)[:, self.used]
        contexts = [None] * -(-len(flat) // each) if context is None else context.split(each)
        parts = [self._by_step(some, order, given) for some, given in zip(flat.split(each), contexts, strict=True)]
        return to_event(torch.cat(parts), order)

    def _by_step(
        self, features: Float[Tensor, "batch used"], order: Order, context: Tensor | None
    ) -> Float[Tensor, "batch steps parameters"]:
        """All prefixes at once."""
        n, p = len(order), self.signature.parameter_count
        coefficient = self.used // self.signature.feature_count
        step = order.rank.flatten()[coefficient]
        steps = torch.arange(n, device=step.device)
        # the features of one coefficient after those of another
        by_step = step.argsort(stable=True)
        ends = torch.searchsorted(step[by_step], steps)
        found = self.prediction.by_prefix(features, by_step, ends)
        mask = (order.rank.flatten() < steps[:, None]).expand(len(features), -1, -1)
        hidden = self.hidden(_inputs(found, mask, None if context is None else context.unsqueeze(1).expand(-1, n, -1)))
        weight = self.output.weight.reshape(n, p, -1)[order.visits]
        raw = torch.einsum("bnh,nph->bnp", hidden, weight) + self.output.bias.reshape(n, p)[order.visits]
        mean, deviation = (self._everywhere(part)[:, steps, order.visits] for part in (found.mean, found.deviation))
        return self._relocated(raw, mean, deviation, order.visits)

    def _everywhere(self, used: Float[Tensor, "*batch used"]) -> Float[Tensor, "*batch n features"]:
        """The features of every coefficient, zero where they are not used."""
        n, f = math.prod(self.signature.event_shape), self.signature.feature_count
        found: Tensor = used.new_zeros(*used.shape[:-1], n * f).index_copy(-1, self.used, used).unflatten(-1, (n, f))
        return found

    def _relocated(self, parameters: Tensor, location: Tensor, scale: Tensor, coefficients: Tensor) -> Tensor:
        head = self.signature.head
        return parameters if head is None else head.relocated(parameters, location, scale, coefficients)


def _inputs(
    found: Prediction, mask: Bool[Tensor, "*batch n"], context: Float[Tensor, "*batch context"] | None
) -> Float[Tensor, "*batch inputs"]:
    known = [] if context is None else [context]
    return torch.cat([found.mean, found.surprise, mask.to(found.mean.dtype), *known], dim=-1)
