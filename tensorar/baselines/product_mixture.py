"""A mixture of products: within a component all coefficients are independent, whatever their kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tensorar.baselines.baseline import Baseline, Columns
from tensorar.utils.shapes import flatten_events

COMPONENTS = (2, 4, 8, 16)
# the weight of one imagined event in each component, of mean 0 and variance 1 in standard units, spread over all levels
PRIORS = (0.1, 1.0)
MAX_ROUNDS, LEAST_GAIN = 100, 1e-4


def product_mixture(
    columns: Columns, discrete: Bool[Tensor, " coefficients"], values: Float[Tensor, "m coefficients"]
) -> Baseline:
    """A mixture whose components have a Gaussian for each coefficient with a density, and free probabilities else.

    Fitted by EM, with the number of components that is best on the validation events. What is missing (NaN) is summed
    over: its term is left out. ``values`` are the events of all splits, whose discrete values are the levels.
    """
    design = _Design.of(columns.train, discrete, values)
    train, valid = design.coded(columns.train), design.coded(columns.valid)
    counts = [k for k in COMPONENTS if k <= len(columns.train) // 2] or [1]
    fits = [_em(train, design, k, prior) for k in counts for prior in PRIORS]
    best = max(fits, key=lambda fit: float(fit.log_prob(valid).mean()))
    k = len(best.weights)
    each = 2 * int((~discrete).sum()) + sum(count - 1 for count in design.level_counts)
    return Baseline(
        f"mixture of {k} products of independent coefficients",
        k * each + k - 1,
        lambda x: best.log_prob(design.coded(flatten_events(x).double())),
    )


@dataclass(frozen=True, eq=False)
class _Coded:
    """Standard values of the densities, 0 where missing, what is known of them, levels one-hot, and a constant."""

    dense: Float[Tensor, "n densities"]
    known: Float[Tensor, "n densities"]
    levels: Float[Tensor, "n levels"]
    # minus the logarithms of the scales, or minus infinity for a value that is no level
    constant: Float[Tensor, " n"]


@dataclass(frozen=True, eq=False)
class _Design:
    """How events become numbers: units of the densities, and the levels of each discrete coefficient."""

    discrete: Bool[Tensor, " coefficients"]
    location: Float[Tensor, " densities"]
    scale: Float[Tensor, " densities"]
    levels: tuple[Float[Tensor, " _"], ...]

    @classmethod
    def of(cls, train: Tensor, discrete: Tensor, values: Tensor) -> _Design:
        dense = train[:, ~discrete]
        location = dense.nanmean(0)
        scale = (dense - location).square().nanmean(0).sqrt()
        columns = (column[~column.isnan()].unique() for column in values[:, discrete].unbind(1))
        return cls(discrete, location, scale, tuple(columns))

    @property
    def level_counts(self) -> list[int]:
        """The number of levels of each discrete coefficient."""
        return [len(levels) for levels in self.levels]

    def coded(self, x: Float[Tensor, "n coefficients"]) -> _Coded:
        """Events as numbers."""
        standard = (x[:, ~self.discrete] - self.location) / self.scale
        known = (~standard.isnan()).double()
        columns = list(zip(x[:, self.discrete].unbind(1), self.levels, strict=True))
        hot = [(column[:, None] == levels).double() for column, levels in columns]
        no_level = [~column.isnan() & (one.sum(1) == 0) for (column, _), one in zip(columns, hot, strict=True)]
        constant = -(known * self.scale.log()).sum(1)
        for beyond in no_level:
            constant = torch.where(beyond, -torch.inf, constant)
        return _Coded(standard.nan_to_num(), known, torch.cat([*hot, x.new_empty(len(x), 0)], 1), constant)


@dataclass(frozen=True, eq=False)
class _Mixture:
    weights: Float[Tensor, " k"]
    mean: Float[Tensor, "k densities"]
    variance: Float[Tensor, "k densities"]
    log_levels: Float[Tensor, "k levels"]

    def joint(self, x: _Coded) -> Float[Tensor, "n k"]:
        """The logarithm of the probability of each component and an event."""
        precision = 1 / self.variance
        squares = x.dense.square() @ precision.T - 2 * x.dense @ (self.mean * precision).T
        squares = squares + x.known @ (self.mean.square() * precision + (2 * math.pi * self.variance).log()).T
        return self.weights.log() - squares / 2 + x.levels @ self.log_levels.T + x.constant[:, None]

    def log_prob(self, x: _Coded) -> Float[Tensor, " n"]:
        """Nats of each event, with the sign of a likelihood."""
        return self.joint(x).logsumexp(1)


def _em(x: _Coded, design: _Design, k: int, prior: float) -> _Mixture:
    """EM from random events as centers, until a round gains little."""
    features = torch.cat([x.dense, x.levels], 1)
    centers = features[torch.randperm(len(features), generator=torch.Generator().manual_seed(k))[:k]]
    nearest = torch.cdist(features, centers).argmin(1)
    found = _maximized(x, torch.nn.functional.one_hot(nearest, k).double(), design, prior)
    before = -math.inf
    for _ in range(MAX_ROUNDS):
        joint = found.joint(x)
        now = float(joint.logsumexp(1).mean())
        if now - before < LEAST_GAIN:
            break
        before, found = now, _maximized(x, joint.softmax(1), design, prior)
    return found


def _maximized(x: _Coded, shares: Float[Tensor, "n k"], design: _Design, prior: float) -> _Mixture:
    """The most probable components when each has these shares of the events, and ``prior`` imagined ones."""
    weight = shares.sum(0)
    count = shares.T @ x.known + prior
    mean = shares.T @ x.dense / count
    variance = (shares.T @ x.dense.square() + prior) / count - mean.square()
    counts = (shares.T @ x.levels).split(design.level_counts, 1)
    smoothed = [(c + prior / c.shape[1]) / (c.sum(1, keepdim=True) + prior) for c in counts]
    log_levels = torch.cat([x.levels.new_empty(len(weight), 0), *smoothed], 1).log()
    return _Mixture((weight + prior) / (weight + prior).sum(), mean, variance, log_levels)
