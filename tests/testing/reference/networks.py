"""Correct backbones of varied construction, none of which the kit may refuse."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from tensorar import CachedStepper, CausalBackbone, EvidenceBackbone, flatten_events
from tests.testing.reference.backbones import Dense, Lines


class Sequence(CausalBackbone):
    """The base class: a causal map of sequences in visiting order, between linear layers.

    A subclass writes ``mix``, in which a step may depend on all steps up to it: the steps are those before.
    """

    width = 8

    def __init__(self, signature):
        super().__init__(signature)
        n, f, p, k = (
            math.prod(signature.event_shape),
            signature.feature_count,
            signature.parameter_count,
            signature.context_features,
        )
        self.start = nn.Parameter(torch.randn(self.width) * 0.1)
        self.inputs = nn.Linear(f, self.width)
        self.position = nn.Parameter(torch.randn(n, self.width) * 0.5)
        self.context = nn.Linear(k, self.width, bias=False) if k else None
        self.make(n)
        self.outputs = nn.Linear(self.width, p)

    def make(self, n):
        """Make the layers of ``mix``."""

    def mix(self, steps):
        """``(B, N, width)`` to the same shape."""
        raise NotImplementedError

    def forward(self, features, order, context=None):
        by_step = flatten_features(features)[:, order.visits]
        values = self.inputs(by_step) + self.position[order.visits]
        steps = torch.cat([self.start.expand(len(features), 1, -1), values[:, :-1]], dim=1)
        hidden = self.mix(steps) + self.position[order.visits]
        if self.context is not None:
            hidden = hidden + self.context(context)[:, None]
        out = self.outputs(hidden.tanh())[:, order.rank.flatten()]
        return out.reshape(*features.shape[:-1], -1)


def flatten_features(features):
    return features.reshape(len(features), -1, features.shape[-1])


class FourierConv(Sequence):
    """A causal convolution over all steps by FFT, whose rounding reaches all steps."""

    name = "fourier_conv"

    def make(self, n):
        self.kernel = nn.Parameter(torch.randn(n, self.width) * 0.3)

    def mix(self, steps):
        n = steps.shape[1]
        product = torch.fft.rfft(steps, 2 * n, dim=1) * torch.fft.rfft(self.kernel, 2 * n, dim=0)
        return torch.fft.irfft(product, 2 * n, dim=1)[:, :n]


class LinearAttention(Sequence):
    """Attention with positive features, whose normalizer is summed up along the steps.

    Options:
        positive: Map of queries and keys to positive numbers.
    """

    name = "linear_attention"

    def __init__(self, signature, *, positive: Literal["elu", "square"] = "elu"):
        super().__init__(signature)
        self.positive = {"elu": lambda x: F.elu(x) + 1.1, "square": lambda x: x**2 + 0.1}[positive]

    def make(self, n):
        self.qkv = nn.Linear(self.width, 3 * self.width)

    def mix(self, steps):
        query, key, value = self.qkv(steps).chunk(3, -1)
        query, key = self.positive(query), self.positive(key)
        sums = torch.einsum("bnk,bnv->bnkv", key, value).cumsum(1)
        return torch.einsum("bnk,bnkv->bnv", query, sums) / (query * key.cumsum(1)).sum(-1, keepdim=True)


class ChunkedScan(Sequence):
    """A decaying sum, in chunks of 16 steps that carry their last state on."""

    name = "chunked_scan"

    def make(self, n):
        self.decay = nn.Parameter(torch.randn(self.width))

    def mix(self, steps):
        decay, state, out = self.decay.sigmoid(), 0.0, []
        for chunk in steps.split(16, dim=1):
            length = chunk.shape[1]
            # the decay from each step of the chunk to each later one
            ages = torch.arange(length, device=chunk.device)
            ages = ages[:, None] - ages[None, :]
            powers = decay ** ages.clamp(min=0)[..., None] * (ages >= 0)[..., None]
            within = torch.einsum("tsw,bsw->btw", powers, chunk)
            carried = decay ** torch.arange(1, length + 1, device=chunk.device)[:, None]
            out.append(within + (carried * state[:, None] if torch.is_tensor(state) else 0.0))
            state = out[-1][:, -1]
        return torch.cat(out, dim=1)


class PrefixMaximum(Sequence):
    """The largest value so far of each channel and of a sum of exponentials: steps matter by their order."""

    name = "prefix_maximum"

    def mix(self, steps):
        return steps.cummax(1).values + steps.logcumsumexp(1)


class DoubleInside(Sequence):
    """A recurrence that is computed in double precision whatever the dtype."""

    name = "double_inside"

    def mix(self, steps):
        return steps.double().cumsum(1).tanh().to(steps.dtype)


class ComplexWeights(Sequence):
    """A diagonal recurrence with complex eigenvalues, whose weights are pairs of real numbers."""

    name = "complex_weights"

    def make(self, n):
        self.eigenvalues = nn.Parameter(torch.randn(self.width, 2))
        self.gains = nn.Parameter(torch.randn(self.width, 2))

    def mix(self, steps):
        eigenvalues, gains = torch.view_as_complex(self.eigenvalues), torch.view_as_complex(self.gains)
        eigenvalues = eigenvalues / (1 + eigenvalues.abs())
        state, out = torch.zeros_like(steps[:, 0], dtype=eigenvalues.dtype), []
        for step in steps.unbind(1):
            state = state * eigenvalues + step
            out.append((state * gains).real)
        return torch.stack(out, dim=1)


class Vectorized(Sequence):
    """A function of one step and its past, for all steps and examples by ``torch.vmap``."""

    name = "vectorized"

    def make(self, n):
        self.weight = nn.Parameter(torch.randn(self.width, self.width) * 0.3)

    def mix(self, steps):
        n = steps.shape[1]
        mask = torch.ones(n, n, dtype=steps.dtype, device=steps.device).tril()

        def one(past, example):
            return (past[:, None] * example).sum(0) @ self.weight

        return torch.vmap(lambda example: torch.vmap(lambda past: one(past, example))(mask))(steps)


class Recurrent(Sequence):
    """A GRU with a learned start."""

    name = "recurrent"

    def make(self, n):
        self.cell = nn.GRU(self.width, self.width, batch_first=True)
        self.state = nn.Parameter(torch.zeros(1, 1, self.width))

    def mix(self, steps):
        return self.cell(steps, self.state.expand(1, len(steps), -1).contiguous())[0]


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
