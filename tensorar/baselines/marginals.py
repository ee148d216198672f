"""Distributions of single coefficients: the marginals of heads, and histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar.baselines.kinds import discrete_coefficients
from tensorar.head import Head
from tensorar.utils.precision import widened
from tensorar.utils.shapes import flatten_events

# the weight of one imagined event, spread over all values; chosen on the validation events
HISTOGRAM_PRIORS = (0.1, 1.0, 10.0)
MAX_HISTOGRAM_NUMBERS = 30_000_000


@dataclass(frozen=True)
class Marginals:
    """A distribution for each coefficient alone: ``log_prob`` maps ``(n, *event)`` to ``(n, N)``, in nats.

    ``discrete``: which of the coefficients have a probability, and which a density.
    """

    name: str
    parameters_each: int
    log_prob: Callable[[Tensor], Tensor]
    discrete: Bool[Tensor, " n"]


def head_marginals(head: Head, train: Real[Tensor, "n *event"]) -> Marginals | None:
    """The marginals that a head finds in training events, None if it has no estimate of them."""
    coefficients = torch.arange(train[0].numel()).reshape(train.shape[1:])
    transform = head.transform(coefficients)
    standard_train = widened(head.standardize(train, coefficients))
    parameters = head.marginal_parameters(standard_train)
    if parameters is None:
        return None
    distribution = head.distribution(parameters.double(), coefficients)
    # a value with a probability stands in for a missing one, whose term is left out
    stand_in = standard_train.nanmedian(0).values

    def log_prob(x: Tensor) -> Tensor:
        missing = x.isnan()
        standard = torch.where(missing, stand_in, widened(head.standardize(x, coefficients)))
        nats = distribution.log_prob(standard)
        if transform is not None:
            nats = nats - transform.log_abs_det_jacobian(standard, transform(standard))
        return flatten_events(torch.where(missing, 0.0, nats))

    discrete = discrete_coefficients(head, tuple(train.shape[1:]))
    return Marginals(head.name, head.parameter_count, log_prob, discrete)


def histograms(
    train: Real[Tensor, "n *event"], others: Sequence[Real[Tensor, "_ *event"]], discrete: Bool[Tensor, " coefficients"]
) -> list[Marginals]:
    """The smoothed frequencies of the values of discrete coefficients in all splits, for each prior weight.

    Empty if there are no such coefficients, or too many values.
    """
    if not bool(discrete.any()):
        return []
    columns = [flatten_events(events)[:, discrete].double() for events in (train, *others)]
    values = torch.cat([part.unique() for part in columns]).unique()
    values = values[~values.isnan()]
    if columns[0].shape[1] * len(values) > MAX_HISTOGRAM_NUMBERS:
        return []
    counts = torch.stack([_counts(column.contiguous(), values) for column in columns[0].unbind(1)])
    return [_histogram(counts, values, prior, discrete) for prior in HISTOGRAM_PRIORS]


def _counts(column: Tensor, values: Tensor) -> Float[Tensor, " k"]:
    observed = column[~column.isnan()]
    return torch.bincount(torch.searchsorted(values, observed), minlength=len(values)).double()


def _histogram(counts: Tensor, values: Tensor, prior: float, discrete: Tensor) -> Marginals:
    k = len(values)
    table = ((counts + prior / k) / (counts.sum(1, keepdim=True) + prior)).log()

    def log_prob(x: Tensor) -> Tensor:
        flat = flatten_events(x)[:, discrete]
        index = torch.searchsorted(values, flat.nan_to_num(values[0].item()).contiguous()).clamp(max=k - 1)
        nats = table.gather(1, index.T).T
        # a value that occurs in no split has no probability
        nats = torch.where(values[index] == flat, nats, -torch.inf)
        everywhere = torch.full((len(x), len(discrete)), -torch.inf, dtype=torch.float64)
        everywhere[:, discrete] = torch.where(flat.isnan(), 0.0, nats)
        return everywhere

    return Marginals("histogram", k - 1, log_prob, discrete)
