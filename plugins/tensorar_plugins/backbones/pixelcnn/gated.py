"""The Gated PixelCNN: one stack per axis, so that no part of the past is in a blind spot."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from tensorar import Head, Order, Signature, Stepper
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixelcnn.gated_stepper import GatedPixelCNNStepper
from tensorar_plugins.backbones.pixelcnn.image_size import image_size
from tensorar_plugins.backbones.pixelcnn.layers import MaskedConvBackbone, OutputLayers


class GatedPixelCNN(MaskedConvBackbone):
    """A vertical and a horizontal stack of gated convolutions: no blind spot, each row above is seen as a whole.

    Per layer: ``u = W_v * v``, ``v' = tanh(u_f) sigmoid(u_g)`` in the vertical stack, ``s = W_h * h + B u``,
    ``y = tanh(s_f) sigmoid(s_g)`` in the horizontal one, ``h' = h + B y`` (no residual in the first layer), and the sum
    of ``B y`` over all layers through two ReLU and 1x1 layers to the output. The context is a bias of both gates. Van
    den Oord, Kalchbrenner, Espeholt, Vinyals, Graves, Kavukcuoglu 2016, "Conditional Image Generation with PixelCNN
    Decoders", equations 2 to 4 and figure 2; the skips from every layer to the output are not in that figure but come
    from "Pixel Recurrent Neural Networks", section 3.3.

    The vertical stack's taps follow the rank rule for the ranks of *rows*, strictly in the first layer only: its output
    at a row depends on all rows before and not on the row itself, so the horizontal stack reads it at the same row, and
    no layer shifts anything. In general there is such a stack for every axis, by the rank of the slab that is visited
    while the axes inside it run through. The last, by the coefficients' own ranks, is the horizontal one: a sequence
    has no other, a volume has three.

    Options:
        channels: Number of channels of each stack, per coefficient of a pixel.
        layers: Number of gated layers, of one convolution per stack each.
        kernel: Kernel size of the layers after the first, in pixels along every axis; odd.
        first_kernel: Kernel size of the first layer, in pixels along every axis; odd.
        output_channels: Number of channels of the two 1x1 layers before the output; none: as many as ``channels``.
        dilation: Distance in pixels between neighboring taps, for each layer after the first; the list is repeated
            cyclically.
        dropout: Probability of dropping an element of a layer's output in each stack, in training.
        channel_axes: Indices of the event's axes that are fully connected, not convolved over; none: those of at most 4
            if another axis is longer.
    """

    name = "gated_pixelcnn"
    # every position of an image is an example: small batches give more steps
    recommended: ClassVar[dict[str, float]] = {"learning_rate": 8e-3, "batch_size": 16, "evaluate_every": 250}
    orders = "raster"
    ignores_unit_axes = True
    blind_spot = "coefficients beyond the reach of its layers"

    @classmethod
    def image_options(cls, event_shape: tuple[int, ...], head: Head) -> tuple[dict[str, Any], str]:
        options, size = image_size(event_shape)
        return options, f"it sees all rows above, {size}"

    def __init__(
        self,
        signature: Signature,
        *,
        channels: int = 128,
        layers: int = 20,
        kernel: int = 5,
        first_kernel: int = 7,
        output_channels: int | None = None,
        dilation: tuple[int, ...] = (1,),
        dropout: float = 0.0,
        channel_axes: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(signature)
        output_channels = channels if output_channels is None else output_channels
        sizes = {"channels": channels, "layers": layers, "output_channels": output_channels}
        require_positive(self.name, **sizes, dilation=min(dilation, default=0))
        require_probability(self.name, dropout=dropout)
        self.grid = Grid.of(signature.event_shape, _network_axes(channel_axes, signature))
        self.axes = stack_axes(self.grid)
        ranks = self.stack_ranks(Order.raster(signature.event_shape))
        self.layers = nn.ModuleList()
        for i in range(layers):
            size, step = (kernel, dilation[(i - 1) % len(dilation)]) if i else (first_kernel, 1)
            kernels = [stack_kernel(self.grid, axis, size) for axis in self.axes]
            ends = {"first": i == 0, "last": i == layers - 1}
            layer = GatedLayer(signature, self.grid, channels, kernels, ranks, dilation=step, dropout=dropout, **ends)
            self.layers.append(layer)
        self.output = OutputLayers(signature, self.grid, channels, output_channels, ranks=ranks[-1])

    def stack_ranks(self, order: Order) -> list[Ranks]:
        """The ranks that each stack follows: those of slabs, outermost first, then those of coefficients."""
        ranks, shape = self.grid.ranks(order), self.grid.event_shape
        return [*(ranks.coarser(math.prod(shape[axis + 1 :])) for axis in self.axes[:-1]), ranks]

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        ranks = self.stack_ranks(order)
        stacks = [self.grid.maps(features)] * len(ranks)
        skips: Tensor | int = 0
        for layer in self.layers:
            stacks, skip = layer(stacks, ranks, context)
            skips = skips + skip
        parameters: Tensor = self.output(skips, ranks[-1], context)
        return parameters

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> Stepper:
        return GatedPixelCNNStepper(self, order, batch, context)


def stack_axes(grid: Grid) -> list[int]:
    """The axes that get a stack: those longer than 1 up to the last that is convolved over, outermost first.

    Channel axes inside the last one need none: the horizontal stack connects them fully.
    """
    last = max(grid.spatial_axes, default=0)
    return [axis for axis in range(last) if grid.event_shape[axis] > 1] + [last]


def stack_kernel(grid: Grid, axis: int, size: int) -> tuple[int, ...]:
    """The kernel of a stack: of size 1 along the axes outside of its own."""
    return tuple(size if spatial >= axis else 1 for spatial in grid.spatial_axes) or (1,)


class GatedLayer(nn.Module):
    """One layer of all stacks, the horizontal one last; each adds its sums before the gate to those of the next."""

    def __init__(
        self,
        signature: Signature,
        grid: Grid,
        channels: int,
        kernels: list[tuple[int, ...]],
        ranks: list[Ranks],
        *,
        dilation: int,
        dropout: float,
        first: bool,
        last: bool,
    ) -> None:
        super().__init__()
        inputs = signature.feature_count if first else channels
        self.stacks = nn.ModuleList(
            MaskedLayer(
                signature, grid, inputs, 2 * channels, kernel, include_self=not first, dilation=dilation, ranks=r
            )
            for kernel, r in zip(kernels, ranks, strict=True)
        )
        self.links = nn.ModuleList(
            MaskedConv(grid, 2 * channels, 2 * channels, 1, include_self=True, bias=False, ranks=r) for r in ranks[:-1]
        )
        # skip and residual in one; after the last layer there is only the skip
        self.out = MaskedConv(grid, channels, channels if last else 2 * channels, 1, include_self=True, ranks=ranks[-1])
        self.dropout = nn.Dropout(dropout)
        self.groups, self.first, self.last = grid.groups, first, last

    def forward(
        self,
        stacks: list[Tensor],
        ranks: list[Ranks],
        context: Float[Tensor, "batch context"] | None,
    ) -> tuple[list[Tensor], Tensor]:
        """The maps of all stacks, ``(B, groups * channels, *sizes)`` each, for the next layer, and the skip."""
        gated: list[Tensor] = []
        from_outer: Tensor | int = 0
        for stack, link, maps, rank in zip(self.stacks, [*self.links, None], stacks, ranks, strict=True):
            sums = stack(maps, rank, context) + from_outer
            if link is not None:
                from_outer = link(sums, rank)
            gated.append(self.dropout(gate(sums, self.groups)))
        out: Tensor = self.out(gated[-1], ranks[-1])
        if self.last:
            return gated, out
        skip, step = halves(out, self.groups)
        return [*gated[:-1], step if self.first else stacks[-1] + step], skip


def gate(
    maps: Float[Tensor, "batch groups_2_channels *sizes"], groups: int
) -> Float[Tensor, "batch groups_channels *sizes"]:
    """``tanh(f) sigmoid(g)`` of the two halves of the maps of each group."""
    f, g = halves(maps, groups)
    return f.tanh() * g.sigmoid()


def halves(maps: Float[Tensor, "batch groups_2_channels *sizes"], groups: int) -> tuple[Tensor, Tensor]:
    """The first and the second half of the maps of each group, ``(B, groups * channels, *sizes)`` each."""
    first, second = maps.unflatten(1, (groups, 2, -1)).unbind(2)
    return first.flatten(1, 2), second.flatten(1, 2)


def _network_axes(channel_axes: tuple[int, ...] | None, signature: Signature) -> tuple[int, ...] | None:
    """Axes of the data as axes of the network's events, which may be permuted."""
    if channel_axes is None or signature.axes is None:
        return channel_axes
    count = len(signature.axes)
    return tuple(signature.axes.index(a % count) if -count <= a < count else a for a in channel_axes)
