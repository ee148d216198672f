"""Degrees of hidden units: numbers that stand for a rank, so that masks between layers follow from the one rule."""

from __future__ import annotations

import torch

from tensorar import may_see


def sampled_degrees(connectivities, layers, units, n, *, seed=0):
    """Degrees ``(connectivities, layers, units)`` for ``n`` coefficients: from 0 to ``n - 2``, or -1 where ``n`` is 1.

    A unit of degree ``m`` sees ranks up to ``m``: of higher degree it would have none to tell. The first connectivity
    has equally spaced degrees. In each other one every unit's degree is uniform, as Germain et al. draw it, but its
    layers have each degree as often as another, and all the same ones: so no unit is without inputs or outputs.

    >>> sampled_degrees(2, 1, 6, 4)
    tensor([[[0, 0, 1, 1, 2, 2]],
    <BLANKLINE>
            [[2, 0, 0, 1, 1, 2]]])
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = [_shuffled_degrees(layers, units, n, generator) for _ in range(connectivities - 1)]
    return torch.stack([_spaced(torch.arange(units).expand(layers, -1), n), *drawn])


def _shuffled_degrees(layers, units, n, generator):
    shift = torch.rand((), generator=generator, dtype=torch.float64)
    places = torch.stack([torch.randperm(units, generator=generator) for _ in range(layers)])
    return _spaced(places + shift, n)


def _spaced(places, n):
    """Of places in ``[0, units)``."""
    degrees = (places * (n - 1) / places.shape[-1]).floor().long()
    return degrees.clamp(max=n - 2)


def layer_masks(ranks, degrees):
    """Which outputs see which inputs ``(outputs, inputs)``, for the layer into each degrees' units and the last one.

    >>> [mask.int().tolist() for mask in layer_masks(torch.tensor([1, 0]), torch.tensor([[0, 0, 0]]))]
    [[[0, 1], [0, 1], [0, 1]], [[1, 1, 1], [0, 0, 0]]]
    """
    seen = [ranks, *degrees]
    hidden = [may_see(below, here[:, None], strict=False) for below, here in zip(seen, degrees, strict=False)]
    return [*hidden, may_see(seen[-1], ranks[:, None])]
