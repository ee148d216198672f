"""Positions of coefficients: learned vectors per axis, and rotations for attention."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Order
from tensorar_plugins.backbones.layers.module_sequence import ModuleSequence
from tensorar_plugins.backbones.layers.sequence import shift_right
from tensorar_plugins.coordinates import coordinates


class AxisPositions(nn.Module):
    """A vector of ``width`` for each coefficient: the sum of one learned vector per index of each axis."""

    origin: Tensor

    def __init__(self, event_shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.axes: ModuleSequence[nn.Embedding] = ModuleSequence(nn.Embedding(size, width) for size in event_shape)
        # an event without axes has one position, which needs no vector of its own
        self.register_buffer("origin", torch.zeros(width), persistent=False)

    def forward(self, order: Order) -> Float[Tensor, "steps width"]:
        """``(N, width)``, in visiting order."""
        total = self.origin
        for axis in self.axes:
            total = total.unsqueeze(-2) + axis.weight
        return total.reshape(-1, len(self.origin)).index_select(0, order.visits)


class StepPositions(nn.Module):
    """The positions of the coefficient visited last and of the one predicted next: ``(N, 2 * width)``."""

    def __init__(self, event_shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.last, self.next = (AxisPositions(event_shape, width) for _ in range(2))

    def forward(self, order: Order) -> Float[Tensor, "steps double_width"]:
        """One row per step; at the first step there is no last coefficient, and zeros stand for its position."""
        last: Tensor = self.last(order)
        return torch.cat([shift_right(last, torch.zeros_like(last[0])), self.next(order)], dim=-1)


class RotaryEmbedding(nn.Module):
    """Angles that rotate queries and keys, so that their product depends on the offset along each axis.

    Su et al. 2021, "RoFormer", eq. 15, for several axes: the pairs of a head's channels are assigned to the axes in
    turn, and the pairs of an axis of size ``n`` have geometric frequencies from 1 to about ``1 / n``. If a head has
    fewer pairs than there are axes, the last axes have none.
    """

    def __init__(self, event_shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.event_shape = event_shape
        long_axes = [a for a, size in enumerate(event_shape) if size > 1]
        pairs = width // 2 if long_axes else 0
        self.axis_of_pair = [long_axes[k % len(long_axes)] for k in range(pairs)]
        self.frequencies = [self._frequency(k, len(long_axes), pairs) for k in range(pairs)]

    def _frequency(self, pair: int, axes: int, pairs: int) -> float:
        pairs_of_axis = math.ceil((pairs - pair % axes) / axes)
        return float(self.event_shape[self.axis_of_pair[pair]] ** (-(pair // axes) / pairs_of_axis))

    def angles(self, like: Tensor) -> Float[Tensor, "n pairs"]:
        """``(N, pairs)``, by flat index, in the dtype of ``like`` or a more precise one."""
        if not self.frequencies:
            return like.new_zeros(math.prod(self.event_shape), 0)
        # bfloat16 cannot represent both 256 and 257
        precise = torch.promote_types(like.dtype, torch.float32)
        frequencies = torch.tensor(self.frequencies, dtype=precise, device=like.device)
        return coordinates(self.event_shape, like.device)[self.axis_of_pair].T.to(precise) * frequencies


def rotate(x: Float[Tensor, "*heads width"], angles: Float[Tensor, "... pairs"]) -> Float[Tensor, "*heads width"]:
    """``x (..., N, width)`` rotated by ``angles (N, pairs)``, channel ``k`` with channel ``k + pairs``.

    >>> rotate(torch.tensor([[1.0, 0.0, 9.0]]), torch.tensor([[math.pi / 2]])).round().int()
    tensor([[0, 1, 9]], dtype=torch.int32)
    """
    pairs = angles.shape[-1]
    a, b, rest = x.split([pairs, pairs, x.shape[-1] - 2 * pairs], dim=-1)
    cos, sin = angles.cos().to(x), angles.sin().to(x)
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)
