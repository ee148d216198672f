"""Small right parts, written so that one line of each can be made wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical, Distribution, Normal, constraints

from tensorar import (
    CausalBackbone,
    Dataset,
    EvidenceBackbone,
    Head,
    Order,
    Ordering,
    Splits,
    Stepper,
    flatten_events,
    may_see,
)

# --- orderings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Backwards(Ordering):
    """Rows from the last to the first."""

    name = "backwards"

    def visits(self, event_shape):
        flat = torch.arange(math.prod(event_shape)).reshape(event_shape)
        if not event_shape:
            return flat.flatten()
        rows = event_shape[0]
        return flat[self.row(torch.arange(rows), rows)].flatten()

    def row(self, row, rows):
        return rows - 1 - row


@dataclass(frozen=True, kw_only=True)
class Shuffle(Ordering):
    """A fresh permutation per draw."""

    name = "shuffle"
    seed: int = 0
    fixed = False
    uniform = True

    def visits(self, event_shape):
        return torch.randperm(math.prod(event_shape), generator=torch.Generator().manual_seed(self.seed))

    def draw(self, event_shape, generator=None):
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)


@dataclass(frozen=True, kw_only=True)
class BothWays(Ordering):
    """An ensemble: from the start and from the end."""

    name = "both_ways"
    fixed = False
    ensemble = True

    def visits(self, event_shape):
        return torch.arange(math.prod(event_shape))

    def orders(self, event_shape):
        forwards = Order(self.visits(event_shape), event_shape)
        return (forwards, Order(forwards.visits.flip(0), event_shape))[: min(2, len(forwards))]

    def draw(self, event_shape, generator=None):
        orders = self.orders(event_shape)
        return orders[int(torch.randint(len(orders), (), generator=generator))]


# --- heads -----------------------------------------------------------------------------------------------------------


class Bins(Distribution):
    """A mixture of logistics over levels in a unit interval, the first and the last bin taking the tails."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, weights, location, scale, levels):
        self.weights, self.location, self.scale, self.levels = weights, location, scale, levels
        super().__init__(location.shape[:-1], validate_args=False)

    def probabilities(self):
        edges = torch.arange(1, self.levels, dtype=self.location.dtype) / self.levels
        below = ((edges[:, None] - self.location.unsqueeze(-2)) / self.scale.unsqueeze(-2)).sigmoid()
        return self.of_bins((below * self.weights.unsqueeze(-2)).sum(-1))

    def of_bins(self, below):
        return F.pad(F.pad(below, (1, 0)), (0, 1), value=1.0).diff(dim=-1)

    def log_prob(self, value):
        nats = self.probabilities().clamp(min=1e-30).log()
        value, nats = torch.broadcast_tensors(value.long().unsqueeze(-1), nats)
        return nats.gather(-1, value[..., :1])[..., 0]

    def sample(self, sample_shape=()):
        component = Categorical(probs=self.weights).sample(sample_shape).unsqueeze(-1)
        shape = (*component.shape[:-1], self.weights.shape[-1])
        location, scale = (p.expand(shape).gather(-1, component)[..., 0] for p in (self.location, self.scale))
        u = torch.rand(location.shape, dtype=location.dtype).clamp(1e-6, 1 - 1e-6)
        return self.level(location + scale * torch.logit(u))

    def level(self, x):
        return (x * self.levels).floor().clamp(0, self.levels - 1)

    @property
    def mean(self):
        return self.probabilities() @ torch.arange(self.levels, dtype=self.location.dtype)


@dataclass(frozen=True, kw_only=True)
class BinMixture(Head):
    """Levels by a mixture of two logistics."""

    name = "bin_mixture"
    levels: int = 16
    parameter_count = 6
    feature_count = 1
    kind = Bins

    @property
    def support(self):
        return constraints.integer_interval(0, self.levels - 1)

    def encode(self, value):
        return (value / self.levels).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        weights, location, scale = parameters.split(2, dim=-1)
        scale = 0.05 + 0.5 * scale.sigmoid()
        return self.kind(self.weights(weights), location.tanh() + 0.5, scale, self.levels)

    def weights(self, raw):
        return raw.softmax(-1)


@dataclass(frozen=True, kw_only=True)
class Bell(Head):
    """Real numbers: one Gaussian."""

    name = "bell"
    parameter_count = 2
    feature_count = 1
    support = constraints.real

    def encode(self, value):
        return value.unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        location, raw = parameters.unbind(-1)
        return Normal(location, 0.01 + F.softplus(raw), validate_args=False)


