"""The PixelCNN: masked convolutions and residual blocks, for any order and any number of axes."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import nn

from tensorar import CachedStepper, CausalBackbone
from tensorar_plugins.backbones.layers.sizes import require_positive
from tensorar_plugins.backbones.masked_conv.grid import Grid
from tensorar_plugins.backbones.masked_conv.incremental import Gathering, answer, rectify, with_bias
from tensorar_plugins.backbones.pixelcnn.layers import Answer, MaskedLayer


class PixelCNN(CausalBackbone):
    """Masked convolutions with residual connections: each coefficient from its neighbours of lower rank.

    ``h[0] = conv_A(x)``, then ``blocks`` times ``h[l + 1] = h[l] + B(relu(B_kxk(relu(B(relu(h[l]))))))`` with the 1x1
    convolutions ``B`` to half the channels and back, then two ReLU and 1x1 layers of ``hidden`` maps (none given: as
    many as channels) and the output. The tap from ``j`` to ``i`` exists only if ``rank[j] < rank[i]`` (mask A, the
    first layer), ``<=`` later (mask B). Van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural
    Networks", sections 3.3 to 3.5, table 1 and figure 5; the defaults are those for CIFAR-10 (h = 128), but for
    ``hidden``, which is 1024 for colour images there and 32 for MNIST.

    ``channels`` are the maps of the residual stream, for each coefficient of a pixel: ``channel_axes`` are not
    convolved over but fully connected, by the same rule; by default axes of at most 4 beside a longer one. Orders
    whose taps are not the same everywhere, such as snake or Hilbert, are masked position by position (Jain, Abbeel,
    Pathak 2020, "Locally Masked Convolution for Autoregressive Models"). The paper names no initialisation: it is
    torch's, with a fan-in of what is seen.
    """

    name = "pixelcnn"
    blind_spot = (
        "raster orders: what lies beyond the depth of the network, and a wedge to the far side of the rows just before;"
        " scattered orders (random, checkerboard): most of the past, for sight goes on only by steps back in the order"
    )

    def __init__(
        self,
        signature,
        *,
        channels: int = 256,
        blocks: int = 15,
        kernel: int = 3,
        first_kernel: int = 7,
        hidden: int | None = None,
        channel_axes: tuple[int, ...] | None = None,
    ):
        super().__init__(signature)
        hidden = channels if hidden is None else hidden
        require_positive(self.name, channels=channels, blocks=blocks, hidden=hidden)
        self.grid = Grid.of(signature.event_shape, channel_axes)
        ranks = self.grid.ranks(signature.order) if signature.order else None
        self.first = MaskedLayer(signature, self.grid, signature.feature_count, channels, first_kernel, ranks=ranks)
        self.blocks = nn.ModuleList(
            ResidualBlock(signature, self.grid, channels, kernel, ranks=ranks) for _ in range(blocks)
        )
        self.answer = Answer(signature, self.grid, channels, hidden, ranks=ranks)

    def init_output_bias(self, marginal):
        self.answer.init_output_bias(marginal)

    def forward(self, features, order, context=None):
        ranks = self.grid.ranks(order)
        maps = self.first(self.grid.maps(features), ranks, context)
        for block in self.blocks:
            maps = block(maps, ranks, context)
        return self.answer(maps, ranks, context)

    def stepper(self, order, batch, context=None):
        return PixelCNNStepper(self, order, batch, context)


class ResidualBlock(nn.Module):
    """ReLU and 1x1 to half the channels, ReLU and ``kernel``, ReLU and 1x1 back; the block's input is added once."""

    def __init__(self, signature, grid, channels, kernel, *, ranks=None):
        super().__init__()
        half = max(1, channels // 2)
        shapes = [(channels, half, 1), (half, half, kernel), (half, channels, 1)]
        self.layers = nn.ModuleList(
            MaskedLayer(signature, grid, *shape, include_self=True, ranks=ranks) for shape in shapes
        )

    def forward(self, maps, ranks, context):
        out = maps
        for layer in self.layers:
            out = layer(out.relu(), ranks, context)
        return maps + out


class PixelCNNStepper(CachedStepper):
    """Each activation is computed once: a step is a forward pass at one position.

    Held are the rectified inputs of the layers that look at other coefficients (the convolutions; of the 1x1 layers
    those that join channels), each until the last coefficient that reads it. A step gathers what its live taps read,
    for all blocks at once; then every layer is one matrix product over the batch.
    """

    def begin(self):
        backbone, ranks = self.backbone, self.backbone.grid.ranks(self.order)
        inner = [layer for part in [*backbone.blocks, backbone.answer] for layer in part.layers]
        with torch.no_grad():
            self.first, self.inner = (
                Gathering([with_bias(layer, self.context) for layer in layers], ranks, self.batch)
                for layers in ([backbone.first], inner)
            )
            self.chains = [_Chain(*places) for places in zip(self.first.places, self.inner.places, strict=True)]

    def advance(self, features, t):
        if features is not None:
            self.first.keep(t - 1, features)
        self.first.fetch(t)
        self.inner.fetch(t)
        parameters = self.chains[self.first.groups[t]]()
        self.inner.keep(t)
        return parameters

    def state(self):
        return self.first.state("first") | self.inner.state("inner")


class _Chain:
    """All layers, one after the other, at a coefficient of one group."""

    def __init__(self, first, inner):
        (self.first,), self.answer = first, inner[-3:]
        narrow, middle, wide = (inner[i:-3:3] for i in range(3))
        # the stream of the blocks goes without the biases of what is added to it: they come in where it is read
        *biases, self.bias = accumulate([self.first.bias, *(place.bias for place in wide)])
        self.blocks = list(zip(biases, narrow, middle, wide, strict=True))

    def __call__(self):
        stream = self.first.rows @ self.first.weight
        for bias, narrow, middle, wide in self.blocks:
            torch.add(stream, bias, out=narrow.own).relu_()
            rectify(narrow.sum(), middle)
            rectify(middle.sum(), wide)
            stream.addmm_(wide.rows, wide.weight)
        return answer(stream.add_(self.bias), self.answer)
