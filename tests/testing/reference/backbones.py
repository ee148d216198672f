"""Correct backbones."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from tensorar import CachedStepper, CausalBackbone, EvidenceBackbone, flatten_events, may_see


class Dense(CausalBackbone):
    """MADE with one hidden layer of units of every degree, and dropout.

    Options:
        copies: Number of hidden units of each degree.
        dropout: Probability of dropping a hidden unit in training.
    """

    name = "dense"

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        self.register_buffer("degrees", torch.arange(n).repeat(copies), persistent=False)
        self.first = nn.Parameter(torch.randn(len(self.degrees), n, f))
        # small, so that training begins at the bias
        self.last = nn.Parameter(torch.randn(n, p, len(self.degrees)) * 0.1)
        self.bias = nn.Parameter(torch.zeros(n, p))
        self.dropout = nn.Dropout(dropout)
        self.context = nn.Linear(signature.context_features, n * p) if signature.context_features else None

    def init_output_bias(self, marginal):
        self.bias.data = marginal.reshape(self.bias.shape).to(self.bias)

    def into_hidden(self, rank):
        return may_see(rank, self.degrees[:, None], strict=False)

    def out_of_hidden(self, rank):
        return may_see(self.degrees, rank[:, None])

    def forward(self, features, order, context=None):
        rank = order.rank.flatten()
        first = (self.first * self.into_hidden(rank)[:, :, None]).flatten(1)
        hidden = self.dropout(self.hidden(features.flatten(1) @ first.T))
        last = self.last * self.out_of_hidden(rank)[:, None, :]
        out = hidden @ last.flatten(0, 1).T + self.bias.flatten()
        out = self.add_context(out, context)
        return out.reshape(-1, *self.signature.event_shape, self.signature.parameter_count)

    def hidden(self, x):
        return x.tanh()

    def add_context(self, out, context):
        return out if self.context is None else out + self.context(context)


class Conv(CausalBackbone):
    """Two masked convolutions along the flattened event, with kernels that cover it.

    Options:
        channels: Number of hidden channels.
    """

    name = "conv"
    orders = "raster"

    def __init__(self, signature, *, channels: int = 16):
        super().__init__(signature)
        n = math.prod(signature.event_shape)
        self.register_buffer("offsets", torch.arange(2 * n - 1) - (n - 1), persistent=False)
        self.first = nn.Parameter(torch.randn(channels, signature.feature_count, 2 * n - 1) * 0.3)
        self.last = nn.Parameter(torch.randn(signature.parameter_count, channels, 2 * n - 1) * 0.3)
        self.norm = self.make_norm(channels)
        k = signature.context_features
        self.context = nn.Linear(k, signature.parameter_count) if k else None

    def make_norm(self, channels):
        return nn.Identity()

    def may_see(self, layer):
        return may_see(self.offsets, torch.tensor(0), strict=layer == 0)

    def forward(self, features, order, context=None):
        x, pad = features.reshape(len(features), -1, features.shape[-1]).mT, (len(self.offsets) - 1) // 2
        hidden = self.norm(F.conv1d(x, self.first * self.may_see(0), padding=pad)).tanh()
        out = F.conv1d(hidden, self.last * self.may_see(1), padding=pad).mT
        if self.context is not None:
            out = out + self.context(context)[:, None]
        return out.reshape(len(features), *self.signature.event_shape, -1)


class TwoBranches(CausalBackbone):
    """Sums over the pixels to the left and above, in one branch from the left and one from the right."""

    name = "two_branches"
    orders = "raster"
    event_ranks = frozenset({2})

    def __init__(self, signature):
        super().__init__(signature)
        f, p, k = signature.feature_count, signature.parameter_count, signature.context_features
        self.into = nn.Linear(f, 6)
        # also the name of a flag of evidence backbones, which must not matter here
        self.dense = nn.Linear(6, p)
        self.context = nn.Linear(k, p, bias=False) if k else None

    def forward(self, features, order, context=None):
        # weights by position, so that no two pixels have the same
        rows, columns = features.shape[1:3]
        position = torch.arange(1, 1 + rows * columns, dtype=features.dtype, device=features.device)
        position = position.reshape(rows, columns, 1)
        from_left, from_right = ((self.into(features) / position)[..., half] for half in (slice(0, 3), slice(3, 6)))
        from_left = from_left.flatten(1, 2).cumsum(1).unflatten(1, (rows, columns)) - from_left
        from_right = self.shift(from_right.flip(2).cumsum(2).flip(2)).cumsum(1)
        out = self.dense(torch.cat([from_left, from_right], dim=-1).tanh())
        return out if self.context is None else out + self.context(context)[:, None, None]

    def shift(self, rows):
        return F.pad(rows, (0, 0, 0, 0, 1, 0))[:, :-1]


class Lines(CausalBackbone):
    """A linear map with a stepper that accumulates sums."""

    name = "lines"

    def __init__(self, signature):
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        self.weight = nn.Parameter(torch.randn(n, p, n, f))
        self.bias = nn.Parameter(torch.randn(n, p))
        self.context = nn.Linear(signature.context_features, n * p) if signature.context_features else None

    def start(self, batch, context):
        n, p = self.bias.shape
        out = self.bias.expand(batch, n, p)
        return out if self.context is None else out + self.context(context).unflatten(1, (n, p))

    def mask(self, order):
        return order.causal_mask()

    def forward(self, features, order, context=None):
        weight = self.weight * self.mask(order)[:, None, :, None]
        by_coefficient = features.reshape(len(features), -1, features.shape[-1])
        out = self.start(len(features), context) + torch.einsum("bjf,ipjf->bip", by_coefficient, weight)
        return out.reshape(-1, *self.signature.event_shape, self.bias.shape[1])

    def stepper(self, order, batch, context=None):
        return LinesStepper(self, order, batch, context)


class LinesStepper(CachedStepper):
    """Adds the contribution of each coefficient to all sums."""

    looks_ahead = True

    def begin(self):
        self.weight, self.visits = self.backbone.weight, self.order.visits.tolist()
        self.sums = self.backbone.start(self.batch, self.context).clone()

    def advance(self, features, t):
        if features is not None:
            self.add(features, t - 1)
        # a copy, since later steps add to this sum, too
        return self.sums[:, self.visits[t]].clone()

    def add(self, features, step):
        self.sums += self.contribution(features, step)

    def contribution(self, features, step):
        return torch.einsum("bf,ipf->bip", features, self.weight[:, :, self.visits[step]])

    def ahead(self, features):
        added = [self.contribution(each, self.t - 1 + k) for k, each in enumerate(features.unbind(1))]
        self.sums_ahead = self.sums.unsqueeze(1) + torch.stack(added, 1).cumsum(1)
        visits = self.visits[self.t : self.t + len(added)]
        return torch.stack([self.sums_ahead[:, k, visit] for k, visit in enumerate(visits)], 1)

    def keep(self, count):
        self.sums.copy_(self.sums_ahead[:, count - 1])
        self.t += count

    def state(self):
        return {"sums": self.sums}


class Masks(EvidenceBackbone):
    """Dense layers from mask and values to all coefficients.

    Options:
        hidden: Number of hidden units.
    """

    name = "masks"
    dense = True

    def __init__(self, signature, *, hidden: int = 32):
        super().__init__(signature)
        n, f, k = math.prod(signature.event_shape), signature.feature_count, signature.context_features
        self.into = nn.Linear(n * (f + 1) + k, hidden)
        self.out = nn.Linear(hidden, n * signature.parameter_count)

    def inputs(self, features, mask, context):
        inputs = [features.flatten(1), flatten_events(mask).to(features.dtype)]
        return torch.cat(inputs if context is None else [*inputs, context], dim=1)

    def forward(self, features, mask, query, context=None):
        out = self.out(self.into(self.inputs(features, mask, context)).tanh())
        return self.queried(out.unflatten(1, (-1, self.signature.parameter_count)), query)

    def queried(self, everything, query):
        return everything.take_along_dim(query.unsqueeze(-1), dim=1)
