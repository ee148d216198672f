"""Degrees of hidden units: numbers that stand for a rank, so that masks between layers follow from the one rule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from tensorar import Order, cached_plan, planned_property
from tensorar_plugins.backbones.layers.staircase import Staircase


@dataclass(frozen=True)
class Connectivities:
    """The assignments of degrees to hidden units among which a network chooses, by the numbers that define them."""

    count: int
    layers: int
    units: int
    coefficients: int
    seed: int = 0

    @planned_property
    def degrees(self) -> Int[Tensor, "connectivities layers units"]:
        """The degrees, on the CPU."""
        return sampled_degrees(self.count, self.layers, self.units, self.coefficients, seed=self.seed)


def sampled_degrees(
    connectivities: int, layers: int, units: int, n: int, *, seed: int = 0
) -> Int[Tensor, "connectivities layers units"]:
    """Degrees for ``n`` coefficients: from 0 to ``n - 2``, or -1 if ``n`` is 1.

    A unit of degree ``m`` sees ranks up to ``m``; with a higher degree than ``n - 2`` no output could see it. The
    first connectivity has equally spaced degrees. In every other one each unit's degree is uniform, as Germain et al.
    draw it, but all layers have the same degrees, each about equally often: no unit is without inputs or outputs.

    >>> sampled_degrees(2, 1, 6, 4)
    tensor([[[0, 0, 1, 1, 2, 2]],
    <BLANKLINE>
            [[2, 0, 0, 1, 1, 2]]])
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = [_shuffled_degrees(layers, units, n, generator) for _ in range(connectivities - 1)]
    return torch.stack([_spaced_degrees(torch.arange(units).expand(layers, -1), n), *shuffled])


def _shuffled_degrees(layers: int, units: int, n: int, generator: torch.Generator) -> Int[Tensor, "layers units"]:
    shift = torch.rand((), generator=generator, dtype=torch.float64)
    positions = torch.stack([torch.randperm(units, generator=generator) for _ in range(layers)])
    return _spaced_degrees(positions + shift, n)


def _spaced_degrees(positions: Shaped[Tensor, "layers units"], n: int) -> Int[Tensor, "layers units"]:
    """The degrees of units at ``positions`` in ``[0, units)``, where degrees are spaced equally."""
    degrees = (positions * (n - 1) / positions.shape[-1]).floor().long()
    return degrees.clamp(max=n - 2)


def layer_staircases(
    ranks: Int[Tensor, " n"],
    degrees: Int[Tensor, "layers units"],
    *,
    dtype: torch.dtype = torch.float32,
    features: int = 1,
    parameters: int = 1,
) -> list[Staircase]:
    """Which outputs see which inputs, for each hidden layer and the output layer.

    >>> found = layer_staircases(torch.tensor([1, 0]), torch.tensor([[0, 0, 0]]))
    >>> [staircase.mask.int().tolist() for staircase in found]
    [[[0, 1], [0, 1], [0, 1]], [[1, 1, 1], [0, 0, 0]]]
    """
    levels = [ranks, *degrees]
    sizes = [features, *[1] * (len(levels) - 1)]
    hidden = [
        Staircase(below, here, strict=False, dtype=dtype, features=size)
        for below, here, size in zip(levels, degrees, sizes, strict=False)
    ]
    return [*hidden, Staircase(levels[-1], ranks, strict=True, dtype=dtype, parameters=parameters)]


# masks are as large as the weights: enough for ``flips`` of two axes, while larger ensembles make them every time
@cached_plan(maxsize=4)
def network_staircases(
    order: Order,
    connectivities: Connectivities,
    chosen: int,
    features: int,
    parameters: int,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Staircase, ...]:
    """Those of a network under one of the connectivities."""
    ranks, degrees = order.rank.flatten().to(device), connectivities.degrees[chosen].to(device)
    return tuple(layer_staircases(ranks, degrees, dtype=dtype, features=features, parameters=parameters))
