"""The best linear prediction of features from any others: the conditionals of a Gaussian."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar.utils.precision import widened, widest_dtype
from tensorar_plugins.backbones.layers.covariance import fit_gaussian


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
    """

    location: Tensor
    covariance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("location", torch.zeros(features))
        self.register_buffer("covariance", torch.eye(features))

    def fit(self, features: Float[Tensor, "n features"], known: Bool[Tensor, "n features"]) -> None:
        """Find mean and covariance of features, of which only ``known`` ones count."""
        mean, covariance = fit_gaussian(features, known)
        self.location, self.covariance = mean.to(self.location), covariance.to(self.covariance)

    @torch.no_grad()
    def forward(self, features: Float[Tensor, "batch features"], known: Bool[Tensor, "batch features"]) -> Prediction:
        """The prediction from any known features."""
        covariance, centred, mask = self._prepare(features, known)
        own = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        # unknown features are as if independent of all, so that one size of matrices serves all masks
        pairs = mask.unsqueeze(-1) * mask.unsqueeze(-2)
        root = torch.linalg.cholesky(pairs * covariance + (1 - pairs) * own)
        inverse = torch.linalg.solve_triangular(root, own.expand_as(root), upper=False)
        white = (inverse @ centred.unsqueeze(-1)).squeeze(-1)
        loading = inverse @ (mask.unsqueeze(-1) * covariance)
        mean = (white.unsqueeze(-2) @ loading).squeeze(-2)
        variance = covariance.diagonal() - loading.square().sum(-2)
        weights = (white.unsqueeze(-2) @ inverse).squeeze(-2)
        return self._prediction(features, known, mean, variance, weights, inverse.square().sum(-2))

    @torch.no_grad()
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
        weights, precision = after(white.unsqueeze(-1) * inverse), after(inverse.square())
        seen = (torch.arange(len(order), device=order.device) < ends[:, None])[:, back]
        return self._prediction(features.unsqueeze(1), seen, mean, variance, weights, precision)

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
