"""Correct backbones that the kit may not refuse: weights that are normalized, shared, frozen, or looked up."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.testing.reference.sequences import Sequence


class WeightNormalized(Sequence):
    """A masked map between steps with normalized weights, and one whose largest singular value is 1."""

    name = "weight_normalized"

    def make(self, n):
        self.map = parametrizations.weight_norm(nn.Linear(self.width, self.width))
        self.gate = parametrizations.spectral_norm(nn.Linear(self.width, self.width))

    def mix(self, steps):
        return (self.map(steps) * self.gate(steps).sigmoid()).cumsum(1)


class TiedWeights(Sequence):
    """One matrix into and out of the hidden units."""

    name = "tied_weights"

    def make(self, n):
        self.matrix = nn.Parameter(torch.randn(self.width, 2 * self.width) * 0.3)

    def mix(self, steps):
        return (steps @ self.matrix).cumsum(1).tanh() @ self.matrix.T


class FrozenFeatures(Sequence):
    """Random features that are not trained, and are saved."""

    name = "frozen_features"

    def make(self, n):
        self.random = nn.Linear(self.width, self.width)
        self.random.requires_grad_(False)

    def mix(self, steps):
        return self.random(steps).sin().cumsum(1)


class BatchNormalized(Sequence):
    """Batch norm of each channel and step, over the examples of a batch in training."""

    name = "batch_normalized"

    def make(self, n):
        self.norm = nn.BatchNorm1d(n * self.width)

    def mix(self, steps):
        sums = steps.cumsum(1)
        return self.norm(sums.flatten(1)).view_as(sums) if len(sums) > 1 or not self.training else sums


class Embedded(Sequence):
    """An embedding of each value, found from its features: there is no derivative with respect to them."""

    name = "embedded"

    def make(self, n):
        self.values = nn.Embedding(7, self.width)

    def forward(self, features, order, context=None):
        # one-hot features and plain numbers have other sums than those of other values
        weights = torch.arange(1, features.shape[-1] + 1, dtype=features.dtype, device=features.device)
        index = (features * weights).sum(-1).round().clamp(0, 6).long()
        return super().forward(self.values(index)[..., : features.shape[-1]], order, context)

    def mix(self, steps):
        return steps.cumsum(1)
