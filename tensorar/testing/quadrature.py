"""Probabilities of intervals of a head's values, whatever the location and the scale of its distribution.

The support is cut at samples of the distribution and at points that become sparse far out. Between two cuts a density
is integrated by the tanh-sinh rule (Takahasi and Mori 1974), whose points become dense at both ends; probabilities of
integers are summed, and between distant integers integrated like a density.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from tensorar.head import Head
from tensorar.support import bounds, support_values

# samples at which the support is cut, and the step of the tanh-sinh rule, from coarse to fine
RESOLUTIONS = ((300, 0.5), (2_000, 0.25), (8_000, 0.2))
# allowed distance of an integral from 1
DENSITY_TOLERANCE = 2e-3
# cuts this far from zero contribute nothing to moments that exist and can be integrated
FAR = 1e25
# above, the logarithm of the gamma function is rounded too coarsely for a probability
MAX_COUNT = 2.0**22
# float32 does not represent all integers above
MAX_LEVEL = 2.0**24
# values of a support that are summed one by one
MAX_VALUES = 4096


@dataclass(frozen=True)
class Masses:
    """Points of the support and the probabilities they stand for, of a batch of distributions.

    ``edges``: ascending cuts ``(m + 1, batch)``; ``points`` and ``mass``: ``(m, q, batch)``, of the q points from one
    cut (included if it has a probability) to the next.
    """

    edges: Tensor
    points: Tensor
    mass: Tensor

    @property
    def total(self) -> Tensor:
        """The total probability, ``(batch,)``."""
        return self.mass.sum((0, 1))

    def below(self, values: Tensor) -> Tensor:
        """The probability of values below each of these cuts, ``(n, batch)``."""
        cumulative = torch.cat([torch.zeros_like(self.edges[:1]), self.mass.sum(1).cumsum(0)])
        at = torch.searchsorted(self.edges.mT.contiguous(), values.mT.contiguous()).mT
        return cumulative.gather(0, at.clamp(max=len(self.edges) - 1))

    def mean_of(self, values: Tensor) -> Tensor:
        """The mean of a function given its ``values`` at the points."""
        return torch.where(self.mass > 0, self.mass * values, 0.0).sum((0, 1))


def listed_values(head: Head) -> Tensor | None:
    """The values of a finite support of which few enough exist to sum over all, or None."""
    values = support_values(head)
    return None if values is None or len(values) > MAX_VALUES else values


def masses(
    head: Head,
    distribution: Distribution,
    samples: Tensor,
    step: float = RESOLUTIONS[0][1],
    dtype: torch.dtype = torch.float64,
) -> Masses:
    """The probabilities between cuts, for a batch of distributions and samples ``(n, batch)`` of these.

    ``step`` is that of the tanh-sinh rule, ``dtype`` the dtype of the values whose likelihood is computed.
    """
    known = listed_values(head)
    if known is not None:
        edges = torch.cat([known, known[-1:] + 1])[:, None].expand(-1, samples.shape[1])
        points = edges[:-1, None]
        return Masses(edges, points, _probability(head, distribution, points, dtype))
    edges = _edges(head, samples.double())
    points, widths = (_integers if head.support.is_discrete else _tanh_sinh)(edges[:-1], edges[1:], step)
    mass = _probability(head, distribution, points, dtype) * widths
    if not head.support.is_discrete:
        mass = torch.where((points[..., None] != _atoms(head)).all(-1) & (widths > 0), mass, 0.0)
    return _with_atoms(head, distribution, Masses(edges, points, mass), dtype)


def resolvable(head: Head, samples: Tensor) -> Tensor:
    """Whether floating-point numbers resolve where the samples ``(n, batch)`` lie, so that masses can be computed."""
    if listed_values(head) is not None:
        return torch.ones(samples.shape[1], dtype=torch.bool)
    samples = samples.double()
    if head.support.is_discrete:
        good = samples.abs() < (MAX_COUNT if bounds(head)[1] is None else MAX_LEVEL)
    else:
        good = samples.isfinite() & (samples.abs() < FAR)
        for bound in bounds(head):
            if bound is not None:
                at_atom = (samples[..., None] == _atoms(head)).any(-1)
                good &= at_atom | ((samples - bound).abs() > max(1e-10 * abs(bound), 1 / FAR))
    # a few samples far out are no harm
    return good.double().mean(0) > 0.999


# --- helpers ---------------------------------------------------------------------------------------------------------


def _probability(head: Head, distribution: Distribution, points: Tensor, dtype: torch.dtype) -> Tensor:
    """Probabilities or densities at points ``(m, q, batch)``."""
    flat = points.flatten(0, 1)
    inside = head.support.check(flat)
    if not head.support.is_discrete:
        # a density may be undefined at the ends of its support
        at_end = [flat == bound for bound in bounds(head) if bound is not None and bound not in head.point_masses]
        inside = inside & ~torch.stack(at_end).any(0) if at_end else inside
    harmless = torch.where(inside, flat, flat.new_tensor(_inner(head)))
    nats = distribution.log_prob(harmless.to(dtype)).double()
    return torch.where(inside, nats.exp(), 0.0).reshape(points.shape)


def _inner(head: Head) -> float:
    low, high = bounds(head)
    if low is not None and high is not None:
        return low if head.support.is_discrete else (low + high) / 2
    return low + 1.0 if low is not None else 0.0


def _atoms(head: Head) -> Tensor:
    return torch.tensor(head.point_masses, dtype=torch.float64)


def _with_atoms(head: Head, distribution: Distribution, found: Masses, dtype: torch.dtype) -> Masses:
    """Add each point mass to the interval that starts at it."""
    points, mass = [found.points], [found.mass]
    row = torch.arange(len(found.points))[:, None]
    for atom in head.point_masses:
        at = torch.full_like(found.edges[:1], atom)
        place = torch.searchsorted(found.edges.mT.contiguous(), at.mT.contiguous()).mT
        probability = _probability(head, distribution, at[:, None], dtype)
        points.append(at[:, None].expand(len(row), 1, -1))
        mass.append(torch.where(row == place, probability[0], 0.0)[:, None])
    return Masses(found.edges, torch.cat(points, 1), torch.cat(mass, 1))


def _edges(head: Head, samples: Tensor) -> Tensor:
    """Ascending cuts: samples, points ever further away from these, and points of the whole support."""
    low, high = bounds(head)
    if head.support.is_discrete and high is not None:
        high += 1
    samples = samples.nan_to_num(_inner(head), FAR, -FAR)
    first, last = samples.amin(0), samples.amax(0)
    smallest = 1.0 if head.support.is_discrete else 1e-12
    away = 2.0 ** torch.arange(-8, 31, dtype=torch.float64)[:, None] * (last - first).clamp(min=smallest)
    everywhere = torch.cat([_whole(low, high), _atoms(head)])[:, None].expand(-1, samples.shape[1])
    edges = torch.cat([samples, last + away, first - away, everywhere])
    if head.support.is_discrete:
        edges = edges.floor()
    edges = edges.clamp(-math.inf if low is None else low, math.inf if high is None else high).sort(0).values
    # an interval that starts at the end, for a point mass there
    return torch.cat([edges, edges[-1:]])


def _whole(low: float | None, high: float | None) -> Tensor:
    """Points of an interval or half-line, dense at its ends, or of the real line, dense at zero."""
    u = torch.arange(-80, 80.1, 0.5, dtype=torch.float64)
    if low is None:
        return u.sinh()
    if high is None:
        return low + u.exp()
    part = (high - low) * u[u < 0].exp()
    return torch.cat([torch.tensor([low, high], dtype=torch.float64), low + part, high - part])


def _tanh_sinh(start: Tensor, end: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Points and weights ``(m, q, batch)`` to integrate over the intervals between ``start`` and ``end``."""
    t = torch.arange(-3, 3 + step / 2, step, dtype=torch.float64)[:, None]
    share = (math.pi * t.sinh()).sigmoid()
    weight = math.pi * t.cosh() * share * (1 - share) * step
    width = (end - start).unsqueeze(1)
    near_start = start.unsqueeze(1) + width * share
    # computed from the nearer end, where the points are dense
    points = torch.where(t < 0, near_start, end.unsqueeze(1) - width * (-math.pi * t.sinh()).sigmoid())
    return points, weight / weight.sum() * width


def _integers(start: Tensor, end: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Integers from ``start`` to below ``end``, all of them or some with weights."""
    points, weights = _tanh_sinh(start - 0.5, end - 0.5, step)
    q = points.shape[1]
    count = (end - start).unsqueeze(1)
    every = torch.arange(q, dtype=torch.float64)[:, None]
    few = count <= q
    some = torch.minimum(torch.maximum(points.round(), start.unsqueeze(1)), end.unsqueeze(1) - 1)
    return (
        torch.where(few, torch.minimum(start.unsqueeze(1) + every, end.unsqueeze(1)), some),
        torch.where(few, (every < count).double(), weights),
    )
