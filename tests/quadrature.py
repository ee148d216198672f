"""Integrals over the support of a continuous head."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar import Head


def points_and_weights(head: Head, reach: float, step: float) -> tuple[Tensor, Tensor]:
    """Points ``x(u)`` for ``u`` evenly from ``-reach`` to ``reach``, and ``x'(u) step``: the trapezoid rule in ``u``.

    ``x(u)`` maps the real line onto the support: ``sinh``, ``exp`` or ``sigmoid``. What is smooth and dies away at both
    ends of it is then integrated with an error that falls exponentially with the step.
    """
    u = torch.arange(-reach, reach + step / 2, step, dtype=torch.float64)
    points, slopes = _onto(head, u)
    # far out, numbers next to a bound are the bound itself
    inside = head.support.check(points)
    return points[inside], slopes[inside] * step


def _onto(head: Head, u: Tensor) -> tuple[Tensor, Tensor]:
    low, high = (getattr(head.support, name, None) for name in ("lower_bound", "upper_bound"))
    if low is None:
        return u.sinh(), u.cosh()
    if high is None:
        return low + u.exp(), u.exp()
    # a density may fall off slowly towards a bound
    u = 2.5 * u
    return low + (high - low) * u.sigmoid(), 2.5 * (high - low) * u.sigmoid() * (-u).sigmoid()
