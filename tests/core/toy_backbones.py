"""A single-file plugin for the tests: a backbone that knows no order but raster, and ignores the one it is given."""

from __future__ import annotations

import math

import torch
from torch import nn

from tensorar import CausalBackbone, hookimpl


class Triangle(CausalBackbone):
    """One triangular linear map of the flattened event."""

    name = "triangle"
    orders = "raster"

    def __init__(self, signature):
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        self.weight = nn.Parameter(torch.randn(n, p, n, f))

    def forward(self, features, order, context=None):
        n, p, *_ = self.weight.shape
        past = torch.ones(n, n, dtype=features.dtype).tril(-1)
        out = features.flatten(1) @ (self.weight * past[:, None, :, None]).reshape(n * p, -1).T
        return out.reshape(-1, *self.signature.event_shape, p)


@hookimpl
def tensorar_backbones():
    return [Triangle]
