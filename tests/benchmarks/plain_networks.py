"""Networks as they are usually written, for comparison: masks times weights in ordinary layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PlainMaskedLinear(nn.Linear):
    """``F.linear`` with weights times a mask, as in most open implementations of MADE."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_buffer("mask", torch.ones(outputs, inputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.mask * self.weight, self.bias)


class PlainMADE(nn.Sequential):
    """A masked autoencoder of one hidden layer in raster order, degrees spaced equally."""

    def __init__(self, pixels: int, hidden: int) -> None:
        first, last = PlainMaskedLinear(pixels, hidden), PlainMaskedLinear(hidden, pixels)
        super().__init__(first, nn.ReLU(), last)
        rank, degree = torch.arange(pixels), torch.arange(hidden) * (pixels - 1) // hidden
        first.mask.copy_(degree[:, None] >= rank)
        last.mask.copy_(rank[:, None] > degree)


class PlainMaskedConv(nn.Conv2d):
    """A whole kernel with the taps of the future multiplied by zero, as in most open implementations of PixelCNN."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, include_self: bool) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        mask, middle = torch.ones_like(self.weight), kernel // 2
        mask[:, :, middle, middle + include_self :] = 0
        mask[:, :, middle + 1 :] = 0
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PlainBlock(nn.Module):
    """ReLU and 1x1 to half the channels, ReLU and 3x3, ReLU and 1x1 back; the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        shapes = [(channels, channels // 2, 1), (channels // 2, channels // 2, 3), (channels // 2, channels, 1)]
        layers = [layer for shape in shapes for layer in (nn.ReLU(), PlainMaskedConv(*shape, include_self=True))]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class PlainPixelCNN(nn.Sequential):
    """A 7x7 convolution (mask A), residual blocks (mask B), two 1x1 layers and the logits of bits."""

    def __init__(self, channels: int, blocks: int) -> None:
        output = [(channels, channels), (channels, channels), (channels, 1)]
        super().__init__(
            PlainMaskedConv(1, channels, 7, include_self=False),
            *(PlainBlock(channels) for _ in range(blocks)),
            *(layer for a, b in output for layer in (nn.ReLU(), PlainMaskedConv(a, b, 1, include_self=True))),
        )
