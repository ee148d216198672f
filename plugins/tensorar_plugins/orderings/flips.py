"""An ensemble of raster orders that start in different corners."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from tensorar import Order, Ordering, cached_plan
from tensorar_plugins.orderings.raster import raster_visits


@dataclass(frozen=True, kw_only=True)
class Flips(Ordering):
    """The raster orders from every corner, as an ensemble: the model is the mixture of the models of these orders.

    There are ``2^k`` orders for ``k`` axes that are reversed. As the ensembles of MADE (Germain et al. 2015, section
    4.2) and of LMConv (Jain et al. 2020).

    >>> [order.visits.tolist() for order in Flips().orders((3,))]
    [[0, 1, 2], [2, 1, 0]]

    Options:
        axes: Nesting of the axes, outermost first, as in raster (none: as they are).
        flip: Indices of the axes that are visited in reverse in half of the orders (none: all axes longer than 1).
        embedding: Whether the network is told which order it is in, as a part of its context (causal networks).
    """

    name = "flips"
    axes: tuple[int, ...] | None = None
    flip: tuple[int, ...] | None = None
    embedding: bool = False
    fixed = False
    ensemble = True

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        return _corner_orders(self, tuple(event_shape))[0].visits

    def orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        return _corner_orders(self, tuple(event_shape))


@cached_plan(maxsize=64)
def _corner_orders(flips: Flips, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
    """The order from each corner: the same objects on every call, so that plans cached per order are reused."""
    long_axes = tuple(a for a, size in enumerate(event_shape) if size > 1)
    reversed_axes = long_axes if flips.flip is None else flips.flip
    if len({a % max(len(event_shape), 1) for a in reversed_axes}) < len(reversed_axes):
        raise flips.unsupported(event_shape, f"different axes {' '.join(map(str, reversed_axes))}")
    flips.check_shape(event_shape, orders=2 ** len(reversed_axes))
    corners = itertools.product(*[((), (a,)) for a in reversed_axes])
    visits = (raster_visits(flips, event_shape, flips.axes, sum(corner, ())) for corner in corners)
    return tuple(Order(some, event_shape) for some in visits)
