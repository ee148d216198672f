"""Correct backbones that the kit may not refuse: maps of sequences by unusual operations."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from tensorar import CausalBackbone


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
