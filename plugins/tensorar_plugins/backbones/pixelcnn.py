"""The PixelCNN: masked convolutions and residual blocks, for any order and any number of axes."""

from __future__ import annotations

from torch import nn

from tensorar import CausalBackbone
from tensorar_plugins.backbones.grid import Grid
from tensorar_plugins.backbones.pixel_layers import Answer, MaskedLayer
from tensorar_plugins.backbones.pixelcnn_stepper import PixelCNNStepper
from tensorar_plugins.backbones.sizes import require_positive


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
    blind_to = (
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

    def start_at(self, marginal):
        self.answer.start_at(marginal)

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
        self.layers = nn.ModuleList(MaskedLayer(signature, grid, *shape, itself=True, ranks=ranks) for shape in shapes)

    def forward(self, maps, ranks, context):
        out = maps
        for layer in self.layers:
            out = layer(out.relu(), ranks, context)
        return maps + out
