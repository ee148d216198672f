"""The logistic distribution, continuous and discretized, exact in float32 far into its tails."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Real
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint


class Logistic(Distribution):
    """The logistic distribution over the real numbers: its CDF is the sigmoid of ``(x - location) / scale``."""

    arg_constraints = {"location": constraints.real, "log_scale": constraints.real}  # noqa: RUF012 (torch's own form)

    def __init__(self, location: Float[Tensor, "*batch"], log_scale: Float[Tensor, "*batch"]) -> None:
        self.location, self.log_scale = location, log_scale
        super().__init__(location.shape, validate_args=False)

    @property
    def support(self) -> Constraint:
        """The real numbers."""
        return constraints.real

    @property
    def mean(self) -> Float[Tensor, "..."]:
        """The mean."""
        return self.location

    @property
    def variance(self) -> Float[Tensor, "..."]:
        """The variance."""
        return (torch.pi**2 / 3) * (2 * self.log_scale).exp()

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-density."""
        z = (value - self.location) * (-self.log_scale).exp()
        return -z.abs() - 2 * F.softplus(-z.abs()) - self.log_scale

    def icdf(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The inverse CDF, finite also at 0 and 1."""
        return self.location + self.log_scale.exp() * torch.logit(value, eps=torch.finfo(value.dtype).eps / 4)

    def sample(self, sample_shape: Sequence[int] = ()) -> Float[Tensor, "..."]:
        """Samples by the inverse CDF."""
        # rand returns multiples of eps / 2; 0 is one of them and stands for everything below the next
        shape = self._extended_shape(torch.Size(sample_shape))
        return self.icdf(torch.rand(shape, dtype=self.location.dtype, device=self.location.device))


class DiscretizedLogistic(Logistic):
    """A logistic distribution over [-1, 1] in ``levels`` bins; the first and the last bin include the tails.

    With ``a`` and ``b`` the edges of a bin in units of the scale, its mass ``sigmoid(b) - sigmoid(a)`` is
    ``sigmoid(b) sigmoid(-a) (1 - exp(a - b))``, whose logarithm needs no subtraction of close numbers. Values are
    levels ``0 .. levels - 1``. PixelCNN++ (Salimans et al. 2017), eq. 2, without its approximations.
    """

    def __init__(self, location: Float[Tensor, "*batch"], log_scale: Float[Tensor, "*batch"], levels: int) -> None:
        self.levels = levels
        super().__init__(location, log_scale)

    @property
    def support(self) -> Constraint:
        """The integers from 0 to ``levels - 1``."""
        return constraints.integer_interval(0, self.levels - 1)

    @property
    def mean(self) -> Float[Tensor, "..."]:
        """The mean level."""
        return self._survival[1].sum(-1)

    @property
    def variance(self) -> Float[Tensor, "..."]:
        """The variance of the level."""
        levels, survival = self._survival
        return ((2 * levels - 1) * survival).sum(-1) - self.mean**2

    @property
    def _survival(self) -> tuple[Float[Tensor, " k"], Float[Tensor, "*batch k"]]:
        """The levels from 1 to ``levels - 1``, and the probability of each or a higher one."""
        levels = torch.arange(1, self.levels, dtype=self.location.dtype, device=self.location.device)
        lower, _ = self._edges(levels, self.location.unsqueeze(-1), self.log_scale.unsqueeze(-1))
        return levels, torch.sigmoid(-lower)

    def _edges(
        self, value: Real[Tensor, "..."], location: Float[Tensor, "..."], log_scale: Float[Tensor, "..."]
    ) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
        """The lower and the upper edge of the bins of ``value``, relative to the location, in units of the scale."""
        half = 1 / (self.levels - 1)
        centered = (2 * value / (self.levels - 1) - 1) - location
        inverse = (-log_scale).exp()
        return (centered - half) * inverse, (centered + half) * inverse

    def log_prob(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log-probability of each level."""
        lower, upper = self._edges(value, self.location, self.log_scale)
        width = 2 / (self.levels - 1) * (-self.log_scale).exp()
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + (-torch.expm1(-width)).log()
        last = torch.where(value >= self.levels - 1, F.logsigmoid(-lower), inside)
        return torch.where(value <= 0, F.logsigmoid(upper), last)

    def cdf(self, value: Real[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The probability of each level or a lower one; 0 below all levels."""
        # few values have many components: the ends are looked for among the values. Edges up to -1 lie below all
        # levels, edges from 1 on above; ``threshold`` replaces what is not above a number, in half the time of masks
        own = value.to(self.location.dtype)
        negative = torch.rsub(own, 1 - 1 / (self.levels - 1), alpha=2 / (self.levels - 1))
        edge = torch.threshold_(torch.threshold_(negative, -1, -torch.inf).neg_(), -1, -torch.inf)
        return torch.addcmul(self._offset, edge, self._inverse_scale).sigmoid_()

    @cached_property
    def _inverse_scale(self) -> Float[Tensor, "*batch"]:
        return (-self.log_scale).exp()

    @cached_property
    def _offset(self) -> Float[Tensor, "*batch"]:
        return -self.location * self._inverse_scale

    def icdf(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The level of the continuous inverse CDF."""
        drawn = super().icdf(value)
        return ((drawn + 1) * ((self.levels - 1) / 2)).round().clamp(0, self.levels - 1)
