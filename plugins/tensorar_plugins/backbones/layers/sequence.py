"""Between events and sequences in visiting order, for networks that scan or attend to steps."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import Order


def to_sequence(x: Float[Tensor, "batch *event channels"], order: Order) -> Float[Tensor, "batch steps channels"]:
    """``(B, *event, C) -> (B, N, C)``, in visiting order.

    >>> order = Order(torch.tensor([2, 0, 1]), (3,))
    >>> to_sequence(torch.tensor([[[5.0], [6.0], [7.0]]]), order).flatten()
    tensor([7., 5., 6.])
    """
    # index_select, since the gradient of x[:, visits] is many times slower on a CPU
    return x.reshape(len(x), len(order), x.shape[-1]).index_select(1, order.visits)


def to_event(x: Float[Tensor, "batch steps channels"], order: Order) -> Float[Tensor, "batch *event channels"]:
    """``(B, N, C) -> (B, *event, C)``: the inverse of ``to_sequence``."""
    return x.index_select(1, order.rank.flatten()).reshape(len(x), *order.event_shape, x.shape[-1])


def shift_right(
    steps: Float[Tensor, "*batch steps channels"], start: Float[Tensor, " channels"]
) -> Float[Tensor, "*batch steps channels"]:
    """Each step of ``(..., N, C)`` replaced by the one before it, the first by ``start (C)``.

    This makes the rule strict: step ``t`` may depend on itself, since it holds what was visited at step ``t - 1``.

    >>> shift_right(torch.tensor([[5.0], [6.0], [7.0]]), torch.zeros(1)).flatten()
    tensor([0., 5., 6.])
    """
    first = start.to(steps).expand(*steps.shape[:-2], 1, -1)
    return torch.cat([first, steps[..., :-1, :]], dim=-2)
