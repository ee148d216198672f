"""A convolution whose taps follow the rank rule: for any order, any number of axes, and groups of maps.

    grid = Grid.of(event_shape, channel_axes)                   # which axes are convolved over
    first = MaskedConv(grid, features, 64, 7)                   # mask A: strictly lower ranks
    later = MaskedConv(grid, 64, 64, (1, 3), include_self=True)       # mask B: equal ranks too
    ranks = grid.ranks(order)                                   # the order's ranks; or Ranks(any integers)
    maps = later(first(grid.maps(features), ranks), ranks)      # (B, groups * 64, *grid.sizes)
    grid.events(maps)                                           # (B, *event, 64)

The same layer accepts other ranks in other calls. ``Ranks`` of row numbers make a convolution that reads whole rows:
strictly lower ones, or with ``include_self=True`` its own row too.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tensorar_plugins.backbones.masked_conv.frame import frame_of
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.locally_masked import locally_masked
from tensorar_plugins.backbones.masked_conv.taps import Kernel, Ranks, Taps

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
# a box of live taps is off center: up to this ratio, computing surplus positions costs less than copying the input to
# pad it on one side
MAX_OVERHEAD = 1.1


class MaskedConv(nn.Module):
    """``out[g, i] = bias[g] + sum_{o, s: rank[s, i + o] < rank[g, i]} weight[g, s, o] maps[s, i + o]``.

    ``inputs`` and ``outputs`` are maps per group: ``(B, groups * inputs, *sizes)`` becomes ``(B, groups * outputs,
    *sizes)``. ``include_self=True`` allows equal ranks. ``kernel`` is one odd size or one per spatial axis.

    Initialized as torch's convolutions, uniform within ``1 / sqrt(fan_in)``, except that with ``ranks`` the fan-in
    counts only live taps (on average over the positions).
    """

    bias: Tensor | None

    def __init__(
        self,
        grid: Grid,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, ...],
        *,
        include_self: bool = False,
        dilation: int = 1,
        bias: bool = True,
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        self.kernel = Kernel.of(kernel, grid.sizes, dilation=dilation)
        self.groups, self.include_self = grid.groups, include_self
        self.weight = nn.Parameter(torch.empty(grid.groups * outputs, grid.groups * inputs, *self.kernel.size))
        self.bias = nn.Parameter(torch.empty(grid.groups * outputs)) if bias else None
        self._initialize(ranks)

    def _initialize(self, ranks: Ranks | None) -> None:
        taps = math.prod(self.kernel.size) * self.groups
        live = torch.full((self.groups,), float(taps))
        if ranks is not None:
            live = self.taps(ranks).live.flatten(3).sum((0, 2)).float().mean(1).clamp(min=1).cpu()
        bound = (live * (self.weight[0].numel() // taps)).rsqrt().repeat_interleave(len(self.weight) // self.groups)
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                shape = (-1, *[1] * (parameter.ndim - 1))
                parameter.data = (2 * torch.rand_like(parameter) - 1) * bound.reshape(shape).to(parameter)

    def taps(self, ranks: Ranks) -> Taps:
        """Which taps of the kernel are live at which positions."""
        return ranks.taps(self.kernel, include_self=self.include_self)

    def forward(
        self, maps: Float[Tensor, "batch groups_inputs *sizes"], ranks: Ranks
    ) -> Float[Tensor, "batch groups_outputs *sizes"]:
        """``(B, groups * inputs, *sizes)`` to ``(B, groups * outputs, *sizes)``."""
        taps = self.taps(ranks)
        if not taps.translation_invariant:
            return self._locally_masked(maps, taps)
        if maps.ndim - 2 in CONVOLUTIONS:
            return self._convolve(maps, taps)
        if math.prod(self.kernel.size) == 1:
            out = self._convolve(maps.flatten(2), taps)
            return out.reshape(*out.shape[:2], *maps.shape[2:])
        return self._locally_masked(maps, taps)

    def _convolve(
        self, maps: Float[Tensor, "batch groups_inputs *sizes"], taps: Taps
    ) -> Float[Tensor, "batch groups_outputs *sizes"]:
        """One ordinary convolution with the box of the live taps."""
        convolution, weight = CONVOLUTIONS[maps.ndim - 2], self._boxed_weight(taps).flatten(maps.ndim - 1)
        frame = frame_of(maps.shape[2:], taps.padding[: maps.ndim - 2], MAX_OVERHEAD)
        if frame.pad is not None:
            maps = F.pad(maps, frame.pad)
        out = convolution(_channels_last(maps), weight, self.bias, 1, frame.around, self.kernel.dilation)
        return _channels_last(out if frame.crop is None else F.pad(out, frame.crop))

    def _boxed_weight(self, taps: Taps) -> Float[Tensor, "groups_outputs groups_inputs *box"]:
        weight = self.weight if taps.box_window is None else self.weight[taps.box_window]
        if taps.box_mask is None:
            return weight
        if self.groups == 1:
            return weight * taps.box_mask
        blocks = weight.unflatten(1, (self.groups, -1)).unflatten(0, (self.groups, -1))
        masked: Tensor = blocks * taps.box_mask[:, None, :, None]
        return masked.flatten(0, 1).flatten(1, 2)

    def _locally_masked(
        self, maps: Float[Tensor, "batch groups_inputs *sizes"], taps: Taps
    ) -> Float[Tensor, "batch groups_outputs *sizes"]:
        bias = self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias
        return locally_masked(maps, self.weight, bias, taps)


def _channels_last(maps: Float[Tensor, "batch channels *sizes"]) -> Float[Tensor, "batch channels *sizes"]:
    """The same maps with the channels of a position next to each other, in which CPUs convolve up to twice as fast.

    What is computed from them element by element keeps the layout, so that only the first layer has to change it.
    """
    if maps.ndim != 4 or maps.device.type != "cpu":
        return maps
    return maps.contiguous(memory_format=torch.channels_last)
