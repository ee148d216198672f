"""A Gaussian with a full covariance matrix."""

from __future__ import annotations

from jaxtyping import Float, Float64
from torch import Tensor
from torch.distributions import MultivariateNormal

from tensorar.baselines.baseline import Baseline, Columns
from tensorar.utils.shapes import flatten_events

# of the correlations towards zero; chosen on the validation events
SHRINKAGES = (1e-6, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6)


def gaussian(columns: Columns) -> Baseline:
    """Mean and covariance of the training events, with the correlations shrunk as suits the validation events.

    Coefficients must vary, and nothing may be missing in these events; of others, the likelihood is that of what was
    observed.
    """
    fits = [_fit(columns.train, shrinkage) for shrinkage in SHRINKAGES]
    best = max(fits, key=lambda fit: float(fit.log_prob(columns.valid).mean()))
    mean, covariance, n = best.mean, best.covariance_matrix, columns.size
    return Baseline(
        "Gaussian, full covariance",
        n + n * (n + 1) // 2,
        lambda x: observed_log_prob(mean, covariance, flatten_events(x).double()),
    )


def observed_log_prob(
    mean: Float64[Tensor, " n"], covariance: Float64[Tensor, "n n"], x: Float64[Tensor, "events n"]
) -> Float64[Tensor, " events"]:
    """The log-density under a Gaussian of what is not NaN of each event: for each pattern, that of its marginal."""
    patterns, which = (~x.isnan()).unique(dim=0, return_inverse=True)
    found = x.new_zeros(len(x))
    for i, known in enumerate(patterns):
        rows = which == i
        if bool(known.any()):
            marginal = MultivariateNormal(mean[known], covariance[known][:, known])
            found[rows] = marginal.log_prob(x[rows][:, known])
    return found


def _fit(train: Float[Tensor, "n coefficients"], shrinkage: float) -> MultivariateNormal:
    centred = train - train.mean(0)
    covariance = centred.T @ centred / len(train)
    own = covariance.diagonal().diag()
    return MultivariateNormal(train.mean(0), (1 - shrinkage) * covariance + shrinkage * own)