# --- backbones -------------------------------------------------------------------------------------------------------


class Dense(CausalBackbone):
    """MADE with one hidden layer of units of every degree, and dropout."""

    name = "dense"

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        self.degrees = torch.arange(n).repeat(copies)
        self.first = nn.Parameter(torch.randn(len(self.degrees), n, f))
        self.last = nn.Parameter(torch.randn(n, p, len(self.degrees)))
        self.bias = nn.Parameter(torch.zeros(n, p))
        self.dropout = nn.Dropout(dropout)
        self.context = nn.Linear(signature.context_features, n * p) if signature.context_features else None

    def start_at(self, marginal):
        self.bias.data = marginal.reshape(self.bias.shape).to(self.bias)

    def into_hidden(self, rank):
        return may_see(rank, self.degrees[:, None], itself=True)

    def out_of_hidden(self, rank):
        return may_see(self.degrees, rank[:, None])

    def forward(self, features, order, context=None):
        rank = order.rank.flatten()
        first = (self.first * self.into_hidden(rank)[:, :, None]).flatten(1)
        hidden = self.dropout(self.hidden(features.flatten(1) @ first.T))
        last = self.last * self.out_of_hidden(rank)[:, None, :]
        out = hidden @ last.flatten(0, 1).T + self.bias.flatten()
        out = self.listen(out, context)
        return out.reshape(-1, *self.signature.event_shape, self.signature.parameter_count)

    def hidden(self, x):
        return x.tanh()

    def listen(self, out, context):
        return out if self.context is None else out + self.context(context)


class Conv(CausalBackbone):
    """Two masked convolutions along the flattened event, as long as it is."""

    name = "conv"
    orders = "raster"

    def __init__(self, signature, *, channels: int = 16):
        super().__init__(signature)
        n = math.prod(signature.event_shape)
        self.offsets = torch.arange(2 * n - 1) - (n - 1)
        self.first = nn.Parameter(torch.randn(channels, signature.feature_count, 2 * n - 1) * 0.3)
        self.last = nn.Parameter(torch.randn(signature.parameter_count, channels, 2 * n - 1) * 0.3)
        self.norm = self.make_norm(channels)
        k = signature.context_features
        self.context = nn.Linear(k, signature.parameter_count) if k else None

    def make_norm(self, channels):
        return nn.Identity()

    def may_see(self, layer):
        return may_see(self.offsets, torch.tensor(0), itself=layer > 0)

    def forward(self, features, order, context=None):
        x, pad = features.reshape(len(features), -1, features.shape[-1]).mT, (len(self.offsets) - 1) // 2
        hidden = self.norm(F.conv1d(x, self.first * self.may_see(0), padding=pad)).tanh()
        out = F.conv1d(hidden, self.last * self.may_see(1), padding=pad).mT
        if self.context is not None:
            out = out + self.context(context)[:, None]
        return out.reshape(len(features), *self.signature.event_shape, -1)


class TwoBranches(CausalBackbone):
    """Sums over what is left of a pixel and above it, in a branch from the left and one from the right."""

    name = "two_branches"
    orders = "raster"
    event_ranks = frozenset({2})

    def __init__(self, signature):
        super().__init__(signature)
        f, p, k = signature.feature_count, signature.parameter_count, signature.context_features
        self.into = nn.Linear(f, 6)
        # the name of a flag of evidence backbones: a network may call its layers as it likes
        self.dense = nn.Linear(6, p)
        self.context = nn.Linear(k, p, bias=False) if k else None

    def forward(self, features, order, context=None):
        # weights by place, so that no two pixels weigh the same
        rows, columns = features.shape[1:3]
        place = 1 + torch.arange(rows * columns, dtype=features.dtype).reshape(rows, columns, 1)
        from_left, from_right = ((self.into(features) / place)[..., half] for half in (slice(0, 3), slice(3, 6)))
        from_left = from_left.flatten(1, 2).cumsum(1).unflatten(1, (rows, columns)) - from_left
        from_right = self.shift(from_right.flip(2).cumsum(2).flip(2)).cumsum(1)
        out = self.dense(torch.cat([from_left, from_right], dim=-1).tanh())
        return out if self.context is None else out + self.context(context)[:, None, None]

    def shift(self, rows):
        return F.pad(rows, (0, 0, 0, 0, 1, 0))[:, :-1]


