"""Correct backbones that the kit may not refuse: with caches, noise, or loops over queries; and a list of all."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from tensorar import CachedStepper, EvidenceBackbone, flatten_events
from tests.testing.reference.backbones import Dense, Lines
from tests.testing.reference.sequence_weights import (
    BatchNormalized,
    Embedded,
    FrozenFeatures,
    TiedWeights,
    WeightNormalized,
)
from tests.testing.reference.sequences import (
    ChunkedScan,
    ComplexWeights,
    DoubleInside,
    FourierConv,
    LinearAttention,
    PrefixMaximum,
    Recurrent,
    Vectorized,
    flatten_features,
)


class LazyTables(Lines):
    """A mask per order and device, made when it is first used and kept outside of inference mode."""

    name = "lazy_tables"

    def __init__(self, signature):
        super().__init__(signature)
        self.masks = {}

    def mask(self, order):
        key = order, str(order.device)
        if key not in self.masks:
            with torch.inference_mode(False):
                self.masks[key] = order.causal_mask()
        return self.masks[key]


class FoldedWeights(Lines):
    """Masked weights kept in evaluation mode for as long as the weights stay the same."""

    name = "folded_weights"

    def __init__(self, signature):
        super().__init__(signature)
        self.folded = {}

    def forward(self, features, order, context=None):
        if torch.is_grad_enabled() or self.weight.is_inference():
            return super().forward(features, order, context)
        version = self.weight._version, self.weight.data_ptr(), self.weight.dtype
        if self.folded.get("key") != (order, *version):
            weight = (self.weight * self.mask(order)[:, None, :, None]).detach().clone()
            self.folded = {"key": (order, *version), "weight": weight}
        out = torch.einsum("bjf,ipjf->bip", flatten_features(features), self.folded["weight"])
        return (out + self.start(len(features), context)).reshape(*features.shape[:-1], -1)


class Recomputing(Dense):
    """A stepper that repeats the forward pass for what it has seen."""

    name = "recomputing"

    def stepper(self, order, batch, context=None):
        return RecomputingStepper(self, order, batch, context)


class RecomputingStepper(CachedStepper):
    """Keeps the features."""

    def begin(self):
        signature = self.backbone.signature
        shape = (self.batch, math.prod(signature.event_shape), signature.feature_count)
        self.features = self.backbone.bias.new_zeros(shape)

    def advance(self, features, t):
        visits = self.order.visits
        if features is not None:
            self.features[:, visits[t - 1]] = features
        shape = (self.batch, *self.backbone.signature.event_shape, self.features.shape[-1])
        out = self.backbone(self.features.reshape(shape), self.order, self.context)
        return flatten_features(out.detach())[:, visits[t]].clone()

    def state(self):
        return {"features": self.features}


class FixedNoise(Dense):
    """Multiplicative noise in training, and limited parameters."""

    name = "fixed_noise"

    def hidden(self, x):
        noise = 1 + 0.1 * torch.randn_like(x) if self.training else 1.0
        return x.tanh() * noise

    def forward(self, features, order, context=None):
        return 20 * (super().forward(features, order, context) / 20).tanh()


class OneByOne(EvidenceBackbone):
    """A set of known values for each query: attention from the query to what is known, in a loop over queries."""

    name = "one_by_one"

    def __init__(self, signature):
        super().__init__(signature)
        n, f, k = math.prod(signature.event_shape), signature.feature_count, signature.context_features
        self.position, self.query = nn.Embedding(n, 8), nn.Embedding(n, 8)
        self.value = nn.Linear(f, 8)
        self.context = nn.Linear(k, 8) if k else None
        self.output = nn.Linear(16, signature.parameter_count)

    def forward(self, features, mask, query, context=None):
        known = flatten_events(mask)
        keys = self.value(flatten_features(features)) + self.position.weight
        out = []
        for column in query.unbind(1):
            asked = self.query(column)
            scores = torch.where(known, (keys * asked[:, None]).sum(-1), -torch.inf)
            # one more score of zero, for no evidence
            weights = F.pad(scores, (1, 0)).softmax(1)[:, 1:]
            found = (weights.unsqueeze(-1) * keys).sum(1)
            out.append(found if self.context is None else found + self.context(context))
            out[-1] = self.output(torch.cat([out[-1], asked], dim=1))
        return torch.stack(out, dim=1)


NETWORKS = (
    FourierConv,
    LinearAttention,
    ChunkedScan,
    PrefixMaximum,
    DoubleInside,
    ComplexWeights,
    Vectorized,
    Recurrent,
    WeightNormalized,
    TiedWeights,
    FrozenFeatures,
    BatchNormalized,
    Embedded,
    LazyTables,
    FoldedWeights,
    Recomputing,
    FixedNoise,
    OneByOne,
)
