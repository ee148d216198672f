"""A Gaussian with a full covariance matrix."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal

from tensorar.baselines.baseline import Baseline, Columns
from tensorar.utils.shapes import flatten_events

# of the correlations towards zero; chosen on the validation events
SHRINKAGES = (1e-6, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.6)


def gaussian(columns: Columns) -> Baseline:
    """Mean and covariance of the training events, with the correlations shrunk as suits the validation events.

    Coefficients must vary, and nothing may be missing.
    """
    fits = [_fit(columns.train, shrinkage) for shrinkage in SHRINKAGES]
    best = max(fits, key=lambda fit: float(fit.log_prob(columns.valid).mean()))
    n = columns.size
    return Baseline(
        "Gaussian, full covariance", n + n * (n + 1) // 2, lambda x: best.log_prob(flatten_events(x).double())
    )


def _fit(train: Float[Tensor, "n coefficients"], shrinkage: float) -> MultivariateNormal:
    centred = train - train.mean(0)
    covariance = centred.T @ centred / len(train)
    own = covariance.diagonal().diag()
    return MultivariateNormal(train.mean(0), (1 - shrinkage) * covariance + shrinkage * own)