class Lines(CausalBackbone):
    """A linear map with a stepper that keeps a running sum."""

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
        return order.sees()

    def forward(self, features, order, context=None):
        weight = self.weight * self.mask(order)[:, None, :, None]
        by_coefficient = features.reshape(len(features), -1, features.shape[-1])
        out = self.start(len(features), context) + torch.einsum("bjf,ipjf->bip", by_coefficient, weight)
        return out.reshape(-1, *self.signature.event_shape, self.bias.shape[1])

    def stepper(self, order, batch, context=None):
        return LinesStepper(self, order, self.start(batch, context))


class LinesStepper(Stepper):
    """Adds what each coefficient says to all sums."""

    def __init__(self, lines, order, sums):
        self.weight, self.visits, self.sums, self.t = lines.weight, order.visits.tolist(), sums, 0

    def step(self, features):
        if features is not None:
            seen = self.weight[:, :, self.visits[self.t - 1]]
            self.sums = self.sums + torch.einsum("bf,ipf->bip", features, seen)
        self.t += 1
        return self.sums[:, self.visits[self.t - 1]]


class Masks(EvidenceBackbone):
    """Dense layers from mask and values to every query."""

    name = "masks"
    dense = True

    def __init__(self, signature, *, hidden: int = 32):
        super().__init__(signature)
        n, f, k = math.prod(signature.event_shape), signature.feature_count, signature.context_features
        self.into = nn.Linear(n * (f + 1) + k, hidden)
        self.out = nn.Linear(hidden, n * signature.parameter_count)

    def seen(self, features, mask, context):
        seen = [features.flatten(1), flatten_events(mask).to(features.dtype)]
        return torch.cat(seen if context is None else [*seen, context], dim=1)

    def forward(self, features, mask, query, context=None):
        out = self.out(self.into(self.seen(features, mask, context)).tanh())
        return self.answer(out.unflatten(1, (-1, self.signature.parameter_count)), query)

    def answer(self, everything, query):
        return everything.take_along_dim(query.unsqueeze(-1), dim=1)


# --- datasets --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Coins(Dataset):
    """Three coins that fall alike three times of four, with what they were told as context where wanted."""

    name = "coins"
    bias: float = 0.75
    told: bool = False

    def load(self):
        return Splits(*[self.toss(n, torch.Generator().manual_seed(seed)) for seed, n in enumerate((300, 80, 90))])

    def toss(self, n, generator):
        first = torch.rand(n, 1, generator=generator) < 0.5
        alike = torch.rand(n, 2, generator=generator) < self.bias
        return torch.cat([first, first == alike], dim=1).long()

    def load_contexts(self):
        return Splits(*[self.context(s) for s in (self.train, self.valid, self.test)]) if self.told else None

    def context(self, events):
        return events[:, :1].float()

    def fresh(self, n, generator):
        return None if self.told else self.toss(n, generator)

    def log_prob(self, x):
        alike = (x[:, 1:] == x[:, :1]).double()
        return math.log(0.5) + (alike * math.log(self.bias) + (1 - alike) * math.log(1 - self.bias)).sum(1)


@dataclass(frozen=True, kw_only=True)
class Numbers(Dataset):
    """Real numbers, seen with a little noise."""

    name = "numbers"

    def load(self):
        drawn = torch.randn(100, 4, generator=torch.Generator().manual_seed(self.seed()))
        return Splits(*drawn.split([60, 20, 20]))

    def seed(self):
        return 0

    def visit(self, indices, generator):
        return self.train[indices] + 0.1 * torch.randn(len(indices), 4, generator=generator)


@dataclass(frozen=True, kw_only=True)
class Calls(Dataset):
    """How often the telephone rings in an hour, morning and afternoon: counts without a highest."""

    name = "calls"
    fitting_head = "poisson"

    def load(self):
        drawn = torch.poisson(torch.full((300, 2), 3.0), generator=torch.Generator().manual_seed(0))
        return Splits(*drawn.split([200, 50, 50]))

    def log_prob(self, x):
        return torch.distributions.Poisson(torch.tensor(3.0).double()).log_prob(x.double()).sum(1)


RIGHT = (Backwards, Shuffle, BothWays, BinMixture, Bell, Dense, Conv, TwoBranches, Lines, Masks, Coins, Numbers, Calls)
