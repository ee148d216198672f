"""A dense network from any evidence to all conditionals."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from tensorar import EvidenceBackbone, Head, flatten_events
from tensorar_plugins.backbones.layers.sizes import require_positive


class MLP(EvidenceBackbone):
    """Dense layers from mask and values to all conditionals at once: for tables, and for any order.

    The deep NADE of Uria, Murray, Larochelle, "A Deep and Tractable Density Estimator", ICML 2014, eq. 10 (with the
    mask as input), for any head.
    """

    name = "mlp"
    dense = True
    preferred_ordering = "shuffled"

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        return {}

    def __init__(self, signature, *, hidden: int = 512, layers: int = 2, dropout: float = 0.0):
        super().__init__(signature)
        require_positive(self.name, hidden=hidden, layers=layers)
        n = math.prod(signature.event_shape)
        widths = [n * (signature.feature_count + 1) + signature.context_features] + [hidden] * layers
        blocks = []
        for width, following in pairwise(widths):
            blocks += [nn.Linear(width, following), nn.SiLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*blocks, nn.Linear(widths[-1], n * signature.parameter_count))

    def init_output_bias(self, marginal):
        self.layers[-1].bias.data = marginal.flatten().to(self.layers[-1].bias)

    def forward(self, features, mask, query, context=None):
        seen = [features.flatten(1), flatten_events(mask).to(features.dtype)]
        out = self.layers(torch.cat(seen if context is None else [*seen, context], dim=1))
        everything = out.unflatten(1, (-1, self.signature.parameter_count))
        return everything.take_along_dim(query.unsqueeze(-1), dim=1)
