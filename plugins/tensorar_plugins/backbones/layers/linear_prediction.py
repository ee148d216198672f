"""The best linear prediction of features from any others: the conditionals of a Gaussian."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar.utils.precision import widened, widest_dtype
from tensorar_plugins.backbones.layers.covariance import fit_gaussian

# a Gaussian of few rows is no wider than by this share of its degrees of freedom
LEAST_FREEDOM = 0.25
# from so many rows for each mask on, a product for each mask is faster than one for each row
ROWS_PER_MASK = 4


class Prediction(NamedTuple):
    """What some known features say of all, ``(..., features)``.

    ``mean``: the features, or their prediction where they are unknown; ``deviation``: the standard deviation of its
    error, 0 where they are known. ``surprise``: of known ones, the distance from their prediction from the other known
    ones, in its standard deviations; 0 for unknown ones.
    """

    mean: Float[Tensor, "*batch features"]
    deviation: Float[Tensor, "*batch features"]
    surprise: Float[Tensor, "*batch features"]


class LinearPrediction(nn.Module):
    """Conditional means and deviations of a Gaussian of features, whose covariance was found in data.

    Computed in the widest dtype: columns of a table may nearly determine each other. Nothing is learned by gradients.
    Rows that it was not fitted to lie further from their prediction: outside training, deviations are those of the
    predictive distribution of a Gaussian whose mean and covariance are estimates (Geisser, "Posterior odds for
    multivariate normal classifications", 1964). With ``n`` rows, ``k`` known features and their squared Mahalanobis
    distance ``d``, variances grow by ``(1 + (1 + d) / n) / (1 - (k + 1) / n)``.
    """

    location: Tensor
    covariance: Tensor
    per_row: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(features))
        self.register_buffer("covariance", torch.eye(features))
        self.register_buffer("per_row", torch.zeros(()))

    def fit(self, features: Float[Tensor, "n features"], known: Bool[Tensor, "n features"]) -> None:
        """Find mean and covariance of features, of which only ``known`` ones count."""
        mean, covariance = fit_gaussian(features, known)
        self.location, self.covariance = mean.to(self.location), covariance.to(self.covariance)
        self.per_row = (1 / known.sum(0).float().mean().clamp(min=1)).to(self.per_row)

    def forward(self, features: Float[Tensor, "batch features"], known: Bool[Tensor, "batch features"]) -> Prediction:
        """The prediction from any known features; those with the same ones known share a factorization."""
        covariance, centred, _ = self._prepare(features, known)
        masks, which = known.unique(dim=0, return_inverse=True)
        inverse, loading = _factors(covariance, masks.to(covariance.dtype))
        white = _by_mask(centred, inverse.mT, which)
        mean, weights = _by_mask(white, loading, which), _by_mask(white, inverse, which)
        variance = covariance.diagonal() - loading.square().sum(-2)
        growth = self._growth(white.square().sum(-1, keepdim=True), known.sum(-1, keepdim=True))
        precision = inverse.square().sum(-2)
        return self._prediction(features, known, mean, growth * variance[which], weights, precision[which])

    def by_prefix(
        self, features: Float[Tensor, "batch features"], order: Int[Tensor, " features"], ends: Int[Tensor, " steps"]
    ) -> Prediction:
        """Predictions ``(batch, steps, features)`` from the first ``ends`` features of an order: one factorization."""
        known = torch.ones_like(features, dtype=torch.bool)
        covariance, centred, _ = self._prepare(features, known)
        covariance, centred = covariance[order][:, order], centred[:, order]
        root = torch.linalg.cholesky(covariance)
        own = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        inverse = torch.linalg.solve_triangular(root, own, upper=False)
        white = centred @ inverse.T
        back = order.argsort()

        def after(each: Tensor) -> Tensor:
            """Sums over the first features, ``(..., steps, features)``, the features as they were."""
            sums = torch.nn.functional.pad(each.cumsum(-2), (0, 0, 1, 0))
            return sums[..., ends, :][..., back]

        mean = after(white.unsqueeze(-1) * root.T)
        variance = covariance.diagonal()[back] - after(root.T.square())
        distance = torch.nn.functional.pad(white.square().cumsum(-1), (1, 0))[:, ends]
        variance = self._growth(distance, ends).unsqueeze(-1) * variance
        weights, precision = after(white.unsqueeze(-1) * inverse), after(inverse.square())
        seen = (torch.arange(len(order), device=order.device) < ends[:, None])[:, back]
        return self._prediction(features.unsqueeze(1), seen, mean, variance, weights, precision)

    def _growth(self, distance: Float[Tensor, "*batch"], known: Int[Tensor, "..."]) -> Float[Tensor, "*batch"]:
        """The factor of variances given so many known features at a squared Mahalanobis distance."""
        if self.training:
            return torch.ones_like(distance)
        per_row = widened(self.per_row)
        freedom = (1 - per_row * (known + 1)).clamp(min=LEAST_FREEDOM)
        return (1 + per_row * (1 + distance)) / freedom

    def _prepare(self, features: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        covariance, mask = widened(self.covariance), known.to(widest_dtype(features.device))
        return covariance, mask * (widened(features) - widened(self.location)), mask

    def _prediction(
        self, features: Tensor, known: Tensor, mean: Tensor, variance: Tensor, weights: Tensor, precision: Tensor
    ) -> Prediction:
        floor = torch.finfo(features.dtype).eps
        deviation = torch.where(known, 0.0, variance.clamp(min=floor**2).sqrt())
        surprise = torch.where(known, weights / precision.clamp(min=floor).sqrt(), 0.0)
        filled = torch.where(known, widened(features), widened(self.location) + mean)
        return Prediction(*(part.to(features.dtype) for part in torch.broadcast_tensors(filled, deviation, surprise)))


def _factors(
    covariance: Float[Tensor, "features features"], masks: Float[Tensor, "masks features"]
) -> tuple[Float[Tensor, "masks features features"], Float[Tensor, "masks features features"]]:
    """The inverse Cholesky factor of the covariance of what each mask knows, and its product with that to all."""
    own = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    # unknown features are as if independent of all, so that one size of matrices serves all masks
    pairs = masks.unsqueeze(-1) * masks.unsqueeze(-2)
    root = torch.linalg.cholesky(pairs * covariance + (1 - pairs) * own)
    inverse = torch.linalg.solve_triangular(root, own.expand_as(root), upper=False)
    return inverse, inverse @ (masks.unsqueeze(-1) * covariance)


def _by_mask(
    rows: Float[Tensor, "batch features"],
    matrices: Float[Tensor, "masks features features"],
    which: Int[Tensor, " batch"],
) -> Float[Tensor, "batch features"]:
    """Each row times the matrix of its mask."""
    if len(matrices) * ROWS_PER_MASK > len(rows):
        return (rows.unsqueeze(-2) @ matrices[which]).squeeze(-2)
    place = which.argsort()
    parts = rows[place].split(which.bincount(minlength=len(matrices)).tolist())
    return torch.cat([part @ matrix for part, matrix in zip(parts, matrices, strict=True)])[place.argsort()]
