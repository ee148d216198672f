"""From coefficients to steps and back: what is scanned or attended to in visiting order."""

from __future__ import annotations

import torch


def by_step(x, order):
    """``(B, *event, C) -> (B, N, C)``: what was said of coefficients, in the order of the visits.

    >>> from tensorar import Order
    >>> order = Order(torch.tensor([2, 0, 1]), (3,))
    >>> by_step(torch.tensor([[[5.0], [6.0], [7.0]]]), order).flatten()
    tensor([7., 5., 6.])
    """
    # index_select, since the gradient of x[:, visits] is many times slower on a CPU
    return x.reshape(len(x), len(order), x.shape[-1]).index_select(1, order.visits)


def by_coefficient(x, order):
    """``(B, N, C) -> (B, *event, C)``: the inverse of ``by_step``."""
    return x.index_select(1, order.rank.flatten()).reshape(len(x), *order.event_shape, x.shape[-1])


def shifted(steps, start):
    """What each step of ``(..., N, C)`` knows: what the one before it says, and ``start (C)`` at the first.

    This is where the rule becomes strict: a step may look at itself and back, since it holds only what came before.

    >>> shifted(torch.tensor([[5.0], [6.0], [7.0]]), torch.zeros(1)).flatten()
    tensor([0., 5., 6.])
    """
    first = start.to(steps).expand(*steps.shape[:-2], 1, -1)
    return torch.cat([first, steps[..., :-1, :]], dim=-2)
