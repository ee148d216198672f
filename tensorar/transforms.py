"""Transforms between a head's standard values and the data's values, and distributions of the data's values."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Real
from torch import Tensor
from torch.distributions import Categorical, Distribution, TransformedDistribution, constraints
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import AffineTransform, ComposeTransform, ExpTransform, Transform

from tensorar.quadrature import moments_of
from tensorar.units import Units
from tensorar.utils.precision import widened, widest_dtype


class Affine(AffineTransform):
    """``location + scale * x`` in float64; whole numbers are shifted before they are rounded to float64."""

    def _call(self, x: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.loc + self.scale * widened(x)

    def _inverse(self, y: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        if y.is_floating_point():
            return (widened(y) - self.loc) / self.scale
        whole = torch.as_tensor(self.loc).round()
        # as int64: a difference of bytes would wrap
        return (widened(y.long() - whole.long()) - (self.loc - whole)) / self.scale


class Exp(ExpTransform):
    """The exponential function in float64, positive and finite."""

    def _call(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        x = widened(x)
        finfo = torch.finfo(x.dtype)
        return x.exp().clamp(finfo.tiny, finfo.max)

    def _inverse(self, y: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        # float32 has a logarithm for several values that differ by a rounding
        return widened(y).log()


class Table(Transform):
    """From the integers ``0 .. k - 1`` to distinct values in ascending order; other values become NaN."""

    domain = constraints.real
    codomain = constraints.real
    bijective = True
    sign = 1

    def __init__(self, values: Float64[Tensor, " k"]) -> None:
        super().__init__()
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and torch.equal(self.values, other.values)

    __hash__ = Transform.__hash__

    def _call(self, x: Real[Tensor, "..."]) -> Float64[Tensor, "..."]:
        place = torch.where(x.isnan(), 0, x).long().clamp(0, len(self.values) - 1)
        return torch.where(place == x, self._on(x.device)[place], torch.nan)

    def _inverse(self, y: Real[Tensor, "..."]) -> Float64[Tensor, "..."]:
        values, y = self._on(y.device), widened(y)
        place = torch.searchsorted(values, y.contiguous()).clamp(max=len(values) - 1)
        return torch.where(values[place] == y, widened(place), torch.nan)

    def log_abs_det_jacobian(self, x: Real[Tensor, "..."], y: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Zero: probabilities of single values have no units."""
        return torch.zeros_like(widened(x))

    def _on(self, device: torch.device) -> Tensor:
        return self.values.to(device, widest_dtype(device))


class Shift(Affine):
    """A shift of whole numbers."""

    def __init__(self, lowest: int, device: torch.device) -> None:
        one = torch.ones((), dtype=widest_dtype(device), device=device)
        super().__init__(lowest * one, one)


def affine(units: Units, coefficients: Tensor | None, device: torch.device) -> Affine:
    """The transform from standard units to the data's."""
    return Affine(*units.at(coefficients, device))


class OneOf(Constraint):
    """One of some values."""

    is_discrete = True

    def __init__(self, values: Float64[Tensor, " k"]) -> None:
        self.values = values
        super().__init__()

    def check(self, value: Real[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
        """Whether each value is one of them."""
        found: Tensor = ~Table(self.values).inv(value).isnan()
        return found


class DataDistribution(TransformedDistribution):
    """A distribution of standard values, seen in the data's units: likelihoods, samples and moments are the data's.

    Moments of values in normal scores are approximate (``tensorar.quadrature``), all others exact.
    """

    def __init__(self, base: Distribution, transform: Transform) -> None:
        self.standard, self.transform = base, transform
        super().__init__(base, transform, validate_args=False)

    @property
    def support(self) -> Constraint:
        """The support in the data's units."""
        if isinstance(self.transform, Table):
            return OneOf(self.transform.values)
        if isinstance(self.transform, Shift):
            return constraints.integer_interval(*(self._end(name) for name in ("lower_bound", "upper_bound")))
        codomain: Constraint = self.transform.codomain  # the real or the positive numbers
        return codomain

    def log_prob(self, value: Real[Tensor, "..."]) -> Float64[Tensor, "..."]:
        """Nats of the data's values: the standard log-likelihood minus the logarithm of the scale."""
        standard = self.transform.inv(value)
        if not isinstance(self.transform, Table):
            log_scale: Tensor = self.transform.log_abs_det_jacobian(standard, value)
            return widened(self.standard.log_prob(standard)) - log_scale
        inside = ~standard.isnan()
        return torch.where(inside, widened(self.standard.log_prob(torch.where(inside, standard, 0.0))), -torch.inf)

    def _end(self, name: str) -> float:
        """A bound of the support."""
        support = getattr(self.standard.support, "base_constraint", self.standard.support)
        return float(self.transform(torch.tensor(float(getattr(support, name)))))

    @property
    def mean(self) -> Float64[Tensor, "..."]:
        """The mean."""
        return self._moments()[0]

    @property
    def variance(self) -> Float64[Tensor, "..."]:
        """The variance."""
        return self._moments()[1]

    def _moments(self) -> tuple[Tensor, Tensor]:
        if isinstance(self.transform, Affine):
            mean = self.transform(self.standard.mean)
            return mean, self.transform.scale**2 * widened(self.standard.variance)
        if isinstance(self.transform, Table):
            assert isinstance(self.standard, Categorical)
            probs, values = widened(self.standard.probs), widened(self.transform.values.to(self.standard.probs.device))
            mean = probs @ values
            return mean, (probs * (values - mean.unsqueeze(-1)) ** 2).sum(-1)
        if not isinstance(self.transform, ComposeTransform):
            return moments_of(self.standard, self.transform)
        # the exponential of a normal distribution
        inner = DataDistribution(self.standard, self.transform.parts[0])
        mean = (inner.mean + inner.variance / 2).exp()
        return mean, inner.variance.expm1() * mean**2
