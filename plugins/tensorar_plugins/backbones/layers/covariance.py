"""Mean and covariance of features of which some are missing, with correlations shrunk as suits unseen rows."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor
from torch.distributions import MultivariateNormal

# shares by which correlations are made smaller; tried on rows that were left out
SHRINKAGES = (1e-6, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 0.6)
FOLDS = 5
# bounds time where values are missing
MAX_ROWS, ITERATIONS, ROWS_AT_ONCE = 10_000, 25, 500
# of features that do not vary
LEAST_VARIANCE = 1e-6


def fit_gaussian(
    features: Float[Tensor, "n features"], known: Bool[Tensor, "n features"]
) -> tuple[Float64[Tensor, " features"], Float64[Tensor, "features features"]]:
    """Mean and covariance; missing features are filled in by expectation and maximization.

    Correlations are shrunk towards zero by the share that makes rows likely that were left out, one of five parts after
    the other (Schäfer and Strimmer, "A shrinkage approach to large-scale covariance matrix estimation", 2005).
    """
    rows = torch.linspace(0, len(features) - 1, min(len(features), MAX_ROWS), dtype=torch.float64).long()
    x, mask = features[rows].double().cpu(), known[rows].cpu()
    x, uncertainty = _filled(x, mask)
    if len(x) < 2 * FOLDS:
        return x.mean(0), _shrunk(_covariance(x, uncertainty), SHRINKAGES[-1])
    nats = [_nats_left_out(x, share) for share in SHRINKAGES]
    best = SHRINKAGES[min(range(len(nats)), key=nats.__getitem__)]
    return x.mean(0), _shrunk(_covariance(x, uncertainty), best)


def _covariance(x: Tensor, uncertainty: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / len(x) + uncertainty


def _shrunk(covariance: Tensor, share: float) -> Tensor:
    own = covariance.diagonal().clamp(min=LEAST_VARIANCE)
    return (1 - share) * covariance.clone().fill_diagonal_(0.0) + own.diag()


def _nats_left_out(x: Tensor, share: float) -> float:
    total = 0.0
    for fold in range(FOLDS):
        out = torch.arange(len(x)) % FOLDS == fold
        covariance = _shrunk(_covariance(x[~out], torch.zeros(())), share)
        if torch.linalg.cholesky_ex(covariance).info:
            return torch.inf
        total -= float(MultivariateNormal(x[~out].mean(0), covariance, validate_args=False).log_prob(x[out]).sum())
    return total


def _filled(x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The rows with expected values where they are missing, and the mean covariance of what they stand for.

    Dempster, Laird, Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977, section 4.1.
    """
    if bool(known.all()):
        return x, x.new_zeros(())
    counts = known.sum(0).clamp(min=1)
    mean = torch.where(known, x, 0.0).sum(0) / counts
    x = torch.where(known, x, mean)
    covariance = _shrunk(_covariance(x, x.new_zeros(())), SHRINKAGES[-1])
    uncertainty = torch.zeros_like(covariance)
    for _ in range(ITERATIONS):
        parts = [_expected(x[rows], known[rows], mean, covariance) for rows in torch.arange(len(x)).split(ROWS_AT_ONCE)]
        x = torch.cat([part[0] for part in parts])
        uncertainty = torch.stack([part[1] for part in parts]).sum(0) / len(x)
        mean, covariance = x.mean(0), _shrunk(_covariance(x, uncertainty), SHRINKAGES[1])
    return x, uncertainty


def _expected(x: Tensor, known: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    mask = known.to(x.dtype)
    pairs = mask.unsqueeze(-1) * mask.unsqueeze(-2)
    own = torch.eye(len(covariance), dtype=x.dtype)
    gain = torch.linalg.solve(pairs * covariance + (1 - pairs) * own, mask.unsqueeze(-1) * covariance)
    predicted = mean + ((mask * (x - mean)).unsqueeze(-2) @ gain).squeeze(-2)
    left = covariance - covariance @ (mask.unsqueeze(-1) * gain)
    unknown = (1 - mask).unsqueeze(-1) * (1 - mask).unsqueeze(-2)
    return torch.where(known, x, predicted), (unknown * left).sum(0)
