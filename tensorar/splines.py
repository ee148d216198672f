"""Increasing splines between a head's standard values and the data's, with a closed form both ways."""

from __future__ import annotations

import torch
from jaxtyping import Float64, Real
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.transforms import Transform

from tensorar.utils.precision import widened


class Spline(Transform):
    """Rational quadratic pieces between knots, and lines beyond them, in the widest dtype.

    ``x``, ``y`` and ``slope`` are ``(*shape, knots)``, increasing along the last axis; values are ``(..., *shape)``.
    Gregory and Delbourgo, "Piecewise rational quadratic interpolation to monotonic data", 1982, as in Durkan et al.,
    "Neural spline flows", 2019, eqs. 4, 5 and 29.
    """

    domain = codomain = constraints.real
    bijective = True
    sign = 1

    def __init__(
        self, x: Float64[Tensor, "*shape k"], y: Float64[Tensor, "*shape k"], slope: Float64[Tensor, "*shape k"]
    ) -> None:
        super().__init__()
        self.x, self.y, self.slope = x, y, slope

    def _call(self, x: Real[Tensor, "..."]) -> Float64[Tensor, "..."]:
        x = widened(x)
        inside = self._clamp(x, self.x)
        x0, y0, width, height, d0, d1 = self._piece(inside, self.x)
        s, t = height / width, (inside - x0) / width
        curve = (s * t**2 + d0 * t * (1 - t)) / (s + (d1 + d0 - 2 * s) * t * (1 - t))
        return y0 + height * curve + self._end_slope(x) * (x - inside)

    def _inverse(self, y: Real[Tensor, "..."]) -> Float64[Tensor, "..."]:
        y = widened(y)
        inside = self._clamp(y, self.y)
        x0, y0, width, height, d0, d1 = self._piece(inside, self.y)
        s, rise = height / width, inside - y0
        bend = rise * (d1 + d0 - 2 * s)
        a, b, c = height * (s - d0) + bend, height * d0 - bend, -s * rise
        t = 2 * c / (-b - (b**2 - 4 * a * c).clamp(min=0).sqrt())
        return x0 + width * t + (y - inside) / self._end_slope(y, of_y=True)

    def log_abs_det_jacobian(self, x: Real[Tensor, "..."], y: Real[Tensor, "..."]) -> Float64[Tensor, "..."]:
        """The logarithm of the slope at ``x``."""
        inside = self._clamp(widened(x), self.x)
        x0, _, width, height, d0, d1 = self._piece(inside, self.x)
        s, t = height / width, (inside - x0) / width
        above = d1 * t**2 + 2 * s * t * (1 - t) + d0 * (1 - t) ** 2
        return 2 * s.log() + above.log() - 2 * (s + (d1 + d0 - 2 * s) * t * (1 - t)).log()

    def _clamp(self, values: Tensor, knots: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(values, knots[..., 0]), knots[..., -1])

    def _end_slope(self, values: Tensor, *, of_y: bool = False) -> Tensor:
        first = (self.y if of_y else self.x)[..., 0]
        return torch.where(values < first, self.slope[..., 0], self.slope[..., -1])

    def _piece(self, inside: Tensor, knots: Tensor) -> tuple[Tensor, ...]:
        """Start, sizes and slopes of the piece of each value; NaN is in the first one."""
        shape, flat = inside.shape, (-1, knots[..., 0].numel())
        # a row for each spline
        rows = inside.nan_to_num(-torch.inf).expand(shape).reshape(flat).T.contiguous()
        inner = knots[..., 1:-1].reshape(flat[1], -1).contiguous()
        below = torch.searchsorted(inner, rows, right=True)
        ends = [
            part.reshape(flat[1], -1).gather(1, place).T.reshape(shape)
            for part in (self.x, self.y, self.slope)
            for place in (below, below + 1)
        ]
        x0, x1, y0, y1, d0, d1 = ends
        return x0, y0, x1 - x0, y1 - y0, d0, d1
