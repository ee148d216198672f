"""The Gated PixelCNN: a stack per axis, so that nothing of the past lies in a blind spot."""

from __future__ import annotations

import math

from torch import nn

from tensorar import CausalBackbone, Order
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.pixelcnn.gated_stepper import GatedPixelCNNStepper
from tensorar_plugins.backbones.pixelcnn.layers import Answer, MaskedLayer


class GatedPixelCNN(CausalBackbone):
    """A vertical and a horizontal stack of gated convolutions: no blind spot, each row above is seen as a whole.

    Per layer: ``u = W_v * v``, ``v' = tanh(u_f) sigmoid(u_g)`` in the vertical stack, ``s = W_h * h + B u``,
    ``y = tanh(s_f) sigmoid(s_g)`` in the horizontal one, ``h' = h + B y`` (no residual in the first layer), and
    ``B y`` of all layers, added up, through two ReLU and 1x1 layers to the output. The context is a bias of both
    gates. Van den Oord, Kalchbrenner, Espeholt, Vinyals, Graves, Kavukcuoglu 2016, "Conditional Image Generation with
    PixelCNN Decoders", equations 2 to 4 and figure 2; not in that figure are the skips from every layer to the output,
    which come from "Pixel Recurrent Neural Networks", section 3.3.

    The vertical stack's taps follow the rank rule for the ranks of *rows*, strictly in the first layer only: what it
    tells about a row has seen all rows before and nothing of its own, so the horizontal stack takes it from the same
    row, and no layer shifts anything. In general there is such a stack for every axis, by the rank of what is visited
    together when the axes inside it run through, and the last, by the coefficients' own ranks, is the horizontal one:
    a sequence has no other, a volume has three. ``channels`` are maps for each coefficient of a pixel, ``channel_axes``
    as in pixelcnn; ``dilation`` lists the dilations of the layers after the first, over and over.
    """

    name = "gated_pixelcnn"
    orders = "raster"
    ignores_unit_axes = True
    blind_spot = "what lies beyond the depth of the network"

    def __init__(
        self,
        signature,
        *,
        channels: int = 128,
        layers: int = 20,
        kernel: int = 5,
        first_kernel: int = 7,
        hidden: int | None = None,
        dilation: tuple[int, ...] = (1,),
        channel_axes: tuple[int, ...] | None = None,
    ):
        super().__init__(signature)
        hidden = channels if hidden is None else hidden
        require_positive(self.name, channels=channels, layers=layers, hidden=hidden, dilation=min(dilation, default=0))
        self.grid = Grid.of(signature.event_shape, _as_shown(channel_axes, signature))
        self.axes = axes_of_stacks(self.grid)
        ranks = self._ranks(Order.raster(signature.event_shape))
        self.layers = nn.ModuleList()
        for i in range(layers):
            size, step = (kernel, dilation[(i - 1) % len(dilation)]) if i else (first_kernel, 1)
            kernels = [kernel_of_stack(self.grid, axis, size) for axis in self.axes]
            ends = {"first": i == 0, "last": i == layers - 1}
            self.layers.append(GatedLayer(signature, self.grid, channels, kernels, ranks, dilation=step, **ends))
        self.answer = Answer(signature, self.grid, channels, hidden, ranks=ranks[-1])

    def _ranks(self, order):
        """The ranks that each stack goes by."""
        ranks, shape = self.grid.ranks(order), self.grid.event_shape
        return [*(ranks.coarser(math.prod(shape[axis + 1 :])) for axis in self.axes[:-1]), ranks]

    def init_output_bias(self, marginal):
        self.answer.init_output_bias(marginal)

    def forward(self, features, order, context=None):
        ranks = self._ranks(order)
        stacks, skips = [self.grid.maps(features)] * len(ranks), 0
        for layer in self.layers:
            stacks, skip = layer(stacks, ranks, context)
            skips = skips + skip
        return self.answer(skips, ranks[-1], context)

    def stepper(self, order, batch, context=None):
        return GatedPixelCNNStepper(self, order, batch, context)


def axes_of_stacks(grid):
    """The axes that get a stack: those longer than 1 up to the last that is convolved over, outermost first.

    Channel axes inside the last one need none: the horizontal stack connects them fully.
    """
    last = max(grid.spatial_axes, default=0)
    return [axis for axis in range(last) if grid.event_shape[axis] > 1] + [last]


def kernel_of_stack(grid, axis, size):
    """A stack stays where it is along the axes outside of its own."""
    return tuple(size if spatial >= axis else 1 for spatial in grid.spatial_axes) or (1,)


class GatedLayer(nn.Module):
    """One layer of all stacks: each tells the next what it has seen before its gate, the last is the horizontal one."""

    def __init__(self, signature, grid, channels, kernels, ranks, *, dilation, first, last):
        super().__init__()
        inputs = signature.feature_count if first else channels
        options = [{"include_self": not first, "dilation": dilation, "ranks": r} for r in ranks]
        self.stacks = nn.ModuleList(
            MaskedLayer(signature, grid, inputs, 2 * channels, kernel, **o)
            for kernel, o in zip(kernels, options, strict=True)
        )
        self.links = nn.ModuleList(
            MaskedConv(grid, 2 * channels, 2 * channels, 1, include_self=True, bias=False, ranks=r) for r in ranks[:-1]
        )
        # skip and residual in one; after the last layer only the skip goes on
        self.out = MaskedConv(grid, channels, channels if last else 2 * channels, 1, include_self=True, ranks=ranks[-1])
        self.groups, self.first, self.last = grid.groups, first, last

    def forward(self, stacks, ranks, context):
        """The maps of all stacks to those of the next layer and the skip."""
        gated, told = [], 0
        for stack, link, maps, rank in zip(self.stacks, [*self.links, None], stacks, ranks, strict=True):
            seen = stack(maps, rank, context) + told
            told = None if link is None else link(seen, rank)
            gated.append(gate(seen, self.groups))
        out = self.out(gated[-1], ranks[-1])
        if self.last:
            return gated, out
        skip, step = halves(out, self.groups)
        return [*gated[:-1], step if self.first else stacks[-1] + step], skip


def gate(maps, groups):
    """``tanh(f) sigmoid(g)`` of the two halves of the maps of each group."""
    f, g = halves(maps, groups)
    return f.tanh() * g.sigmoid()


def halves(maps, groups):
    """The first and the second half of the maps of each group."""
    return (half.flatten(1, 2) for half in maps.unflatten(1, (groups, 2, -1)).unbind(2))


def _as_shown(channel_axes, signature):
    """Axes of the data as axes of the events that the network is shown, which may be permuted."""
    if channel_axes is None or signature.axes is None:
        return channel_axes
    count = len(signature.axes)
    return tuple(signature.axes.index(a % count) if -count <= a < count else a for a in channel_axes)
