"""The PixelCNN: masked convolutions and residual blocks, for any order and any number of axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from tensorar import CachedStepper, Order, Signature, Stepper
from tensorar_plugins.backbones.layers.sizes import require_positive, require_probability
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.incremental import (
    IncrementalConvs,
    LayerAtStep,
    examples_per_window,
    output_parameters,
    relu_into,
    with_bias,
)
from tensorar_plugins.backbones.masked_conv.layer import MaskedLayer
from tensorar_plugins.backbones.masked_conv.taps import Ranks
from tensorar_plugins.backbones.pixelcnn.layers import MaskedConvBackbone, OutputLayers, added_to, rectified


class PixelCNN(MaskedConvBackbone):
    """Masked convolutions with residual connections: each coefficient from its neighbors of lower rank.

    ``h[0] = conv_A(x)``, then ``blocks`` times ``h[l + 1] = h[l] + B(relu(B_kxk(relu(B(relu(h[l]))))))`` with the 1x1
    convolutions ``B`` to half the channels and back, then two ReLU and 1x1 layers and the output. The tap from ``j`` to
    ``i`` exists only if ``rank[j] < rank[i]`` (mask A, the first layer), ``<=`` later (mask B). Van den Oord,
    Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", sections 3.3 to 3.5, table 1 and figure 5; the
    defaults are those for CIFAR-10 (h = 128), except for ``output_channels``, which is 1024 for color images there and
    32 for MNIST.

    Orders whose taps differ between positions, such as snake or Hilbert, are masked position by position (Jain,
    Abbeel, Pathak 2020, "Locally Masked Convolution for Autoregressive Models"). The paper does not state an
    initialization: it is torch's, with a fan-in that counts live taps.

    Options:
        channels: Number of channels of the residual stream, per coefficient of a pixel.
        blocks: Number of residual blocks, of three convolutions each.
        kernel: Kernel size of the middle convolution of a block, in pixels along every axis; odd.
        first_kernel: Kernel size of the first convolution, in pixels along every axis; odd.
        output_channels: Number of channels of the two 1x1 layers before the output; none: as many as ``channels``.
        dropout: Probability of dropping an element before the last convolution of a block, in training.
        channel_axes: Indices of the event's axes that are fully connected by the same rule, not convolved over; none:
            those of at most 4 if another axis is longer.
    """

    name = "pixelcnn"
    recommended: ClassVar[dict[str, float]] = {"learning_rate": 8e-3, "batch_size": 16, "evaluate_every": 250}
    blind_spot = (
        "raster orders: coefficients beyond the reach of the layers, and a wedge at the far side of the rows just"
        " before; scattered orders (random, checkerboard): most of the past, because information travels only along"
        " steps back in the order"
    )

    def __init__(
        self,
        signature: Signature,
        *,
        channels: int = 256,
        blocks: int = 15,
        kernel: int = 3,
        first_kernel: int = 7,
        output_channels: int | None = None,
        dropout: float = 0.0,
        channel_axes: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(signature)
        output_channels = channels if output_channels is None else output_channels
        require_positive(self.name, channels=channels, blocks=blocks, output_channels=output_channels)
        require_probability(self.name, dropout=dropout)
        self.grid = Grid.of(signature.event_shape, channel_axes)
        ranks = self.grid.ranks(signature.order) if signature.order else None
        self.first = MaskedLayer(signature, self.grid, signature.feature_count, channels, first_kernel, ranks=ranks)
        self.blocks = nn.ModuleList(
            BottleneckBlock(signature, self.grid, channels, kernel, dropout=dropout, ranks=ranks) for _ in range(blocks)
        )
        self.output = OutputLayers(signature, self.grid, channels, output_channels, ranks=ranks)

    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        ranks = self.grid.ranks(order)
        maps = self.first(self.grid.maps(features), ranks, context)
        for block in self.blocks:
            maps = block(maps, ranks, context)
        parameters: Tensor = self.output(maps, ranks, context)
        return parameters

    def stepper(self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None) -> Stepper:
        return PixelCNNStepper(self, order, batch, context)


class BottleneckBlock(nn.Module):
    """ReLU and 1x1 to half the channels, ReLU and ``kernel``, ReLU and 1x1 back; the block's input is added once."""

    def __init__(
        self,
        signature: Signature,
        grid: Grid,
        channels: int,
        kernel: int,
        *,
        dropout: float = 0.0,
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        half = max(1, channels // 2)
        shapes = [(channels, half, 1), (half, half, kernel), (half, channels, 1)]
        self.layers = nn.ModuleList(
            MaskedLayer(signature, grid, *shape, include_self=True, ranks=ranks) for shape in shapes
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        maps: Float[Tensor, "batch groups_channels *sizes"],
        ranks: Ranks,
        context: Float[Tensor, "batch context"] | None,
    ) -> Float[Tensor, "batch groups_channels *sizes"]:
        """``(B, groups * channels, *sizes)`` to the same shape."""
        narrow, middle, wide = self.layers
        out = middle(rectified(narrow(maps.relu(), ranks, context)), ranks, context)
        return added_to(wide(self.dropout(rectified(out)), ranks, context), maps)


class PixelCNNStepper(CachedStepper):
    """A step is a forward pass at one position.

    Cached are the rectified inputs of the layers that read other coefficients (the convolutions; and the 1x1 layers
    that connect channels), each until its last reader. A step gathers the inputs of its live taps for all blocks at
    once; then every layer is one matrix product over the batch. Several steps ahead are one pass over all of them.
    """

    @torch.no_grad()
    def begin(self) -> None:
        backbone, ranks = self.backbone, self.backbone.grid.ranks(self.order)
        inner = [layer for part in [*backbone.blocks, backbone.output] for layer in part.layers]
        self.first, self.inner = (
            IncrementalConvs([with_bias(layer, self.context) for layer in layers], ranks, self.batch)
            for layers in ([backbone.first], inner)
        )
        self.networks = [_StepNetwork(*layers) for layers in zip(self.first.layers, self.inner.layers, strict=True)]

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        if features is not None:
            self.first.store(t - 1, features)
        self.first.fetch(t)
        self.inner.fetch(t)
        parameters = self.networks[self.first.group[t]]()
        self.inner.store(t)
        return parameters

    def prefill(self, features: Float[Tensor, "batch steps features"]) -> None:
        # the features at the last step are not known yet, and not read
        features = functional.pad(features, (0, 0, 0, 1))
        self.t = features.shape[1]
        for rows in examples_per_window(self.inner, self.batch, self.t):
            layer = partial(self.inner.window, rows=rows)
            self._after_first(self.first.window(0, features[rows], rows), layer)

    @property
    def looks_ahead(self) -> bool:
        """With one example, whose steps wait for the weights."""
        return self.batch == 1

    def ahead(self, features: Float[Tensor, "batch steps features"]) -> Float[Tensor, "batch steps parameters"]:
        self.first.store(self.t - 1, features[:, 0])
        maps = self.first.ahead(0, functional.pad(features[0, 1:], (0, 0, 0, 1)), self.t)
        return self._after_first(maps, partial(self.inner.ahead, t=self.t)).unsqueeze(0)

    def keep(self, count: int) -> None:
        # the features at the last of these steps come with the next one
        self.first.keep(self.t, count - 1)
        self.inner.keep(self.t, count)
        self.t += count

    def _after_first(
        self, maps: Float[Tensor, "*steps channels"], layer: Callable[[int, Tensor], Tensor]
    ) -> Float[Tensor, "*steps parameters"]:
        """The forward pass at several steps after the first layer; ``layer`` computes another one by its index."""
        blocks = len(self.backbone.blocks)
        for i in range(0, 3 * blocks, 3):
            out = maps
            for k in range(i, i + 3):
                out = layer(k, out.relu().contiguous())
            maps = maps + out
        for k in range(3 * blocks, 3 * blocks + 3):
            maps = layer(k, maps.relu().contiguous())
        return maps

    def state(self) -> dict[str, Tensor]:
        return self.first.state("first") | self.inner.state("inner")


class _StepNetwork:
    """All layers, one after the other, at a coefficient of one group."""

    def __init__(self, first: list[LayerAtStep], inner: list[LayerAtStep]) -> None:
        (self.first,), self.output = first, inner[-3:]
        narrow, middle, wide = (inner[i:-3:3] for i in range(3))
        # the stream leaves out the biases of what is added to it: they are added where it is read
        *biases, self.bias = accumulate([self.first.bias, *(layer.bias for layer in wide)])
        self.blocks = list(zip(biases, narrow, middle, wide, strict=True))

    def __call__(self) -> Float[Tensor, "batch parameters"]:
        stream = self.first.inputs @ self.first.weight
        for bias, narrow, middle, wide in self.blocks:
            torch.add(stream, bias, out=narrow.own_input).relu_()
            relu_into(middle, narrow.output())
            relu_into(wide, middle.output())
            stream.addmm_(wide.inputs, wide.weight)
        return output_parameters(self.output, stream.add_(self.bias))
