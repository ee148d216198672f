"""A convolution whose taps follow the rank rule: for any order, any number of axes, and groups of maps.

    grid = Grid.of(event_shape, channel_axes)                   # which axes are convolved over
    first = MaskedConv(grid, features, 64, 7)                   # mask A: sees strictly lower ranks
    later = MaskedConv(grid, 64, 64, (1, 3), include_self=True)       # mask B: and its own
    ranks = grid.ranks(order)                                   # the order's ranks; or Ranks(any numbers)
    maps = later(first(grid.maps(features), ranks), ranks)      # (B, groups * 64, *grid.sizes)
    grid.events(maps)                                           # (B, *event, 64)

The same layer takes other ranks on other calls. ``Ranks`` of row numbers make a convolution that sees whole rows:
strictly lower ones, or with ``include_self=True`` the own row too.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from tensorar_plugins.backbones.masked_conv.locally_masked import locally_masked
from tensorar_plugins.backbones.masked_conv.taps import Kernel

CONVOLUTION = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
# a box of live taps is off centre: up to here it costs less to compute some positions too many than to copy the input
# with the padding that it needs on one side
SURPLUS = 1.1


class MaskedConv(nn.Module):
    """``out[g, i] = bias[g] + sum_{o, s: rank[s, i + o] < rank[g, i]} weight[g, s, o] maps[s, i + o]``.

    ``inputs`` and ``outputs`` are maps per group: ``(B, groups * inputs, *sizes)`` becomes ``(B, groups * outputs,
    *sizes)``. ``include_self=True`` allows equal ranks. ``kernel`` is one odd size or one per spatial axis.

    Initialised as torch's convolutions, uniform within ``1 / sqrt(fan_in)``, except that where ``ranks`` are given
    fan-in counts what is seen (on average over the positions), not what is masked out.
    """

    def __init__(self, grid, inputs, outputs, kernel, *, include_self=False, dilation=1, bias=True, ranks=None):
        super().__init__()
        self.kernel = Kernel.of(kernel, grid.sizes, dilation=dilation)
        self.groups, self.include_self = grid.groups, include_self
        self.weight = nn.Parameter(torch.empty(grid.groups * outputs, grid.groups * inputs, *self.kernel.size))
        self.bias = nn.Parameter(torch.empty(grid.groups * outputs)) if bias else None
        self._initialise(ranks)

    def _initialise(self, ranks):
        taps = math.prod(self.kernel.size) * self.groups
        seen = torch.full((self.groups,), float(taps))
        if ranks is not None:
            seen = self.taps(ranks).live.flatten(3).sum((0, 2)).float().mean(1).clamp(min=1).cpu()
        bound = (seen * (self.weight[0].numel() // taps)).rsqrt().repeat_interleave(len(self.weight) // self.groups)
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                shape = (-1, *[1] * (parameter.ndim - 1))
                parameter.data = (2 * torch.rand_like(parameter) - 1) * bound.reshape(shape).to(parameter)

    def taps(self, ranks):
        """Which taps of the kernel live where, for these ranks."""
        return ranks.taps(self.kernel, include_self=self.include_self)

    def forward(self, maps, ranks):
        """``(B, groups * inputs, *sizes)`` to ``(B, groups * outputs, *sizes)``."""
        taps = self.taps(ranks)
        if not taps.uniform:
            return self._locally_masked(maps, taps)
        if maps.ndim - 2 in CONVOLUTION:
            return self._convolve(maps, taps)
        if math.prod(self.kernel.size) == 1:
            return self._convolve(maps.flatten(2), taps).unflatten(2, maps.shape[2:])
        return self._locally_masked(maps, taps)

    def _convolve(self, maps, taps):
        """One ordinary convolution with the box of the live taps."""
        convolution, weight = CONVOLUTION[maps.ndim - 2], self._boxed_weight(taps).flatten(maps.ndim - 1)
        sizes, padding = maps.shape[2:], taps.padding[: maps.ndim - 2]
        around = [max(0, *pair) for pair in padding]
        surplus = [n + 2 * p - before - after for n, p, (before, after) in zip(sizes, around, padding, strict=True)]
        if math.prod(surplus) > SURPLUS * sizes.numel():
            maps = F.pad(maps, [p for pair in reversed(padding) for p in pair])
            return convolution(maps, weight, self.bias, dilation=self.kernel.dilation)
        out = convolution(maps, weight, self.bias, padding=around, dilation=self.kernel.dilation)
        starts = [p - before for p, (before, _) in zip(around, padding, strict=True)]
        return out[(..., *[slice(i, i + n) for i, n in zip(starts, sizes, strict=True)])]

    def _boxed_weight(self, taps):
        weight = self.weight[(..., *[slice(a, b + 1) for a, b in taps.box])]
        if taps.box_mask is None:
            return weight
        blocks = weight.unflatten(1, (self.groups, -1)).unflatten(0, (self.groups, -1))
        return (blocks * taps.box_mask[:, None, :, None]).flatten(0, 1).flatten(1, 2)

    def _locally_masked(self, maps, taps):
        bias = self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias
        return locally_masked(maps, self.weight, bias, taps)
