"""Orders that visit a coarse lattice of the event before what lies between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering, SpecError
from tensorar_plugins.coordinates import coordinates, lexicographic


@dataclass(frozen=True, kw_only=True)
class Subsampled(Ordering):
    """The base of orderings that subsample axes.

    Options:
        axes: Axes that are subsampled, outermost first (none: all of them); the others are visited together at
            each position: with "1 2" the channels of a pixel of a (3, height, width) image.
    """

    axes: tuple[int, ...] | None = None

    def positions(self, event_shape: tuple[int, ...]) -> tuple[Int[Tensor, "axes n"], Int[Tensor, "others n"]]:
        """The coordinates of every coefficient along the subsampled axes, and along the others.

        Raises ``ShapeError`` for axes that the event does not have, or has only once.
        """
        d = len(event_shape)
        chosen = range(d) if self.axes is None else self.axes
        inside = [a % d for a in chosen if -d <= a < d]
        if len(set(inside)) < len(chosen):
            raise self.unsupported(event_shape, f"different axes {' '.join(map(str, chosen))}")
        everywhere = coordinates(event_shape)
        return everywhere[inside], everywhere[[a for a in range(d) if a not in inside]]


@dataclass(frozen=True, kw_only=True)
class Interlaced(Subsampled):
    """Every second position along each axis first, then the other phases, one after another.

    The phase of a coefficient is the remainder of its coordinates by ``period``. Phases are visited in raster order,
    and each of them in raster order: ``"c (h p) (w q) -> (p q h w c)"`` is ``interlaced:axes="1 2"``, here for any
    sizes. ``axes=-2`` visits every second row first, as interlaced video does. With another period: the subscale order
    of Menick and Kalchbrenner 2019, "Generating High Fidelity Images with Subscale Pixel Networks".

    >>> Interlaced().visits((2, 4))
    tensor([0, 2, 1, 3, 4, 6, 5, 7])
    >>> Interlaced(axes=(0,)).visits((3, 2))
    tensor([0, 1, 4, 5, 2, 3])

    Options:
        period: Distance between the positions of one phase, at least 2.
    """

    name = "interlaced"
    period: int = 2

    def __post_init__(self) -> None:
        if self.period < 2:
            raise SpecError(
                expected="interlaced's period to be at least 2",
                got=str(self.period),
                remedy="with a period of 1 it is the ordering raster",
            )

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        positions, others = self.positions(event_shape)
        return lexicographic([*positions % self.period, *positions, *others], positions.shape[1])


@dataclass(frozen=True, kw_only=True)
class CoarseToFine(Subsampled):
    """A coarse lattice first, then twice as many positions along each axis, until all are visited.

    Recursive 2 x 2 subsampling (``2^k`` for ``k`` axes), as Adam7 in PNG and the multiscale orders of Reed et al. 2017,
    "Parallel Multiscale Autoregressive Density Estimation": level ``l`` adds the positions whose coordinates are all
    multiples of ``2^l`` and not all of ``2^(l + 1)``. It visits the phases that it adds in the order of ``interlaced``,
    and each in raster order. For any number of axes and any sizes.

    >>> CoarseToFine().visits((5,))
    tensor([0, 4, 2, 1, 3])
    >>> CoarseToFine().visits((2, 4))
    tensor([0, 2, 1, 3, 4, 6, 5, 7])
    """

    name = "coarse_to_fine"

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        positions, others = self.positions(event_shape)
        level = _level(positions, max(event_shape, default=1))
        phases = (positions >> level) % 2
        return lexicographic([-level, *phases, *positions, *others], positions.shape[1])


def _level(positions: Int[Tensor, "axes n"], size: int) -> Int[Tensor, " n"]:
    """The largest ``l`` for which all coordinates are multiples of ``2^l``; one number above all for the origin."""
    level = torch.zeros(positions.shape[1], dtype=torch.long)
    for power in range(1, size.bit_length() + 1):
        level += (positions % 2**power == 0).all(0)
    return level
