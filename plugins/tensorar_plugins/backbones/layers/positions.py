"""Where a coefficient is: learned vectors per axis, and rotations for attention."""

from __future__ import annotations

import math

import torch
from torch import nn

from tensorar_plugins.backbones.layers.sequence import shifted


class AxisPositions(nn.Module):
    """A vector of ``width`` for each coefficient: the sum of one learned vector per index of each axis."""

    def __init__(self, event_shape, width):
        super().__init__()
        self.axes = nn.ModuleList(nn.Embedding(size, width) for size in event_shape)
        # an event without axes has one position, and nothing to be told about it
        self.register_buffer("origin", torch.zeros(width), persistent=False)

    def forward(self, order):
        """``(N, width)``, in the order of the visits."""
        total = self.origin
        for axis in self.axes:
            total = total.unsqueeze(-2) + axis.weight
        return total.reshape(-1, len(self.origin)).index_select(0, order.visits)


class StepPlaces(nn.Module):
    """For each step, where the coefficient just shown is beside where the one asked for is: ``(N, 2 * width)``."""

    def __init__(self, event_shape, width):
        super().__init__()
        self.seen, self.asked = (AxisPositions(event_shape, width) for _ in range(2))

    def forward(self, order):
        seen = self.seen(order)
        return torch.cat([shifted(seen, torch.zeros_like(seen[0])), self.asked(order)], dim=-1)


class Rotary(nn.Module):
    """Turns queries and keys by their positions, so that their product depends on how far apart they are per axis.

    Su et al. 2021, "RoFormer", eq. 15, for several axes: the pairs of a head's channels are dealt out to the axes in
    turn, and the pairs of an axis of size ``n`` turn at geometric speeds from 1 to about ``1 / n``. A head with fewer
    pairs than there are axes leaves the last axes out.
    """

    def __init__(self, event_shape, width):
        super().__init__()
        self.event_shape = event_shape
        long_axes = [a for a, size in enumerate(event_shape) if size > 1]
        pairs = width // 2 if long_axes else 0
        self.axis_of_pair = [long_axes[k % len(long_axes)] for k in range(pairs)]
        self.speeds = [self._speed(k, len(long_axes), pairs) for k in range(pairs)]

    def _speed(self, pair, axes, pairs):
        of_axis = math.ceil((pairs - pair % axes) / axes)
        return self.event_shape[self.axis_of_pair[pair]] ** (-(pair // axes) / of_axis)

    def angles(self, like):
        """``(N, pairs)``, by flat index, in the number type of ``like`` or a more exact one."""
        if not self.speeds:
            return like.new_zeros(math.prod(self.event_shape), 0)
        everything = torch.arange(math.prod(self.event_shape), device=like.device)
        indices = torch.stack(torch.unravel_index(everything, self.event_shape), -1)
        # bfloat16 cannot tell 256 from 257
        exact = torch.promote_types(like.dtype, torch.float32)
        return indices[:, self.axis_of_pair].to(exact) * torch.tensor(self.speeds, dtype=exact, device=like.device)


def rotate(x, angles):
    """``x (..., N, width)`` turned by ``angles (N, pairs)``, channel ``k`` with channel ``k + pairs``.

    >>> rotate(torch.tensor([[1.0, 0.0, 9.0]]), torch.tensor([[math.pi / 2]])).round().int()
    tensor([[0, 1, 9]], dtype=torch.int32)
    """
    pairs = angles.shape[-1]
    a, b, rest = x.split([pairs, pairs, x.shape[-1] - 2 * pairs], dim=-1)
    cos, sin = angles.cos().to(x), angles.sin().to(x)
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)
