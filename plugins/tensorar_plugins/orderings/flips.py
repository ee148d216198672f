"""An ensemble of raster orders that start in different corners."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

from tensorar import Ordering
from tensorar_plugins.orderings.raster import Raster


@dataclass(frozen=True, kw_only=True)
class Flips(Ordering):
    """The raster orders from every corner, as an ensemble: the model is the mixture of those of each order.

    ``flip`` names the axes that are reversed or not (all by default), ``axes`` nests them as in raster: ``2^k`` orders
    for ``k`` axes. As the ensembles of MADE (Germain et al. 2015, section 4.2) and of LMConv (Jain et al. 2020).

    >>> [order.visits.tolist() for order in Flips().orders((3,))]
    [[0, 1, 2], [2, 1, 0]]
    """

    name = "flips"
    axes: tuple[int, ...] | None = None
    flip: tuple[int, ...] | None = None
    fixed = False
    ensemble = True

    def visits(self, event_shape):
        return Raster(axes=self.axes).visits(event_shape)

    def orders(self, event_shape):
        flipped = range(len(event_shape)) if self.flip is None else self.flip
        longer = [a for a in flipped if event_shape[a] > 1] if self.flip is None else flipped
        corners = itertools.product(*[((), (a,)) for a in longer])
        return tuple(Raster(axes=self.axes, flip=sum(corner, ())).order(event_shape) for corner in corners)

    def draw(self, event_shape, generator=None):
        orders = self.orders(event_shape)
        return orders[int(torch.randint(len(orders), (), generator=generator))]
